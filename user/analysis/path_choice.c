/* SPDX-License-Identifier: GPL-2.0-only */
/* Which nodes of the tree of paths are worth a place in the report. */
#include "analysis/path_tree.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"

#define NODES_MAX    200
#define SAMPLES_MIN  3     /* fewer may be chance */
#define SHARE        0.005 /* of all time on the CPU, or of all off it */
#define SHARE_MINOR  0.02  /* the same for a caller's plumbing */
#define SHARE_ALONE  0.001 /* the same for a root that no loop calls */
#define SHARE_OF_ALL 0.4   /* time off the CPU has so much of that share of both, at least */
#define WHOLE_PCT    98    /* a function whose callee has so much of its time hands on only */
#define ROW_MAX      3     /* so many of these in a row are worth their names */
#define ROW_HEAD     2     /* of a longer one, these and the last */

static double share(const struct path_tree *t, const struct path_node *n, int kind)
{
	return t->all[kind] ? (double)n->ns[kind] / (double)t->all[kind] : 0;
}

static double weight(const struct path_tree *t, const struct path_node *n)
{
	double cpu = share(t, n, 0), offcpu = share(t, n, 1);

	return cpu > offcpu ? cpu : offcpu;
}

static uint32_t parent_of(const struct path_tree *t, uint32_t node)
{
	return t->tree.v.v[node].parent;
}

static bool is_plain(const struct path_node *n)
{
	return n->path == REPORT_NONE && !n->loop;
}

/* What is not shown of a node's callees is its own; of a root without a loop it is nobody's. */
static bool is_significant(const struct path_tree *t, uint32_t i)
{
	const struct path_node *n = &t->nodes.v[i];
	bool alone = !parent_of(t, i) && is_plain(n) && n->home == CALL_NONE;
	double least = alone ? SHARE_ALONE : n->minor ? SHARE_MINOR : SHARE;
	double all = (double)t->all[0] + (double)t->all[1];

	if (n->samples >= SAMPLES_MIN && share(t, n, 0) >= least)
		return true;
	return share(t, n, 1) >= least && (double)n->ns[1] >= all * least * SHARE_OF_ALL;
}

static void sum_up(struct path_tree *t, const struct stacks *s)
{
	for (uint32_t i = 0; i < s->samples.v.n; i++) {
		const struct sample *sample = &s->samples.v.v[i];
		struct path_node *n;

		if (t->ends[i] == CALL_NONE)
			continue;
		n = &t->nodes.v[t->ends[i]];
		n->own[sample->offcpu] += sample->ns;
		n->samples += sample->offcpu ? 0 : sample->count;
	}
	for (uint32_t i = (uint32_t)t->nodes.n - 1; i; i--) {
		struct path_node *n = &t->nodes.v[i], *parent = &t->nodes.v[parent_of(t, i)];

		for (int k = 0; k < TIMES; k++) {
			n->ns[k] += n->own[k];
			parent->ns[k] += n->ns[k];
		}
		parent->samples += n->samples;
	}
}

/* Requests that take little time are their loop's. */
static void give_home(struct path_tree *t)
{
	for (uint32_t i = 1; i < t->nodes.n; i++) {
		const struct path_node *n = &t->nodes.v[i];
		struct path_node *home;

		if (parent_of(t, i) || !is_plain(n) || n->home == CALL_NONE || is_significant(t, i))
			continue;
		home = &t->nodes.v[n->home];
		for (int k = 0; k < TIMES; k++)
			home->ns[k] += n->ns[k];
		home->samples += n->samples;
	}
}

static void keep_significant(struct path_tree *t)
{
	for (uint32_t i = 1; i < t->nodes.n; i++) {
		struct path_node *n = &t->nodes.v[i];
		uint32_t parent = parent_of(t, i);

		n->parent = parent;
		n->keep = n->path != REPORT_NONE ||
			  (is_significant(t, i) && (!parent || t->nodes.v[parent].keep));
	}
}

/* Heaviest first; a parent before its child, which weighs no more. */
static int compare(const void *a, const void *b, void *arg)
{
	const struct path_tree *t = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	double x = weight(t, &t->nodes.v[i]), y = weight(t, &t->nodes.v[j]);

	if (x != y)
		return x > y ? -1 : 1;
	return i < j ? -1 : i > j;
}

