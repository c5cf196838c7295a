/* SPDX-License-Identifier: GPL-2.0-only */
/* Which counted path a stack is in. */
#pragma once

#include "analysis/call_tree.h"
#include "analysis/path_names.h"
#include "analysis/stack_tree.h"

struct path_counted {
	const struct report *r;
	const struct functions *f;
	const struct call_tree *tree; /* what: functions' number + i for node i of the report */
	const uint32_t *of_path;      /* by counted path: its node of the tree */
	const struct stack_tree *stacks;
	struct table below; /* what was looked for before */
	struct table
	    calls; /* (caller, node of the report) as stacks have them; CALL_NONE: anybody */
	bool calls_known;
};

void path_counted_done(struct path_counted *c);
/*
 * The innermost counted path of a stack: its node of the tree, or 0; from: index in the chain of
 * the first function behind it. 0 or -ENOMEM.
 */
int path_counted_find(struct path_counted *c, const struct path_names *path,
		      const struct stack *stack, uint32_t *node, uint32_t *from);
