/* SPDX-License-Identifier: GPL-2.0-only */
/* A tree of who called whom. */
#include "analysis/call_tree.h"

#include <errno.h>
#include <stdlib.h>

struct key {
	uint32_t parent, what;
};

int call_tree_init(struct call_tree *t)
{
	*t = (struct call_tree){};
	return vec_push(&t->v, (struct call_node){ .parent = CALL_NONE, .what = CALL_NONE });
}

void call_tree_done(struct call_tree *t)
{
	vec_done(&t->v);
	table_done(&t->index);
}

uint32_t call_tree_find(const struct call_tree *t, uint32_t parent, uint32_t what)
{
	struct key key = { parent, what };

	return table_find(&t->index, &key, sizeof(key));
}

int call_tree_child(struct call_tree *t, uint32_t parent, uint32_t what, uint32_t *ret)
{
	struct key key = { parent, what };
	struct call_node node = { .parent = parent, .what = what };
	uint32_t i = table_find(&t->index, &key, sizeof(key));
	int err;

	if (i == TABLE_NONE && t->v.n >= CALL_NODES_MAX)
		i = parent;
	if (i == TABLE_NONE) {
		i = (uint32_t)t->v.n;
		node.depth = t->v.v[parent].depth + 1;
		err = vec_push(&t->v, node);
		err = err ? err : table_add(&t->index, &key, sizeof(key), i);
		if (err)
			return err;
	}
	*ret = i;
	return 0;
}

int call_walk_init(struct call_walk *w, struct call_tree *t, uint32_t whats)
{
	*w = (struct call_walk){ .tree = t, .times = calloc(whats + 1, sizeof(*w->times)) };
	return w->times ? vec_push(&w->nodes, 0) : -ENOMEM;
}

void call_walk_done(struct call_walk *w)
{
	vec_done(&w->nodes);
	free(w->times);
}

uint32_t call_walk_node(const struct call_walk *w)
{
	return w->nodes.v[w->nodes.n - 1];
}

static uint32_t what_of(const struct call_walk *w, uint32_t node)
{
	return w->tree->v.v[node].what;
}

static void step_back(struct call_walk *w)
{
	w->times[what_of(w, call_walk_node(w))]--;
	w->nodes.n--;
}

int call_walk_from(struct call_walk *w, uint32_t node)
{
	uint32_t depth = w->tree->v.v[node].depth;

	while (w->nodes.n > 1)
		step_back(w);
	if (vec_reserve(&w->nodes, depth))
		return -ENOMEM;
	w->nodes.n = depth + 1;
	for (uint32_t i = depth; i; i--, node = w->tree->v.v[node].parent) {
		w->nodes.v[i] = node;
		w->times[what_of(w, node)]++;
	}
	return 0;
}

int call_walk_step(struct call_walk *w, uint32_t what)
{
	uint32_t node = call_walk_node(w);
	int err;

	if (w->nodes.n > 1 && what_of(w, node) == what)
		return 0;
	if (w->times[what] >= 2) {
		while (what_of(w, call_walk_node(w)) != what)
			step_back(w);
		return 0;
	}
	err = call_tree_child(w->tree, node, what, &node);
	if (err || node == call_walk_node(w)) /* the tree is full */
		return err;
	w->times[what]++;
	return vec_push(&w->nodes, node);
}
