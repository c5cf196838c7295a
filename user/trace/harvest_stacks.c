/* SPDX-License-Identifier: GPL-2.0-only */
/* Stacks on and off the CPU: what was counted by stack becomes the report's samples. */
#include "trace/harvest_stacks.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>

#include "bpf/wire.h"
#include "data/report.h"
#include "pathbpf.skel.h"
#include "trace/collect.h"
#include "trace/livesums.h"
#include "trace/mapread.h"
#include "trace/resolve.h"

struct harvest {
	struct collect *collect;
	struct report *report;
	struct resolver *resolver;
	const ns_vec *offcpu_ns;
	double switches_seen;     /* the part of the time */
	ns_vec exact_ns;          /* by off-CPU sample: the part of it that is no estimate */
	VEC(uint32_t) raw_stacks; /* by off-CPU sample */
	struct table cut_index;
};

/* An incomplete stack is told by its reason and the last function that is known. */
static int add_cut(struct harvest *h, uint32_t stack, uint64_t samples, uint64_t offcpu_ns)
{
	struct report *r = h->report;
	struct stack_cut cut = { .object = REPORT_NONE, .frame = REPORT_NONE };
	struct {
		const char *why;
		uint32_t object, frame;
	} key;
	uint32_t i;

	cut.why = report_str(r, resolve_cut(h->resolver, stack, &cut.object, &cut.frame));
	if (!cut.why)
		return -ENOMEM;
	key.why = cut.why;
	key.object = cut.object;
	key.frame = cut.frame;
	i = table_find(&h->cut_index, &key, sizeof(key));
	if (i == TABLE_NONE) {
		i = (uint32_t)r->cuts.n;
		if (vec_push(&r->cuts, cut) || table_add(&h->cut_index, &key, sizeof(key), i))
			return -ENOMEM;
	}
	r->cuts.v[i].samples += samples;
	r->cuts.v[i].offcpu_ns += offcpu_ns;
	return 0;
}

static int compare_cuts(const void *x, const void *y)
{
	const struct stack_cut *a = x, *b = y;

	if (a->samples != b->samples)
		return a->samples > b->samples ? -1 : 1;
	return a->offcpu_ns > b->offcpu_ns ? -1 : a->offcpu_ns < b->offcpu_ns;
}

static int add_cpu_samples(struct harvest *h)
{
	struct report *r = h->report;

	for (uint32_t i = 0; i < h->collect->cpu_counts.n; i++) {
		struct cpu_sample sample = { .count = h->collect->cpu_counts.v[i] };

		if (!sample.count)
			continue;
		sample.stack = resolve_stack(h->resolver, i);
		sample.target = resolve_target(h->resolver, h->collect->stacks.v[i].pid);
		if (sample.stack == REPORT_NONE || sample.target == REPORT_NONE ||
		    vec_push(&r->cpu_samples, sample))
			return -ENOMEM;
		r->cpu.samples += sample.count;
		if (!r->stacks.v[sample.stack].truncated)
			continue;
		r->cpu.truncated += sample.count;
		if (add_cut(h, i, sample.count, 0))
			return -ENOMEM;
	}
	return 0;
}

static int add_offcpu_sample(struct harvest *h, const struct offcpu_sample *s, uint32_t raw,
			     uint64_t exact_ns)
{
	return vec_push(&h->report->offcpu_samples, *s) || vec_push(&h->exact_ns, exact_ns) ||
		       vec_push(&h->raw_stacks, raw)
		   ? -ENOMEM
		   : 0;
}

static int add_offcpu(const void *key, void *value, void *arg)
{
	const struct pb_offcpu_key *k = key;
	const struct pb_offcpu_value *v = value;
	struct harvest *h = arg;
	struct report *r = h->report;
	uint32_t raw = collect_stack_by_id(h->collect, k->stack);
	struct offcpu_sample s = { .why =
				       k->why == PB_PREEMPTED ? OFFCPU_PREEMPTED : OFFCPU_BLOCKED,
				   .count = (uint64_t)((double)v->count / h->switches_seen),
				   .total_ns = v->total_ns,
				   .max_ns = v->max_ns };

	if (raw == TABLE_NONE)
		raw = collect_empty_stack(h->collect, k->pid);
	s.stack = resolve_stack(h->resolver, raw);
	s.target = resolve_target(h->resolver, k->pid);
	if (s.stack == REPORT_NONE || s.target == REPORT_NONE) {
		r->lost.stacks += s.count;
		return 0;
	}
	/* Looked at for moments, even those that were all measured are an estimate. */
	return add_offcpu_sample(h, &s, raw, h->switches_seen < 1 ? 0 : v->exact_ns);
}

