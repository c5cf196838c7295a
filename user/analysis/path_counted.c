/* SPDX-License-Identifier: GPL-2.0-only */
/* Which counted path a stack is in. */
#include "analysis/path_counted.h"

void path_counted_done(struct path_counted *c)
{
	table_done(&c->below);
	table_done(&c->calls);
}

/* Enters who is seen to call which counted function. */
static int learn_calls(struct path_counted *c)
{
	int err = 0;

	for (uint32_t i = 1; i < c->stacks->tree.v.n && !err && !c->calls_known; i++) {
		const struct call_node *n = &c->stacks->tree.v.v[i];
		uint32_t counted = n->what < c->f->v.n ? c->f->v.v[n->what].node : REPORT_NONE;
		uint32_t by[2] = { c->stacks->tree.v.v[n->parent].what, counted };
		uint32_t at_all[2] = { CALL_NONE, counted };

		if (counted == REPORT_NONE)
			continue;
		if (table_find(&c->calls, by, sizeof(by)) == TABLE_NONE)
			err = table_add(&c->calls, by, sizeof(by), 1);
		if (!err && table_find(&c->calls, at_all, sizeof(at_all)) == TABLE_NONE)
			err = table_add(&c->calls, at_all, sizeof(at_all), 1);
	}
	c->calls_known = true;
	return err;
}

/*
 * May a function's frame be missing below this caller's? Who always ends by a tail call is never
 * seen; who is seen, is seen below those who call it.
 */
static bool may_hide(const struct path_counted *c, uint32_t caller, uint32_t hidden)
{
	uint32_t by[2] = { caller, hidden }, at_all[2] = { CALL_NONE, hidden };

	return table_find(&c->calls, by, sizeof(by)) != TABLE_NONE ||
	       table_find(&c->calls, at_all, sizeof(at_all)) == TABLE_NONE;
}

/*
 * Of the counted paths below a node, that of a function with most time whose callers may be missing
 * between the two: its node, or 0.
 */
static uint32_t find_below(const struct path_counted *c, uint32_t above, uint32_t caller,
			   uint32_t counted)
{
	const struct call_node *v = c->tree->v.v;
	uint32_t best = REPORT_NONE;

	for (uint32_t i = 0; i < c->r->paths.n; i++) {
		uint32_t n = c->of_path[i], hidden = n;

		if (c->r->paths.v[i].node != counted ||
		    (best != REPORT_NONE &&
		     c->r->paths.v[i].stats.total_ns <= c->r->paths.v[best].stats.total_ns))
			continue;
		for (; v[n].depth > v[above].depth; n = v[n].parent)
			hidden = n;
		if (n == above && (caller == CALL_NONE ||
				   may_hide(c, caller, v[hidden].what - (uint32_t)c->f->v.n)))
			best = i;
	}
	return best == REPORT_NONE ? 0 : c->of_path[best];
}

/* The same, once for each. */
static int know_below(struct path_counted *c, uint32_t above, uint32_t caller, uint32_t counted,
		      uint32_t *ret)
{
	uint32_t key[3] = { above, caller, counted };
	int err = learn_calls(c);

	*ret = table_find(&c->below, key, sizeof(key));
	if (err || *ret != TABLE_NONE)
		return err;
	*ret = find_below(c, above, caller, counted);
	return table_add(&c->below, key, sizeof(key), *ret);
}

/*
 * Goes on to the counted path of a function, if there is one. Who ends by calling another leaves no
 * frame (a tail call), so that it may be missing between the two.
 */
static int step_counted(struct path_counted *c, uint32_t caller, uint32_t function, uint32_t *node,
			bool *found)
{
	uint32_t counted = c->f->v.v[function].node, next;
	uint32_t what = (uint32_t)c->f->v.n + counted;
	int err = 0;

	*found = false;
	if (counted == REPORT_NONE)
		return 0;
	*found = c->tree->v.v[*node].what == what;
	next = call_tree_find(c->tree, *node, what);
	if (next == TABLE_NONE && !*found)
		err = know_below(c, *node, caller, counted, &next);
	if (!err && next != TABLE_NONE && next) {
		*node = next;
		*found = true;
	}
	return err;
}

int path_counted_find(struct path_counted *c, const struct path_names *path,
		      const struct stack *stack, uint32_t *node, uint32_t *from)
{
	bool found;
	int err = 0;

	*node = *from = 0;
	for (uint32_t i = 0; !err && i < path->chain.n; i++) {
		err = step_counted(c, i ? path->chain.v[i - 1] : CALL_NONE, path->chain.v[i], node,
				   &found);
		if (found)
			*from = i + 1;
	}
	for (uint32_t i = 0; !err && i < stack->n; i++) {
		uint32_t function = c->f->of_frame[stack->frames[i]];

		if (c->f->v.v[function].class != FUNCTION_KERNEL)
			continue;
		err = step_counted(c, CALL_NONE, function, node, &found);
		if (found)
			*from = (uint32_t)path->chain.n;
	}
	return err;
}
