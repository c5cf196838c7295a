/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tree of who called whom. What a node stands for is a number of the caller's; the root is node
 * 0, and a parent stands before its children.
 */
#pragma once

#include <stdint.h>

#include "lib/table.h"
#include "lib/vec.h"

#define CALL_NONE      UINT32_MAX
#define CALL_NODES_MAX 300000

struct call_node {
	uint32_t parent; /* CALL_NONE for the root */
	uint32_t what;
	uint32_t depth; /* 0 for the root */
};

struct call_tree {
	VEC(struct call_node) v;
	struct table index;
};

/* With the root; 0 or -ENOMEM. */
int call_tree_init(struct call_tree *t);
void call_tree_done(struct call_tree *t);
/* The child, entered when new; beyond CALL_NODES_MAX the parent itself. 0 or -ENOMEM. */
int call_tree_child(struct call_tree *t, uint32_t parent, uint32_t what, uint32_t *ret);
/* The same if it is there; else CALL_NONE. */
uint32_t call_tree_find(const struct call_tree *t, uint32_t parent, uint32_t what);

/*
 * A way down the tree. Recursion is folded: a function that calls itself is one node, and none
 * stands more than twice on the way; what recurs deeper belongs to the second.
 */
struct call_walk {
	struct call_tree *tree;
	VEC(uint32_t) nodes; /* from the root on */
	uint32_t *times;     /* by what: how often it is on the way */
};

/* whats: how many different numbers there are. 0 or -ENOMEM. */
int call_walk_init(struct call_walk *w, struct call_tree *t, uint32_t whats);
void call_walk_done(struct call_walk *w);
/* Back to a node (and its ancestors); 0 or -ENOMEM. */
int call_walk_from(struct call_walk *w, uint32_t node);
int call_walk_step(struct call_walk *w, uint32_t what);
/* Where it has come to. */
uint32_t call_walk_node(const struct call_walk *w);
