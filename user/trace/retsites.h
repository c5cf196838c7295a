/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a function ends: its `ret` instructions and tail jumps, found by decoding it from its
 * first byte. Probes there see every return without touching the stack, so that exceptions and
 * panics pass through unharmed; the price is a trap on an instruction that the kernel has to
 * single-step.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/vec.h"

struct ret_site {
	uint64_t offset; /* from the function's first byte */
	bool has_value;  /* a `ret`: the return register holds the value; false: a tail jump */
	bool pops;       /* a `ret` that takes arguments off the stack */
};

typedef VEC(struct ret_site) ret_site_vec;
typedef VEC(uint64_t) ret_target_vec;

/* A piece of x86-64 code: a function, or a part of one that lies elsewhere. */
struct ret_code {
	const uint8_t *bytes;
	size_t size;
	uint64_t addr;  /* where it lies in its object's address space */
	uint64_t start; /* where the function begins that it is of */
	bool is_part;   /* need not end by itself */
	/* Does a function begin at this address? */
	bool (*is_function)(uint64_t addr, void *arg);
	/*
	 * Words on the stack above rsp that belong to the frame there, the return address included:
	 * 1 means that the stack is as at the function's entry. 0: the frame hangs on rbp; -1: not
	 * known. NULL: never known.
	 */
	int (*frame_words)(uint64_t addr, void *arg);
	void *arg;
	/*
	 * Where targets of jumps go that lead to neither this piece nor the beginning of another
	 * function: parts of the function that its caller has to look at, too. NULL: there may be
	 * none.
	 */
	ret_target_vec *outside;
};

/*
 * Finds the exits; sites are appended to ret, none for a function that never returns. 0, -ENOMEM,
 * or -ENOTSUP with a phrase in `why` (static) when one could be missed: bytes that do not decode,
 * data in between, a jump of which nobody knows where it leads. An indirect jump is a tail call
 * when the stack is as at entry and its target was not computed from a table just before.
 * *ret_restarts becomes true when a jump leads back to the function's first byte (else it stays as
 * it is): what is probed there runs again.
 */
int ret_sites_find(const struct ret_code *code, ret_site_vec *ret, bool *ret_restarts,
		   const char **why);
