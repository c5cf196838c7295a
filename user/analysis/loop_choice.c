/* SPDX-License-Identifier: GPL-2.0-only */
/* Which of a process's candidates are its loops, where several may be. */
#include "analysis/loop_judge.h"

#include <stdlib.h>

#define CANDIDATES_MAX 256 /* those that wait longest are looked at */

static uint32_t depth_of(const struct unit *u, uint32_t node)
{
	return u->t->tree.v.v[node].depth;
}

static bool is_below(const struct unit *u, uint32_t node, uint32_t above)
{
	while (depth_of(u, node) > depth_of(u, above))
		node = u->t->tree.v.v[node].parent;
	return node == above;
}

/* The child of a node on the way to one below it. */
static uint32_t child_towards(const struct unit *u, uint32_t node, uint32_t below)
{
	while (u->t->tree.v.v[below].parent != node)
		below = u->t->tree.v.v[below].parent;
	return below;
}

/* Outermost loops first; of one loop, what is surest to wait for work. */
static int compare(const void *a, const void *b, void *arg)
{
	const struct unit *u = arg;
	const struct candidate *x = a, *y = b;
	uint32_t i = depth_of(u, x->loop), j = depth_of(u, y->loop);

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	/* Who sleeps is a loop only where nobody else is. */
	if ((x->wait == WAIT_SLEEP) != (y->wait == WAIT_SLEEP))
		return x->wait == WAIT_SLEEP ? 1 : -1;
	if (i != j)
		return i < j ? -1 : 1;
	if (x->wait != y->wait)
		return x->wait < y->wait ? -1 : 1;
	if (x->between != y->between)
		return x->between < y->between ? -1 : 1;
	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	return x->owner < y->owner ? -1 : x->owner > y->owner;
}

/*
 * Two places to wait, below one function that would be the first one's loop: is it rather where
 * different threads begin? Then each branch of it lives as long as threads do.
 */
static bool are_other_threads(const struct unit *u, const struct candidate *a,
			      const struct candidate *b)
{
	if (a->branch == CALL_NONE || b->owner == a->loop || !is_below(u, b->owner, a->loop) ||
	    is_below(u, b->owner, a->branch))
		return false;
	return unit_is_whole_threads(u, u->all[a->branch]) &&
	       unit_is_whole_threads(u, u->all[child_towards(u, a->loop, b->owner)]);
}

static void make_own_loop(struct candidate *c)
{
	c->loop = c->owner;
	c->branch = CALL_NONE;
	c->behind = c->between = 0;
}

static void part_threads(struct unit *u, struct candidate *a, struct candidate *b)
{
	if (!a->accepted || !b->accepted || a->group != b->group || a->group == CALL_NONE ||
	    !are_other_threads(u, a, b))
		return;
	if (b->loop == a->loop)
		make_own_loop(b);
	make_own_loop(a);
}

/* May a candidate be a loop beside one that was chosen, further out or at the same function? */
static bool agrees(const struct unit *u, const struct candidate *chosen, const struct candidate *c)
{
	if (!is_below(u, c->owner, chosen->loop))
		return !is_below(u, chosen->owner, c->loop) || c->loop == chosen->loop;
	if (chosen->branch != CALL_NONE && is_below(u, c->owner, chosen->branch))
		return true;
	if (c->loop != chosen->loop)
		return false;
	return c->behind <= 1 && (!c->between || c->wait == WAIT_EVENTS);
}

static int by_time(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	return x->owner < y->owner ? -1 : x->owner > y->owner;
}

void unit_choose(struct unit *u)
{
	struct candidate *v = u->candidates.v;
	size_t n, first = 0;

	if (u->candidates.n > CANDIDATES_MAX) {
		qsort(v, u->candidates.n, sizeof(*v), by_time);
		u->candidates.n = CANDIDATES_MAX;
	}
	n = u->candidates.n;
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++)
			part_threads(u, &v[i], &v[j]);
	}
	if (n)
		qsort_r(v, n, sizeof(*v), compare, u);
	for (size_t i = 0; i < n; i++) {
		if (v[i].group != v[first].group)
			first = i;
		for (size_t j = first; j < i && v[i].accepted && v[i].group != CALL_NONE; j++)
			v[i].accepted = !v[j].accepted || agrees(u, &v[j], &v[i]);
	}
}