static int keep_heaviest(struct path_tree *t)
{
	_cleanup_free_ uint32_t *order = calloc(t->nodes.n, sizeof(*order));
	size_t n = 0;

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 1; i < t->nodes.n; i++) {
		if (t->nodes.v[i].keep && t->nodes.v[i].path == REPORT_NONE)
			order[n++] = i;
	}
	if (n > NODES_MAX)
		qsort_r(order, n, sizeof(*order), compare, t);
	for (size_t i = NODES_MAX; i < n; i++)
		t->nodes.v[order[i]].keep = false;
	return 0;
}

/* What is shown under a node: how many, and the last of them. */
struct kids {
	uint32_t n, last;
};

/* The only callee of a function that does nothing else, or 0. */
static uint32_t hands_on(const struct path_tree *t, const struct stacks *s, const struct kids *kids,
			 uint32_t i)
{
	const struct path_node *n = &t->nodes.v[i], *child = &t->nodes.v[kids[i].last];
	const struct function *f, *callee;

	if (!i || kids[i].n != 1 || !n->keep || !is_plain(n) || !is_plain(child))
		return 0;
	f = &s->functions.v.v[n->function];
	callee = &s->functions.v.v[child->function];
	if (f->object != callee->object || f->file != callee->file || f->class != callee->class)
		return 0;
	for (int k = 0; k < TIMES; k++) {
		if (child->ns[k] * 100 < n->ns[k] * WHOLE_PCT)
			return 0;
	}
	return kids[i].last;
}

/*
 * Leaves out the middle of a long row of functions that only hand on, one to the next. first: such
 * a function, whose caller is none.
 */
static void shorten_row(struct path_tree *t, const struct stacks *s, const struct kids *kids,
			uint32_t first)
{
	uint32_t n = 0, head = first, last = first, next;

	for (uint32_t i = first; (next = hands_on(t, s, kids, i)); i = next) {
		last = i;
		n++;
	}
	if (n <= ROW_MAX)
		return;
	for (n = 1; n < ROW_HEAD; n++)
		head = kids[head].last;
	for (uint32_t i = kids[head].last; i != last; i = kids[i].last) {
		/* What recurs would stand beside itself. */
		if (t->tree.v.v[kids[i].last].what == t->tree.v.v[head].what)
			return;
		t->nodes.v[i].keep = false;
		t->nodes.v[kids[i].last].parent = head;
	}
}

static int drop_wrappers(struct path_tree *t, const struct stacks *s)
{
	_cleanup_free_ struct kids *kids = calloc(t->nodes.n, sizeof(*kids));
	_cleanup_free_ bool *behind = calloc(t->nodes.n, sizeof(*behind));

	if (!kids || !behind)
		return -ENOMEM;
	for (uint32_t i = 1; i < t->nodes.n; i++) {
		uint32_t parent = t->nodes.v[i].parent;

		kids[parent].n += t->nodes.v[i].keep;
		if (t->nodes.v[i].keep)
			kids[parent].last = i;
	}
	for (uint32_t i = 1; i < t->nodes.n; i++) {
		uint32_t callee = hands_on(t, s, kids, i);

		behind[callee] = true;
		if (callee && !behind[i])
			shorten_row(t, s, kids, i);
	}
	return 0;
}

/* Where samples end now. */
static void move_ends(struct path_tree *t, const struct stacks *s)
{
	for (uint32_t i = 0; i < s->samples.v.n; i++) {
		uint32_t n = t->ends[i], home = 0;

		if (n == CALL_NONE)
			continue;
		for (; n && !t->nodes.v[n].keep; n = parent_of(t, n)) {
			if (!parent_of(t, n) && t->nodes.v[n].home != CALL_NONE)
				home = t->nodes.v[n].home;
		}
		t->ends[i] = n ? n : t->nodes.v[home].keep ? home : 0;
	}
}

int path_tree_choose(struct path_tree *t, const struct stacks *s)
{
	int err;

	sum_up(t, s);
	give_home(t);
	keep_significant(t);
	err = keep_heaviest(t);
	err = err ? err : drop_wrappers(t, s);
	if (!err)
		move_ends(t, s);
	return err;
}
