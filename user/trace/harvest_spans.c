/* SPDX-License-Identifier: GPL-2.0-only */
/* Nodes, paths and their errors. */
#include "trace/harvest_spans.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "data/report.h"
#include "pathbpf.skel.h"
#include "trace/errornames.h"
#include "trace/governor.h"
#include "trace/livesums.h"
#include "trace/mapread.h"
#include "trace/pathtable.h"
#include "trace/plan.h"
#include "trace/resolve.h"
#include "trace/session.h"
#include "trace/textwatch.h"

#define OWN_PART 0.6 /* of what a call's probes cost, that passes between its two times */

int harvest_sum(const struct pb_call_stats *per_cpu, struct pb_call_stats *sum,
		struct call_stats *out)
{
	uint64_t timed = 0;

	*sum = (struct pb_call_stats){ .min_ns = UINT64_MAX };
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++) {
		const struct pb_call_stats *s = &per_cpu[cpu];

		sum->errors += s->errors;
		sum->untimed += s->untimed;
		sum->total_ns += s->total_ns;
		sum->folded_ns += s->folded_ns;
		sum->child_ns += s->child_ns;
		sum->offcpu_ns += s->offcpu_ns;
		sum->open += s->open;
		sum->unwound += s->unwound;
		if (s->min_ns < sum->min_ns)
			sum->min_ns = s->min_ns;
		if (s->max_ns > sum->max_ns)
			sum->max_ns = s->max_ns;
		if (s->depth_max > sum->depth_max)
			sum->depth_max = s->depth_max;
		for (uint32_t i = 0; i < PB_HIST_BUCKETS; i++) {
			sum->hist[i] += s->hist[i];
			timed += s->hist[i];
		}
	}
	out->calls = timed + sum->untimed;
	out->errors = sum->errors;
	out->total_ns = sum->total_ns;
	out->self_ns = sum->total_ns + sum->folded_ns;
	out->self_ns -= sum->child_ns < out->self_ns ? sum->child_ns : out->self_ns;
	out->min_ns = timed ? sum->min_ns : 0;
	out->max_ns = sum->max_ns;
	if (!timed)
		return 0;
	out->hist = malloc(sizeof(*out->hist));
	if (!out->hist)
		return -ENOMEM;
	memcpy(out->hist->buckets, sum->hist, sizeof(out->hist->buckets));
	return 0;
}

static int add_path_stats(const void *key, void *value, void *arg)
{
	struct span_harvest *h = arg;
	struct pb_call_stats sum;
	struct path *path;
	uint32_t id, i;
	int err;

	memcpy(&id, key, sizeof(id));
	i = path_table_get(h->paths, id);
	if (i == REPORT_NONE)
		return 0;
	path = &h->report->paths.v[i];
	err = harvest_sum(value, &sum, &path->stats);
	path->open = sum.open;
	path->unwound = sum.unwound;
	path->untimed = sum.untimed;
	path->depth_max = sum.depth_max ? (uint32_t)sum.depth_max : 1;
	path->offcpu_ns = sum.offcpu_ns < sum.total_ns ? sum.offcpu_ns : sum.total_ns;
	path->cpu_ns = sum.total_ns - path->offcpu_ns;
	/* What a goroutine does not run, its thread runs for others. */
	path->has_cpu = h->plan->nodes.v[path->node].how != PLAN_GOROUTINE;
	return err;
}

/* Calls in progress, of a snapshot; at the end of a trace the kernel counts them. */
static void add_live_paths(struct span_harvest *h)
{
	for (size_t i = 0; h->live && i < h->live->paths.n; i++) {
		const struct live_path *l = &h->live->paths.v[i];
		uint32_t k = path_table_get(h->paths, l->path);
		struct path *path;

		if (k == REPORT_NONE)
			continue;
		path = &h->report->paths.v[k];
		path->open += l->open;
		path->untimed += l->untimed;
		path->stats.calls += l->untimed;
		h->report->nodes.v[path->node].calls += l->untimed;
	}
}

static int add_path_error(const void *key, void *value, void *arg)
{
	const struct pb_path_error_key *k = key;
	struct span_harvest *h = arg;
	uint32_t i = path_table_get(h->paths, k->path);
	struct path *path;
	char type[160];
	uint64_t n;

	if (i == REPORT_NONE)
		return 0;
	path = &h->report->paths.v[i];
	memcpy(&n, value, sizeof(n));
	error_name(h->errors, k->kind, k->value, path->node, type, sizeof(type));
	return error_counts_add(
	    h->report, k->kind == PB_ERROR_PYTHON ? &path->inside : &path->stats.error_types, type,
	    n);
}

