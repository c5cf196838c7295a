/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loops that wait for work: an event loop around epoll_wait(), a worker that takes jobs from a
 * queue. The functions on the way from a thread's beginning to the loop are no part of any
 * request, and what the loop calls is where requests begin.
 *
 * Samples do not tell one thread from another, so loops are found in the tree of each process's
 * stacks. A candidate is a place where threads wait (analysis/waits.h). Along the way to it work
 * branches off: the innermost function at which a good part does is the loop's. It must have nearly
 * all work of the threads that begin like it, and below it, towards the waiting, must be nothing
 * but waiting; otherwise a request waits there. What may be either (an answer, another thread) must
 * moreover stand close to the loop. Of several candidates the outermost loop wins: what waits below
 * it, elsewhere, does so within a request.
 */
#pragma once

#include "analysis/stack_tree.h"

struct loop {
	uint32_t node;     /* of the stack tree: the function around the waiting */
	uint32_t function; /* that it is called by; or CALL_NONE */
	uint32_t call;     /* the library's function that waits most; or CALL_NONE */
	uint64_t call_ns;
};

struct loops {
	VEC(struct loop) v;
	struct table roles, waits;
	bool *has_own; /* by target: loops were found in its own stacks */
};

/* 0 or -ENOMEM, with nothing to release. */
int loops_find(struct loops *l, const struct report *r, const struct functions *f,
	       const struct samples *s, const struct stack_tree *t);
void loops_done(struct loops *l);

/* A sample, as the loops see it. */
struct loop_place {
	uint32_t loop; /* index, or CALL_NONE: none is on its way */
	bool idle;     /* waits for work; otherwise: */
	bool own;      /* what the loop's waiting costs, or work of its function itself */
	uint32_t from; /* depth in the tree of the first node that does not lead to the loop */
};

struct loop_place loops_place(const struct loops *l, const struct stack_tree *t,
			      const struct functions *f, const struct sample *s,
			      const struct stack_end *end);
