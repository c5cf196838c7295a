/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which functions of a stack make a path: the program's own by name; without any, those without
 * a name; and behind them what they called last of a virtual machine's and of the C library's
 * functions, by name, one of each. What these call back (qsort()'s comparison) is the program's
 * again, and they are left out.
 */
#pragma once

#include "analysis/stack_tree.h"

struct path_names {
	VEC(uint32_t) chain; /* functions, from the program's first to the leaf */
	VEC(uint32_t) names; /* of these, the path's */
	VEC(uint32_t) unnamed;
};

void path_names_done(struct path_names *p);
/* Sets the chain, by its last node; 0 or -ENOMEM. */
int path_names_chain(struct path_names *p, const struct stack_tree *t, uint32_t leaf);
/* Sets the names, of the chain from an index on; 0 or -ENOMEM. */
int path_names_find(struct path_names *p, const struct functions *f, uint32_t from);
/* Sets the name of a kernel thread's function, or none: of a stack with the kernel's frames only.
 */
int path_names_kernel(struct path_names *p, const struct functions *f, const struct stack *stack);
