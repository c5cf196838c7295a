/* SPDX-License-Identifier: GPL-2.0-only */
/* Which counted path a stack is in. */
#include "analysis/path_counted.h"

void path_counted_done(struct path_counted *c)
{
	table_done(&c->below);
}

/* Of the counted paths below a node, that of a function with most time: its node, or 0. */
static uint32_t find_below(const struct path_counted *c, uint32_t above, uint32_t counted)
{
	const struct call_node *v = c->tree->v.v;
	uint32_t best = REPORT_NONE;

	for (uint32_t i = 0; i < c->r->paths.n; i++) {
		uint32_t n = c->of_path[i];

		if (c->r->paths.v[i].node != counted ||
		    (best != REPORT_NONE &&
		     c->r->paths.v[i].stats.total_ns <= c->r->paths.v[best].stats.total_ns))
			continue;
		while (v[n].depth > v[above].depth)
			n = v[n].parent;
		if (n == above)
			best = i;
	}
	return best == REPORT_NONE ? 0 : c->of_path[best];
}

/* The same, once for each pair. */
static int know_below(struct path_counted *c, uint32_t above, uint32_t counted, uint32_t *ret)
{
	uint32_t key[2] = { above, counted };

	*ret = table_find(&c->below, key, sizeof(key));
	if (*ret != TABLE_NONE)
		return 0;
	*ret = find_below(c, above, counted);
	return table_add(&c->below, key, sizeof(key), *ret);
}

/*
 * Goes on to the counted path of a function, if there is one. Who ends by calling another leaves no
 * frame (a tail call), so that it may be missing between the two.
 */
static int step_counted(struct path_counted *c, uint32_t function, uint32_t *node, bool *found)
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
		err = know_below(c, *node, counted, &next);
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
		err = step_counted(c, path->chain.v[i], node, &found);
		if (found)
			*from = i + 1;
	}
	for (uint32_t i = 0; !err && i < stack->n; i++) {
		uint32_t function = c->f->of_frame[stack->frames[i]];

		if (c->f->v.v[function].class != FUNCTION_KERNEL)
			continue;
		err = step_counted(c, function, node, &found);
		if (found)
			*from = (uint32_t)path->chain.n;
	}
	return err;
}
