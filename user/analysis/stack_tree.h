/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All stacks as one tree of functions, below a node a program; and what each sample did at its
 * end. A group is what one function of threads' beginnings calls: threads that begin alike.
 */
#pragma once

#include "analysis/call_tree.h"
#include "analysis/functions.h"
#include "analysis/samples.h"
#include "analysis/waits.h"

/* What is known of a node of the tree, by its index. */
struct stack_node {
	uint32_t
	    group;   /* the outermost node on its way that does not begin a thread; or CALL_NONE */
	bool thread; /* below where a thread, not a process, begins */
};

/* By sample. */
struct stack_end {
	uint32_t leaf;  /* node of the last frame outside the kernel; a program's: there is none */
	uint32_t owner; /* of the last frame that is no plumbing: whose time it is */
	uint32_t call;  /* the first function of the plumbing that it called by name; CALL_NONE */
	enum wait_kind wait; /* of one that was blocked */
	bool cut;            /* frames are missing at the root */
};

struct stack_tree {
	struct call_tree tree; /* what: a function's index; functions.v.n + i for program i */
	VEC(struct stack_node) nodes;
	struct stack_end *ends;
};

/* 0 or -ENOMEM, with nothing to release. */
int stack_tree_init(struct stack_tree *t, const struct report *r, const struct functions *f,
		    const struct samples *s);
void stack_tree_done(struct stack_tree *t);
/* The function of a node; NULL for a program's and the root. */
const struct function *stack_function(const struct stack_tree *t, const struct functions *f,
				      uint32_t node);
