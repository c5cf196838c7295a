/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The innermost callers of a stack. A walk along frame pointers begins at rbp and so skips the
 * caller of every function that keeps none: those of the C library, for instance, in which nearly
 * every thread waits. Their unwind information (.eh_frame) and the top of the stack, which BPF
 * sends along, tell who called them, up to the first function that keeps a frame pointer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LEAF_CALLERS_MAX 16

struct collect;
struct process;

/* The user's side of a stack as BPF saw it. */
struct leaf_stack {
	uint64_t ip, sp, bp;
	const uint64_t *top; /* the memory at sp */
	uint32_t words;      /* of it */
	uint64_t time_ns;    /* when */
};

struct leaf_callers {
	uint64_t addrs[LEAF_CALLERS_MAX]; /* return addresses, innermost first */
	uint32_t n;
	bool whole;   /* nobody is missing up to where the frame pointers take over, or the end */
	bool at_root; /* the last one begins the stack: nothing follows */
	bool follow_chain; /* what the frame pointers say from here on is right, or not known wrong
			    */
};

struct leaf_callers leaf_callers_find(struct collect *c, struct process *proc,
				      const struct leaf_stack *s);