static enum node_kind kind_of(enum plan_how how)
{
	switch (how) {
	case PLAN_POINT:
		return NODE_USDT;
	case PLAN_SYSCALL:
		return NODE_SYSCALL;
	case PLAN_KERNEL:
		return NODE_KERNEL;
	default:
		return NODE_FUNCTION;
	}
}

static int add_nodes(struct span_harvest *h)
{
	struct report *r = h->report;

	for (size_t i = 0; i < h->plan->nodes.n; i++) {
		const struct plan_node *p = &h->plan->nodes.v[i];
		struct node node = { .name = report_str(r, p->name), .kind = kind_of(p->how) };

		node.object = p->how == PLAN_KERNEL      ? report_add_object(r, "[kernel]", NULL)
			      : p->object == OBJECT_NONE ? REPORT_NONE
							 : resolve_object(h->resolver, p->object);
		if (vec_push(&r->nodes, node))
			return -ENOMEM;
		if (!p->attached)
			continue;
		r->coverage.probed++;
		r->coverage.emulated += p->entry.class != SITE_STEPPED;
		r->coverage.sites += p->sites > 0;
	}
	vec_foreach (s, &h->plan->skipped) {
		struct named_why why = { report_str(r, s->name), report_str(r, s->why) };

		if (vec_push(&r->skipped, why))
			return -ENOMEM;
	}
	r->coverage.matched = r->coverage.probed + r->skipped.n;
	return 0;
}

/* Its probes went before it was called: as good as not probed. */
static int add_vanished(struct span_harvest *h, size_t node)
{
	const struct plan_node *p = &h->plan->nodes.v[node];
	struct report *r = h->report;
	struct named_why why = { r->nodes.v[node].name, TEXTWATCH_GONE };

	r->coverage.probed--;
	r->coverage.emulated -= p->entry.class != SITE_STEPPED;
	r->coverage.sites -= p->sites > 0;
	return vec_push(&r->skipped, why);
}

/* Functions that were probed and never entered. */
static int add_unused(struct span_harvest *h)
{
	struct report *r = h->report;
	bool *entered = calloc(r->nodes.n + 1, sizeof(*entered));
	int err = entered ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < r->paths.n; i++)
		entered[r->paths.v[i].node] = true;
	for (size_t i = 0; !err && i < r->nodes.n; i++) {
		const struct node *n = &r->nodes.v[i];
		struct unused u = { .name = n->name };

		if (entered[i] || !h->plan->nodes.v[i].attached || h->plan->nodes.v[i].automatic)
			continue;
		if (h->plan->nodes.v[i].gone) {
			err = add_vanished(h, i);
			continue;
		}
		if (n->object != REPORT_NONE)
			u.object = r->objects.v[n->object].name;
		err = vec_push(&r->unused, u);
	}
	free(entered);
	return err;
}

/* A path is seen while all its nodes are. */
static double path_share(const struct span_harvest *h, uint32_t path, bool of_trace)
{
	double share = 1;

	while (path < h->report->paths.n) {
		const struct path *p = &h->report->paths.v[path];
		double node = session_node_share(h->session, p->node, of_trace);

		share = node < share ? node : share;
		path = p->parent < path ? p->parent : REPORT_NONE;
	}
	return share;
}

/* What was probed for moments, and is an estimate. */
static bool is_estimate(const struct span_harvest *h, uint32_t path, double share)
{
	const struct plan_node *n = &h->plan->nodes.v[h->report->paths.v[path].node];

	return share > 0 && share < 1 && (!n->costly || n->automatic);
}

static uint64_t less(uint64_t ns, double by_ns)
{
	return (double)ns > by_ns ? ns - (uint64_t)by_ns : 0;
}

/* Every call took so much less. */
static void shorten(struct call_stats *s, double by_ns)
{
	struct hist *old = s->hist, *new = old ? calloc(1, sizeof(*new)) : NULL;

	s->total_ns = less(s->total_ns, by_ns * (double)s->calls);
	if (!new)
		return;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		uint64_t value = less(hist_value(i), by_ns);

		new->buckets[hist_index(value ? value : 1)] += old->buckets[i];
	}
	s->hist = new;
	s->min_ns = less(s->min_ns, by_ns);
	s->min_ns = s->min_ns ? s->min_ns : 1;
	s->max_ns = less(s->max_ns, by_ns);
	free(old);
}