/* The part of an off-CPU sample that is no estimate. */
static uint64_t exact_of(const struct harvest *h, size_t i)
{
	return i < h->exact_ns.n ? h->exact_ns.v[i] : 0;
}

/*
 * Sampled stacks estimate what is known exactly, a process's off-CPU time: scales the estimated
 * part of them to the rest of it (a ratio estimator), so that sums are right.
 */
static int scale_offcpu(struct harvest *h, uint32_t target)
{
	struct report *r = h->report;
	uint64_t estimated_ns = 0, rest_ns = h->offcpu_ns->v[target];
	struct offcpu_sample unknown = { .target = target, .why = OFFCPU_BLOCKED };
	double scale;
	uint32_t raw;

	for (size_t i = 0; i < r->offcpu_samples.n; i++) {
		const struct offcpu_sample *s = &r->offcpu_samples.v[i];
		uint64_t exact_ns = exact_of(h, i);

		if (s->target != target)
			continue;
		estimated_ns += s->total_ns - exact_ns;
		rest_ns -= exact_ns < rest_ns ? exact_ns : rest_ns;
	}
	scale = estimated_ns ? (double)rest_ns / (double)estimated_ns : 0;
	for (size_t i = 0; i < r->offcpu_samples.n; i++) {
		struct offcpu_sample *s = &r->offcpu_samples.v[i];
		uint64_t exact_ns = exact_of(h, i);

		if (s->target == target)
			s->total_ns =
			    exact_ns + (uint64_t)((double)(s->total_ns - exact_ns) * scale);
	}
	if (estimated_ns || !rest_ns)
		return 0;
	unknown.total_ns = rest_ns; /* time without any stack */
	raw = collect_empty_stack(h->collect, r->targets.v[target].pid);
	unknown.stack = resolve_stack(h->resolver, raw);
	return unknown.stack == REPORT_NONE ? 0 : add_offcpu_sample(h, &unknown, raw, rest_ns);
}

static int add_live_offcpu(struct harvest *h, const struct live_sums *live)
{
	int err = 0;

	for (size_t i = 0; i < live->offcpu.n && !err; i++) {
		struct live_offcpu o = live->offcpu.v[i];

		err = add_offcpu(&o.key, &o.value, h);
	}
	return err;
}

static int add_offcpu_samples(struct harvest *h, struct pathbpf *skel, const struct live_sums *live)
{
	struct report *r = h->report;
	int err = live ? add_live_offcpu(h, live) : map_each(skel->maps.offcpu, add_offcpu, h);

	for (uint32_t i = 0; i < h->offcpu_ns->n && !err; i++)
		err = scale_offcpu(h, i);
	for (size_t i = 0; i < r->offcpu_samples.n && !err; i++) {
		const struct offcpu_sample *s = &r->offcpu_samples.v[i];

		if (!r->stacks.v[s->stack].truncated)
			continue;
		r->offcpu.truncated_ns += s->total_ns;
		if (h->raw_stacks.v && i < h->raw_stacks.n)
			err = add_cut(h, h->raw_stacks.v[i], 0, s->total_ns);
	}
	return err;
}

int harvest_stacks(struct pathbpf *skel, struct collect *c, struct resolver *res, struct report *r,
		   const ns_vec *offcpu_ns, double switches_seen, const struct live_sums *live)
{
	struct harvest h = { .collect = c,
			     .report = r,
			     .resolver = res,
			     .offcpu_ns = offcpu_ns,
			     .switches_seen = switches_seen > 0 ? switches_seen : 1 };
	int err = add_cpu_samples(&h);

	if (!err && r->has_offcpu)
		err = add_offcpu_samples(&h, skel, live);
	if (r->cuts.n)
		qsort(r->cuts.v, r->cuts.n, sizeof(*r->cuts.v), compare_cuts);
	vec_done(&h.exact_ns);
	vec_done(&h.raw_stacks);
	table_done(&h.cut_index);
	return err;
}
