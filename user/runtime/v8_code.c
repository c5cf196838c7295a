/* SPDX-License-Identifier: GPL-2.0-only */
/* Code objects, and what their tables tell. */
#include "runtime/v8_code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "runtime/v8_function.h"
#include "runtime/v8_positions.h"

#define PAGE       4096U
#define PAGES_MAX  128 /* before an address, in which the object's beginning is looked for */
#define CODE_ALIGN 32
#define CODE_MAX   (16U << 20)
#define HEAD_WORDS 4 /* of an object with instructions, that say something */
#define TABLE_MAX  (256U << 10)
#define INLINE_STEP                                                                                \
	16 /* bytes of an entry of the inlinings: packed position, function, nothing               \
	    */

#define KIND_MASK   15 /* of a Code's flags */
#define KIND_REGEXP 3

#define WRAPPER_SHARED 8 /* of a SharedFunctionInfoWrapper: the function */

/* The function of optimised code, in its deoptimisation data; 0: this is no such data. */
static uint64_t deopt_function(const struct v8_heap *h, uint64_t data)
{
	uint64_t shared;
	int type;

	if (!v8_element(h, data, h->layout->deopt_shared, &shared))
		return 0;
	type = v8_type(h, shared);
	if (type > 0 && type == h->layout->type_shared_wrapper) {
		if (!v8_field(h, shared, WRAPPER_SHARED, &shared))
			return 0;
		type = v8_type(h, shared);
	}
	return type == h->layout->type_shared ? shared : 0;
}

static void classify(const struct v8_heap *h, struct v8_code *code)
{
	uint32_t flags;

	code->shared = deopt_function(h, code->data);
	if (code->shared)
		code->kind = V8_CODE_OPTIMIZED;
	else if (v8_bytecode_of(h, code->data))
		code->kind = V8_CODE_BASELINE;
	else if (h->layout->code_flags >= 0 &&
		 !h->read(h->arg, code->object - 1 + (uint64_t)h->layout->code_flags, &flags,
			  sizeof(flags)) &&
		 (flags & KIND_MASK) == KIND_REGEXP)
		code->kind = V8_CODE_REGEXP;
}

/* A Code whose instructions, if it is one, begin at `start`. */
static bool read_code(const struct v8_heap *h, uint64_t object, uint64_t start, uint64_t pc,
		      struct v8_code *ret)
{
	const struct v8_layout *l = h->layout;
	struct v8_code code = { .object = object, .start = start };

	if (v8_type(h, object) != l->type_code ||
	    h->read(h->arg, object - 1 + (uint64_t)l->code_size, &code.size, sizeof(code.size)) ||
	    code.size > CODE_MAX || pc - start >= code.size ||
	    !v8_field(h, object, l->code_data, &code.data) ||
	    !v8_field(h, object, l->code_positions, &code.positions))
		return false;
	classify(h, &code);
	*ret = code;
	return true;
}

/* Do words look like an object with instructions? If so, is it one, and holds pc? */
static bool try_object(const struct v8_heap *h, uint64_t addr, const uint64_t *words, uint64_t pc,
		       struct v8_code *ret)
{
	const struct v8_layout *l = h->layout;
	uint64_t stream, start;

	if (!v8_is_object(words[0]) || !v8_is_object(words[1]))
		return false;
	if (l->code_stream < 0)
		return v8_is_object(words[2]) && v8_is_object(words[3]) &&
		       read_code(h, addr + 1, addr + (uint64_t)l->code_start, pc, ret);
	/* The Code lies elsewhere; it knows its stream, and where that begins. */
	return v8_field(h, words[1], l->code_stream, &stream) && stream == addr + 1 &&
	       v8_field(h, words[1], l->code_start, &start) &&
	       start == addr + (uint64_t)l->stream_start && read_code(h, words[1], start, pc, ret);
}