/*
 * Where many functions are probed for a moment, one within the other, a call takes long by what the
 * probes of those within cost, and by a part of its own: what is known of that is taken off.
 */
static int take_off_costs(struct span_harvest *h, const double *shares)
{
	struct report *r = h->report;
	struct governor *g = session_governor(h->session);
	double *cost_ns = calloc(r->paths.n + 1, sizeof(*cost_ns));

	if (!cost_ns)
		return -ENOMEM;
	for (uint32_t i = (uint32_t)r->paths.n; i--;) {
		struct path *p = &r->paths.v[i];
		double each_ns = governor_cost(g, p->node), calls = (double)p->stats.calls;

		if (p->parent < i)
			cost_ns[p->parent] += cost_ns[i] + calls * each_ns;
		if (calls > 0 && is_estimate(h, i, shares[i]))
			shorten(&p->stats, cost_ns[i] / calls + OWN_PART * each_ns);
	}
	for (uint32_t i = 0; i < r->paths.n; i++)
		if (is_estimate(h, i, shares[i]))
			r->paths.v[i].stats.self_ns = r->paths.v[i].stats.total_ns;
	for (uint32_t i = (uint32_t)r->paths.n; i--;) {
		const struct path *p = &r->paths.v[i];
		struct call_stats *above = p->parent < i ? &r->paths.v[p->parent].stats : NULL;

		if (above && is_estimate(h, p->parent, shares[p->parent]))
			above->self_ns = less(above->self_ns, (double)p->stats.total_ns);
	}
	free(cost_ns);
	return 0;
}

/*
 * What was probed for moments stands for the whole time; what was not probed any more for as long
 * as it was.
 */
static int scale_paths(struct span_harvest *h)
{
	double *shares = calloc(h->report->paths.n + 1, sizeof(*shares));
	int err = shares ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < h->report->paths.n; i++)
		shares[i] = path_share(h, i, false);
	err = err ? err : take_off_costs(h, shares);
	vec_foreach (n, &h->report->nodes)
		n->calls = 0;
	for (uint32_t i = 0; !err && i < h->report->paths.n; i++) {
		struct path *p = &h->report->paths.v[i];

		if (is_estimate(h, i, shares[i])) {
			call_stats_scale(&p->stats, shares[i]);
			p->estimate.measured = path_share(h, i, true);
			p->cpu_ns = (uint64_t)((double)p->cpu_ns / shares[i]);
			p->offcpu_ns = (uint64_t)((double)p->offcpu_ns / shares[i]);
		}
		h->report->nodes.v[p->node].calls += p->stats.calls;
	}
	free(shares);
	return err;
}

/*
 * Times of callees that are probed for moments are in their callers' own: estimates take them out.
 */
static void correct_self(struct span_harvest *h)
{
	struct report *r = h->report;

	for (uint32_t i = 0; i < r->paths.n; i++) {
		struct path *p = &r->paths.v[i], *parent;
		uint64_t unseen_ns;

		if (!p->stats.seen || p->parent >= i)
			continue;
		parent = &r->paths.v[p->parent];
		if (parent->stats.seen)
			continue;
		unseen_ns = (uint64_t)((double)p->stats.total_ns * (1 - p->stats.seen));
		parent->stats.self_ns -=
		    unseen_ns < parent->stats.self_ns ? unseen_ns : parent->stats.self_ns;
	}
}

int harvest_spans(struct span_harvest *h)
{
	int err = add_nodes(h);

	err = err ? err : path_table_read(h->paths, h->skel->maps.path_ids);
	err = err ? err : error_names_read(h->errors, h->skel->maps.error_names);
	err = err ? err : map_each(h->skel->maps.path_stats_hot, add_path_stats, h);
	err = err ? err : map_each(h->skel->maps.path_stats, add_path_stats, h);
	add_live_paths(h);
	err = err ? err : map_each(h->skel->maps.path_errors, add_path_error, h);
	err = err ? err : scale_paths(h);
	correct_self(h);
	error_names_notes(h->errors, h->report);
	return err ? err : add_unused(h);
}
