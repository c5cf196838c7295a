/* SPDX-License-Identifier: GPL-2.0-only */
/* Samples with their time. */
#include "analysis/samples.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"

struct key {
	const char *comm, *exe;
};

void samples_done(struct samples *s)
{
	vec_done(&s->v);
	vec_done(&s->programs);
}

static int find_programs(struct samples *s, const struct report *r, uint32_t *of_target)
{
	struct table index = {};
	int err = 0;

	for (size_t t = 0; !err && t < r->targets.n; t++) {
		struct key key = { .comm = r->targets.v[t].comm, .exe = r->targets.v[t].exe };
		uint32_t i = table_find(&index, &key, sizeof(key));

		if (i == TABLE_NONE) {
			i = (uint32_t)s->programs.n;
			err = vec_push(&s->programs,
				       (struct program){ .comm = key.comm, .exe = key.exe });
			err = err ? err : table_add(&index, &key, sizeof(key), i);
		}
		if (!err && r->has_cpu)
			s->programs.v[i].cpu_ns += r->targets.v[t].cpu_ns;
		of_target[t] = i;
	}
	table_done(&index);
	return err;
}

/* Does all that a sample names exist? */
static bool is_whole(const struct report *r, uint32_t target, uint32_t stack)
{
	if (target >= r->targets.n || stack >= r->stacks.n)
		return false;
	for (uint32_t i = 0; i < r->stacks.v[stack].n; i++) {
		if (r->stacks.v[stack].frames[i] >= r->frames.n)
			return false;
	}
	return true;
}

static int add_samples(struct samples *s, const struct report *r, const uint32_t *of_target)
{
	int err = 0;

	for (size_t i = 0; !err && r->has_cpu && i < r->cpu_samples.n; i++) {
		const struct cpu_sample *c = &r->cpu_samples.v[i];

		if (!is_whole(r, c->target, c->stack))
			continue;
		s->programs.v[of_target[c->target]].samples += c->count;
		err = vec_push(&s->v, (struct sample){ .target = c->target,
						       .stack = c->stack,
						       .program = of_target[c->target],
						       .count = c->count });
	}
	for (size_t i = 0; !err && r->has_offcpu && i < r->offcpu_samples.n; i++) {
		const struct offcpu_sample *o = &r->offcpu_samples.v[i];

		if (!is_whole(r, o->target, o->stack))
			continue;
		s->offcpu_ns += o->total_ns;
		err = vec_push(&s->v, (struct sample){ .target = o->target,
						       .stack = o->stack,
						       .program = of_target[o->target],
						       .offcpu = true,
						       .blocked = o->why == OFFCPU_BLOCKED,
						       .count = o->count,
						       .ns = o->total_ns });
	}
	return err;
}

/* Divides each program's time so that nothing is lost by rounding. */
static int share_out(struct samples *s, const struct report *r)
{
	_cleanup_free_ uint64_t *seen = calloc(s->programs.n + 1, sizeof(*seen));
	uint64_t period_ns = 1000000000 / (r->cpu.frequency_hz ? r->cpu.frequency_hz : 1);

	if (!seen)
		return -ENOMEM;
	vec_foreach (p, &s->programs) {
		if (!p->cpu_ns)
			p->cpu_ns = p->samples * period_ns;
		s->cpu_ns += p->cpu_ns;
	}
	vec_foreach (sample, &s->v) {
		const struct program *p = &s->programs.v[sample->program];
		unsigned __int128 before = (unsigned __int128)p->cpu_ns * seen[sample->program];
		unsigned __int128 after;

		if (sample->offcpu)
			continue;
		seen[sample->program] += sample->count;
		after = (unsigned __int128)p->cpu_ns * seen[sample->program];
		sample->ns = (uint64_t)(after / p->samples - before / p->samples);
	}
	return 0;
}

int samples_init(struct samples *s, const struct report *r)
{
	_cleanup_free_ uint32_t *of_target = calloc(r->targets.n + 1, sizeof(*of_target));
	int err;

	*s = (struct samples){};
	err = of_target ? find_programs(s, r, of_target) : -ENOMEM;
	err = err ? err : add_samples(s, r, of_target);
	err = err ? err : share_out(s, r);
	if (err)
		samples_done(s);
	return err;
}