bool v8_code_find(const struct v8_heap *h, uint64_t pc, struct v8_code *ret)
{
	int head = h->layout->code_stream < 0 ? h->layout->code_start : h->layout->stream_start;
	uint64_t words[PAGE / 8 + HEAD_WORDS] = {};
	uint64_t page = pc & ~(uint64_t)(PAGE - 1);

	if (head < 8 || head % 8 || head > 256 || pc >= 1ULL << 47)
		return false;
	for (int i = 0; i < PAGES_MAX && page >= PAGE; i++, page -= PAGE) {
		/* What began on this page may go on on the one behind, which was read before. */
		memcpy(words + PAGE / 8, words, HEAD_WORDS * sizeof(words[0]));
		if (h->read(h->arg, page, words, PAGE))
			return false;
		for (int w = PAGE / 8 - 1; w >= 0; w--) {
			uint64_t addr = page + 8 * (uint64_t)w;

			if ((addr + (uint64_t)head) % CODE_ALIGN || addr + (uint64_t)head > pc)
				continue;
			if (try_object(h, addr, words + w, pc, ret))
				return true;
		}
	}
	return false;
}

/* An entry of the inlinings. */
static bool inlining(const struct v8_heap *h, const struct v8_code *code, int32_t i,
		     struct v8_position *position, int32_t *function)
{
	uint64_t array, packed;
	int32_t length;
	int type;

	if (!v8_element(h, code->data, h->layout->deopt_inlinings, &array))
		return false;
	type = v8_type(h, array);
	if (type < 0 || (type != h->layout->type_bytes && type != h->layout->type_trusted_bytes) ||
	    !v8_small_field(h, array, 8, &length) || i >= length / INLINE_STEP ||
	    !v8_field(h, array, 16 + INLINE_STEP * i, &packed) ||
	    h->read(h->arg, array - 1 + 24 + INLINE_STEP * (uint64_t)i, function,
		    sizeof(*function)))
		return false;
	*position = v8_position_unpack(packed);
	return true;
}

/* The function with a number among those that were inlined; -1: the code's own. 0: damaged. */
static uint64_t inlined_function(const struct v8_heap *h, const struct v8_code *code, int32_t i)
{
	uint64_t literals, count, shared;

	if (i == -1)
		return code->shared;
	if (!v8_element(h, code->data, h->layout->deopt_inlined, &count) || !v8_is_small(count) ||
	    i < 0 || i >= v8_small(count) ||
	    !v8_element(h, code->data, h->layout->deopt_literals, &literals) ||
	    !v8_element(h, literals, i, &shared) || v8_type(h, shared) != h->layout->type_shared)
		return 0;
	return shared;
}

int v8_code_functions(const struct v8_heap *h, const struct v8_code *code, uint32_t pc_offset,
		      struct v8_inlined ret[V8_INLINED_MAX])
{
	_cleanup_free_ uint8_t *table = malloc(TABLE_MAX);
	struct v8_position p;
	int n = table ? v8_bytes(h, code->positions, table, TABLE_MAX) : 0;

	if (n <= 0 || !v8_position_find(table, (size_t)n, h->layout->position_flags, pc_offset,
					code->size, &p))
		return 0;
	for (n = 0; n < V8_INLINED_MAX; n++) {
		struct v8_position outer;
		int32_t function = -1;

		if (p.inlining < 0) {
			ret[n] = (struct v8_inlined){ code->shared, p.offset };
			return n + 1;
		}
		if (!inlining(h, code, p.inlining, &outer, &function))
			return 0;
		ret[n] = (struct v8_inlined){ inlined_function(h, code, function), p.offset };
		/* What is inlined was so into something before it: no loops. */
		if (!ret[n].shared || outer.inlining >= p.inlining)
			return 0;
		p = outer;
	}
	return 0;
}

int32_t v8_code_baseline(const struct v8_heap *h, const struct v8_code *code, uint64_t bytecode,
			 uint32_t pc_offset, const uint8_t *lengths)
{
	_cleanup_free_ uint8_t *table = malloc(2 * (size_t)TABLE_MAX);
	const struct v8_layout *l = h->layout;
	int32_t length, at;
	int n = table ? v8_bytes(h, code->positions, table, TABLE_MAX) : 0;

	if (n <= 0 || !lengths || !l->bytecodes ||
	    !v8_small_field(h, bytecode, l->bytecode_length, &length) || length <= 0 ||
	    (uint32_t)length > TABLE_MAX ||
	    h->read(h->arg, bytecode - 1 + (uint64_t)l->bytecode_data, table + TABLE_MAX,
		    (size_t)length))
		return -1;
	at = v8_bytecode_at(table, (size_t)n, pc_offset, table + TABLE_MAX, (size_t)length, lengths,
			    l->bytecodes);
	return at < 0 ? -1 : v8_bytecode_position(h, bytecode, (uint32_t)at);
}
