/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Samples as paths, before it is chosen which are worth a place: a tree of what is on each stack
 * behind the loop, below the paths that probes count.
 */
#pragma once

#include "analysis/call_tree.h"
#include "analysis/functions.h"
#include "analysis/loops.h"
#include "analysis/samples.h"
#include "analysis/stack_tree.h"

#define TIMES 2 /* on the CPU, off it */

/* A node of the tree, by its index. */
struct path_node {
	uint32_t function; /* CALL_NONE: of a counted path */
	uint32_t path;     /* the counted path, or REPORT_NONE */
	bool loop;         /* a loop's own time */
	bool minor;        /* plumbing or a virtual machine's: its caller's, unless it is much */
	bool keep;
	uint32_t home;       /* of a root: the node of the loop that calls it, or CALL_NONE */
	uint32_t parent;     /* of one that is kept: the node that it is shown under; 0: a root */
	uint64_t ns[TIMES];  /* inclusive, without waiting for work */
	uint64_t own[TIMES]; /* of samples that end here */
	uint64_t samples;    /* on the CPU, inclusive */
};

struct path_tree {
	/*
	 * What: a function's index; functions.v.n + i for node i of the report; behind these, for
	 * the loop that is called by function i.
	 */
	struct call_tree tree;
	VEC(struct path_node) nodes;
	uint32_t *ends;      /* by sample: the node where it ends; 0: no path; CALL_NONE: idle */
	uint32_t *of_path;   /* by counted path: its node */
	uint64_t all[TIMES]; /* of everything but waiting for work, in a path or not */
};

/* Everything that is known of the stacks. */
struct stacks {
	struct functions functions;
	struct samples samples;
	struct stack_tree tree;
	struct loops loops;
};

/* Also fills in report.idle. 0 or -ENOMEM, with nothing to release. */
int path_tree_init(struct path_tree *t, struct report *r, const struct stacks *s);
void path_tree_done(struct path_tree *t);
/*
 * Chooses the nodes that are kept, and whom each is shown under. Samples of the others end at the
 * nearest one that is kept above them, or in no path. 0 or -ENOMEM.
 */
int path_tree_choose(struct path_tree *t, const struct stacks *s);
