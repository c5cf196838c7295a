/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths from stacks. */
#include "analysis/sampled.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/interval.h"
#include "analysis/path_tree.h"
#include "lib/cleanup.h"

struct writer {
	struct report *r;
	const struct stacks *s;
	struct path_tree *t;
	uint32_t *paths;      /* by node of the tree: of the report, or REPORT_NONE */
	uint32_t *nodes;      /* by function: of the report, or REPORT_NONE */
	struct interval *cpu; /* by node of the tree */
	bool *named;          /* by node of the tree: something on its way has a name */
	struct buf text;
};

static void writer_done(struct writer *w)
{
	free(w->paths);
	free(w->nodes);
	free(w->cpu);
	free(w->named);
	buf_done(&w->text);
}

static enum node_kind kind_of(const struct function *f)
{
	static const enum node_kind kinds[] = { [LANGUAGE_NATIVE] = NODE_FUNCTION,
						[LANGUAGE_PYTHON] = NODE_PYTHON,
						[LANGUAGE_JAVASCRIPT] = NODE_JAVASCRIPT,
						[LANGUAGE_ERLANG] = NODE_ERLANG };

	if (f->class == FUNCTION_KERNEL)
		return NODE_KERNEL;
	return f->kind == FRAME_INTERPRETED ? kinds[f->language] : NODE_FUNCTION;
}

/* The report's node for a function, entered when new. */
static int node_of(struct writer *w, uint32_t function, uint32_t *ret)
{
	const struct function *f = &w->s->functions.v.v[function];
	struct node node = { .object = f->object, .kind = kind_of(f) };

	if (w->nodes[function] == REPORT_NONE && f->node != REPORT_NONE)
		w->nodes[function] = f->node;
	if (w->nodes[function] == REPORT_NONE) {
		buf_clear(&w->text);
		function_format(&w->text, w->r, f);
		node.name = report_str(w->r, buf_str(&w->text));
		if (w->text.err || !node.name || vec_push(&w->r->nodes, node))
			return -ENOMEM;
		w->nodes[function] = (uint32_t)w->r->nodes.n - 1;
	}
	*ret = w->nodes[function];
	return 0;
}

static int by_program(const void *a, const void *b, void *arg)
{
	const struct samples *s = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	uint32_t x = s->v.v[i].program, y = s->v.v[j].program;

	if (x != y)
		return x < y ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* One program's share of the intervals of the nodes that its samples are in. */
static int add_program(struct writer *w, const uint32_t *samples, uint32_t n, uint64_t *count)
{
	const struct samples *s = &w->s->samples;
	const struct program *p = &s->programs.v[s->v.v[samples[0]].program];
	VEC(uint32_t) touched = {};
	int err = 0;

	for (uint32_t i = 0; !err && i < n; i++) {
		uint32_t node = w->t->ends[samples[i]];

		if (s->v.v[samples[i]].offcpu || node == CALL_NONE)
			continue;
		for (; !err && node; node = w->t->nodes.v[node].parent) {
			if (!count[node])
				err = vec_push(&touched, node);
			count[node] += s->v.v[samples[i]].count;
		}
	}
	vec_foreach (node, &touched) {
		interval_add(&w->cpu[*node], count[*node], p->samples, (double)p->cpu_ns);
		count[*node] = 0;
	}
	vec_done(&touched);
	return err;
}

static int find_intervals(struct writer *w)
{
	const struct samples *s = &w->s->samples;
	uint32_t n = (uint32_t)s->v.n;
	_cleanup_free_ uint32_t *order = calloc(n + 1, sizeof(*order));
	_cleanup_free_ uint64_t *count = calloc(w->t->nodes.n, sizeof(*count));
	int err = order && count ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < n; i++)
		order[i] = i;
	if (!err)
		qsort_r(order, n, sizeof(*order), by_program, (void *)s);
	for (uint32_t i = 0, first = 0; !err && i < n; i++) {
		if (i + 1 < n && s->v.v[order[i + 1]].program == s->v.v[order[first]].program)
			continue;
		err = add_program(w, order + first, i + 1 - first, count);
		first = i + 1;
	}
	return err;
}

/* Times of the nodes that are kept, anew, as others have gone. */
static void sum_up(struct writer *w)
{
	struct path_tree *t = w->t;

	vec_foreach (n, &t->nodes) {
		n->samples = 0;
		for (int k = 0; k < TIMES; k++)
			n->ns[k] = n->own[k] = 0;
	}
	for (uint32_t i = 0; i < w->s->samples.v.n; i++) {
		const struct sample *s = &w->s->samples.v.v[i];
		struct path_node *n;

		if (t->ends[i] == CALL_NONE)
			continue;
		n = &t->nodes.v[t->ends[i]];
		n->own[s->offcpu] += s->ns;
		n->samples += s->offcpu ? 0 : s->count;
	}
	for (uint32_t i = (uint32_t)t->nodes.n - 1; i; i--) {
		struct path_node *n = &t->nodes.v[i];

		if (!n->keep)
			continue;
		for (int k = 0; k < TIMES; k++) {
			n->ns[k] += n->own[k];
			t->nodes.v[n->parent].ns[k] += n->ns[k];
		}
		t->nodes.v[n->parent].samples += n->samples;
	}
}

/* A limit in ns, on its side of the estimate, which was rounded. */
static uint64_t limit(double ns, uint64_t estimate, bool high)
{
	uint64_t whole = ns > 0 ? (uint64_t)(ns + 0.5) : 0;

	if (high)
		return whole > estimate ? whole : estimate;
	return whole < estimate ? whole : estimate;
}

