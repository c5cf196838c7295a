/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Code that V8 compiled at run time: found from an address in it, and whose it is, functions
 * inlined into it included.
 */
#pragma once

#include "runtime/v8_heap.h"

enum v8_code_kind {
	V8_CODE_OTHER, /* stubs, copies of builtins */
	V8_CODE_BASELINE,
	V8_CODE_OPTIMIZED,
	V8_CODE_REGEXP,
};

struct v8_code {
	enum v8_code_kind kind;
	uint64_t object; /* Code */
	uint64_t start;  /* of the instructions */
	uint32_t size;
	uint64_t data;   /* deoptimisation data; or what baseline code was made of */
	uint64_t shared; /* of optimised code: its function; else 0 */
	uint64_t positions;
};

/* False: there is none that can be verified. Reads up to 512 KiB before the address. */
bool v8_code_find(const struct v8_heap *h, uint64_t pc, struct v8_code *ret);

/* A function at a place in code, and where in its script. */
struct v8_inlined {
	uint64_t shared;
	int32_t offset; /* -1: unknown */
};

#define V8_INLINED_MAX 24

/*
 * The functions that optimised code stands for at a place, innermost first, the code's own last.
 * How many; 0: its tables do not tell.
 */
int v8_code_functions(const struct v8_heap *h, const struct v8_code *code, uint32_t pc_offset,
		      struct v8_inlined ret[V8_INLINED_MAX]);

/* The source position of a place in baseline code; -1: unknown. `sizes`: see v8_positions.h. */
int32_t v8_code_baseline(const struct v8_heap *h, const struct v8_code *code, uint64_t bytecode,
			 uint32_t pc_offset, const uint8_t *lengths);
