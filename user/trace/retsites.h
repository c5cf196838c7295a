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
};

typedef VEC(struct ret_site) ret_site_vec;

/*
 * Decodes x86-64 code; addr is where it lies in its object's address space. is_function tells
 * whether a jump's target there is the beginning of a function (arg is handed to it). Sites are
 * appended to ret. 0, -ENOMEM, or -ENOTSUP with a phrase in `why` (static) when an exit could be
 * missed: bytes that do not decode, a jump that might be a tail call or a part of the function
 * that lies elsewhere.
 */
int ret_sites_find(const uint8_t *code, size_t size, uint64_t addr,
		   bool (*is_function)(uint64_t addr, void *arg), void *arg, ret_site_vec *ret,
		   const char **why);