static int write_path(struct writer *w, uint32_t i)
{
	const struct path_node *n = &w->t->nodes.v[i];
	struct path p = { .parent = n->parent ? w->paths[n->parent] : REPORT_NONE,
			  .sampled = true,
			  .has_cpu = true,
			  .cpu_ns = n->ns[0],
			  .offcpu_ns = n->ns[1] };
	int err = node_of(w, n->function, &p.node);

	p.stats.total_ns = n->ns[0] + n->ns[1];
	p.stats.self_ns = n->own[0] + n->own[1];
	p.estimate.samples = n->samples;
	p.estimate.cpu_low_ns = limit(interval_low(&w->cpu[i]), n->ns[0], false);
	p.estimate.cpu_high_ns = limit(interval_high(&w->cpu[i]), n->ns[0], true);
	p.estimate.loop = n->loop;
	w->paths[i] = (uint32_t)w->r->paths.n;
	return err || vec_push(&w->r->paths, p) ? -ENOMEM : 0;
}

/* What was measured in a part of the time, and for the rest what the stacks say of all of it. */
static uint64_t blend(uint64_t scaled, double seen, uint64_t stacks, double unseen)
{
	return (uint64_t)((double)scaled * seen + (double)stacks * unseen + 0.5);
}

/*
 * A path that was probed for moments: its calls and how they are spread are known from these; what
 * its time was between them is better known from the stacks.
 */
static void use_stacks(struct writer *w, uint32_t i)
{
	const struct path_node *n = &w->t->nodes.v[i];
	struct path *p = &w->r->paths.v[n->path];
	double seen = p->stats.seen, unseen = 1 - p->estimate.measured;
	uint64_t cpu_ns;

	if (!p->stats.seen || (!n->samples && !n->ns[1]))
		return;
	p->stats.total_ns = blend(p->stats.total_ns, seen, n->ns[0] + n->ns[1], unseen);
	p->stats.self_ns = blend(p->stats.self_ns, seen, n->own[0] + n->own[1], unseen);
	cpu_ns = p->has_cpu ? (uint64_t)((double)p->cpu_ns * seen) : 0;
	unseen = p->has_cpu ? unseen : 1;
	p->cpu_ns = cpu_ns + (uint64_t)((double)n->ns[0] * unseen);
	p->offcpu_ns = p->has_cpu ? blend(p->offcpu_ns, seen, n->ns[1], unseen) : n->ns[1];
	p->has_cpu = true;
	p->estimate.samples = n->samples;
	p->estimate.cpu_low_ns =
	    limit((double)cpu_ns + unseen * interval_low(&w->cpu[i]), p->cpu_ns, false);
	p->estimate.cpu_high_ns =
	    limit((double)cpu_ns + unseen * interval_high(&w->cpu[i]), p->cpu_ns, true);
}

static bool has_name(const struct writer *w, const struct path_node *n)
{
	if (n->path != REPORT_NONE || (n->parent && w->named[n->parent]))
		return true;
	return w->s->functions.v.v[n->function].name != NULL;
}

static int write_paths(struct writer *w)
{
	int err = 0;

	for (uint32_t i = 1; !err && i < w->t->nodes.n; i++) {
		const struct path_node *n = &w->t->nodes.v[i];

		if (!n->keep)
			continue;
		w->named[i] = has_name(w, n);
		w->paths[i] = n->path;
		if (n->path == REPORT_NONE)
			err = write_path(w, i);
		else
			use_stacks(w, i);
	}
	return err;
}

static void write_shares(struct writer *w)
{
	struct time_share *of[TIMES] = { &w->r->attributed.cpu, &w->r->attributed.offcpu };

	of[0]->all_ns = w->t->all[0];
	of[1]->all_ns = w->t->all[1];
	for (uint32_t i = 0; i < w->s->samples.v.n; i++) {
		const struct sample *s = &w->s->samples.v.v[i];
		uint32_t end = w->t->ends[i];

		if (!end || end == CALL_NONE)
			continue;
		if (w->named[end])
			of[s->offcpu]->named_ns += s->ns;
		else
			of[s->offcpu]->unnamed_ns += s->ns;
	}
}

static int write_report(struct report *r, const struct stacks *s, struct path_tree *t)
{
	_cleanup_(writer_done) struct writer w = { .r = r, .s = s, .t = t };
	size_t functions = s->functions.v.n;
	int err;

	w.paths = calloc(t->nodes.n, sizeof(*w.paths));
	w.nodes = calloc(functions + 1, sizeof(*w.nodes));
	w.cpu = calloc(t->nodes.n, sizeof(*w.cpu));
	w.named = calloc(t->nodes.n, sizeof(*w.named));
	if (!w.paths || !w.nodes || !w.cpu || !w.named)
		return -ENOMEM;
	for (size_t i = 0; i < functions; i++)
		w.nodes[i] = REPORT_NONE;
	err = find_intervals(&w);
	sum_up(&w);
	err = err ? err : write_paths(&w);
	if (!err)
		write_shares(&w);
	return err;
}

static void stacks_done(struct stacks *s)
{
	functions_done(&s->functions);
	samples_done(&s->samples);
	stack_tree_done(&s->tree);
	loops_done(&s->loops);
}

int sampled_paths(struct report *r)
{
	_cleanup_(stacks_done) struct stacks s = {};
	_cleanup_(path_tree_done) struct path_tree t = {};
	int err = functions_init(&s.functions, r);

	err = err ? err : samples_init(&s.samples, r);
	err = err ? err : stack_tree_init(&s.tree, r, &s.functions, &s.samples);
	err = err ? err : loops_find(&s.loops, r, &s.functions, &s.samples, &s.tree);
	err = err ? err : path_tree_init(&t, r, &s);
	err = err ? err : path_tree_choose(&t, &s);
	return err ? err : write_report(r, &s, &t);
}
