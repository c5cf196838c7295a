/* SPDX-License-Identifier: GPL-2.0-only */
/* One process's stacks: the places where it waits, and which of them may be a loop's. */
#pragma once

#include "analysis/stack_tree.h"

/* A place where threads of a process wait. */
struct candidate {
	uint32_t owner; /* node of the function that waits */
	enum wait_kind wait;
	uint64_t ns;
	uint32_t call;    /* the library's function that it calls for it; or CALL_NONE */
	uint32_t group;   /* of the stack tree, or CALL_NONE */
	uint32_t loop;    /* node of the loop's function */
	uint32_t branch;  /* the child of it on the way to the owner; CALL_NONE: it is the owner */
	uint32_t behind;  /* the program's functions behind the loop, up to the owner */
	uint32_t between; /* of them, those that are not named for waiting */
	bool accepted;    /* may be waiting for work */
};

/* Times of one process by node of the stack tree; only those in `touched` are not 0. */
struct unit {
	const struct report *r;
	const struct functions *f;
	const struct stack_tree *t;
	uint64_t *all;  /* inclusive */
	uint64_t *work; /* inclusive, without waiting that may be for work */
	uint64_t *own;  /* of the node itself and of plumbing that it calls, all of it */
	uint64_t *own_work;
	bool forked; /* by a process of its own program: it is there to work for it */
	VEC(uint32_t) touched;
	VEC(struct candidate) candidates;
	struct table index; /* of candidates */
};

/* 0 or -ENOMEM. */
int unit_init(struct unit *u, const struct report *r, const struct functions *f,
	      const struct stack_tree *t);
void unit_done(struct unit *u);
/* Forgets all samples. */
void unit_clear(struct unit *u);
int unit_add(struct unit *u, const struct sample *s, const struct stack_end *end);
/* Finds each candidate's loop and says whether it may be one. */
void unit_judge(struct unit *u);
/*
 * Of those that may be, leaves accepted what agrees: the outermost loops, and what else waits
 * there. Candidates change their order.
 */
void unit_choose(struct unit *u);
/*
 * Is a branch with so much time one thread's (or several threads') whole life? Then what stands
 * beside it is other threads', and the function above begins threads.
 */
bool unit_is_whole_threads(const struct unit *u, uint64_t ns);
