/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * V8's tables of source positions: where in the source the code at an offset comes from. A table
 * is a sequence of pairs of numbers, each the difference to the pair before: offset in the code,
 * and a packed position (src/codegen/source-position-table.h and source-position.h of V8).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct v8_position {
	int32_t offset;   /* characters from the script's beginning; -1: unknown */
	int32_t inlining; /* number of an inlining of the code; -1: the code's own function */
};

/* A packed position. */
struct v8_position v8_position_unpack(uint64_t packed);

/*
 * The last entry at or before `offset` in `size` bytes of code. An offset in the table is followed
 * by `flags` bits of another purpose (layout's position_flags). False: there is no such entry, or
 * this is no table of that code: its last entry would lie outside.
 */
bool v8_position_find(const uint8_t *table, size_t n, uint32_t flags, uint32_t offset,
		      uint32_t size, struct v8_position *ret);

/*
 * Which bytecode an instruction of baseline code belongs to: `table` has the length of what was
 * made of each bytecode, after that of the function's beginning; `lengths` those of the bytecodes,
 * SCALES rows of `kinds`. The offset of the bytecode, or -1: it is not known.
 */
int32_t v8_bytecode_at(const uint8_t *table, size_t n, uint32_t pc_offset, const uint8_t *bytecode,
		       size_t bytecode_n, const uint8_t *lengths, uint32_t kinds);
