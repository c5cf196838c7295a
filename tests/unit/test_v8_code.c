/* SPDX-License-Identifier: GPL-2.0-only */
/* Code that V8 compiled: found by an address in it, and the functions that are inlined there. */
#include <criterion/criterion.h>
#include <string.h>

#include "runtime/v8_code.h"
#include "v8_objects.h"

#define SIZE 0x800U

static struct v8_objects o;
static uint64_t outer, inner, start;

static uint64_t deoptimization(uint64_t shared)
{
	uint64_t inlining[4] = { v8_packed(50, -1), 0, v8_packed(60, 0), 0 };
	uint64_t literals[2] = { inner, outer }, data[9] = {};

	data[o.layout.deopt_inlined] = v8_number(1);
	data[o.layout.deopt_literals] = v8_array(&o, V8_WEAK_ARRAY, literals, 2);
	data[o.layout.deopt_shared] = shared;
	data[o.layout.deopt_inlinings] = v8_byte_array(&o, inlining, sizeof(inlining));
	return v8_array(&o, V8_ARRAY, data, 9);
}

static uint64_t positions(void)
{
	uint8_t table[64];
	uint32_t n = v8_row(table, 0, 0x10, (int64_t)v8_packed(5, -1));

	n = v8_row(table, n, 0x10, (int64_t)(v8_packed(70, 0) - v8_packed(5, -1)));
	n = v8_row(table, n, 0x10, (int64_t)(v8_packed(80, 1) - v8_packed(70, 0)));
	n = v8_row(table, n, 0x10, (int64_t)(v8_packed(90, 9) - v8_packed(80, 1)));
	return v8_byte_array(&o, table, n);
}

/* An object with instructions on the second page, which go on on the third. */
static uint64_t make_code(uint32_t version, uint64_t shared)
{
	uint64_t code, stream, data, table;
	uint32_t size = SIZE;

	v8_objects_begin(&o, version);
	outer = v8_shared(&o, v8_one_byte(&o, "outer"), v8_script(&o, "a.js", ""), 0);
	inner = v8_shared(&o, v8_one_byte(&o, "inner"), v8_script(&o, "a.js", ""), 0);
	data = deoptimization(shared ? shared : outer);
	table = positions();
	if (o.layout.code_stream < 0) {
		v8_object(&o, V8_CODE, 8); /* its map */
		o.used = 0x1c00;
		code = v8_object(&o, V8_CODE, 64 + SIZE);
		start = code - 1 + 64;
		v8_set(&o, code, 8, table);
		v8_set(&o, code, 32, table);
	} else {
		code = v8_object(&o, V8_CODE, 80);
		v8_object(&o, V8_ODDBALL, 8); /* its map */
		o.used = 0x1c00;
		stream = v8_object(&o, V8_ODDBALL, 32 + SIZE);
		start = stream - 1 + 32;
		v8_set(&o, stream, 8, code);
		v8_set(&o, code, o.layout.code_stream, stream);
		v8_set(&o, code, o.layout.code_start, start);
	}
	v8_set(&o, code, o.layout.code_data, data);
	v8_set(&o, code, o.layout.code_positions, table);
	v8_set_bytes(&o, code, o.layout.code_size, &size, sizeof(size));
	return code;
}

static const uint32_t versions[] = { V8_VERSION(8, 4),  V8_VERSION(10, 2), V8_VERSION(11, 3),
				     V8_VERSION(11, 8), V8_VERSION(12, 4), V8_VERSION(13, 6) };

Test(v8_code, is_found_by_any_address_in_it)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		uint64_t object = make_code(versions[i], 0);
		static const uint32_t offsets[] = { 0, 1, 0x3a0, 0x3f0, 0x400, SIZE - 1 };
		struct v8_code code = {};

		for (size_t k = 0; k < sizeof(offsets) / sizeof(offsets[0]); k++) {
			cr_assert(v8_code_find(&o.heap, start + offsets[k], &code), "%x in %x",
				  offsets[k], versions[i]);
			cr_expect_eq(code.object, object);
			cr_expect_eq(code.start, start);
			cr_expect_eq(code.kind, V8_CODE_OPTIMIZED);
			cr_expect_eq(code.shared, outer);
		}
		cr_expect_not(v8_code_find(&o.heap, start + SIZE, &code));
		cr_expect_not(v8_code_find(&o.heap, start - 1, &code));
	}
}

Test(v8_code, is_not_found_by_what_only_looks_like_it)
{
	uint64_t object = make_code(V8_VERSION(11, 3), 0);
	struct v8_code code;

	v8_set(&o, object, o.layout.code_start, start + 32);
	cr_expect_not(v8_code_find(&o.heap, start + 8, &code));
	v8_set(&o, object, o.layout.code_start, start);
	cr_expect(v8_code_find(&o.heap, start + 8, &code));
	v8_set(&o, object, 0, o.maps[V8_SHARED]);
	cr_expect_not(v8_code_find(&o.heap, start + 8, &code));
}

static void expect(uint32_t offset, const struct v8_inlined *want, int n)
{
	struct v8_inlined got[V8_INLINED_MAX];
	struct v8_code code;

	cr_assert(v8_code_find(&o.heap, start + offset, &code));
	cr_expect_eq(v8_code_functions(&o.heap, &code, offset, got), n, "at %x", offset);
	for (int i = 0; i < n; i++) {
		cr_expect_eq(got[i].shared, want[i].shared, "at %x, %d", offset, i);
		cr_expect_eq(got[i].offset, want[i].offset, "at %x, %d: %d", offset, i,
			     got[i].offset);
	}
}

Test(v8_code, tells_what_is_inlined_at_a_place)
{
	make_code(V8_VERSION(11, 3), 0);
	expect(8, NULL, 0);
	expect(0x18, (const struct v8_inlined[]){ { outer, 5 } }, 1);
	expect(0x28, (const struct v8_inlined[]){ { inner, 70 }, { outer, 50 } }, 2);
	expect(0x38, (const struct v8_inlined[]){ { inner, 80 }, { inner, 60 }, { outer, 50 } }, 3);
	expect(0x48, NULL, 0); /* there is no inlining 9 */
}

Test(v8_code, survives_inlinings_that_hold_each_other)
{
	uint64_t loop[4] = { v8_packed(50, 1), 0, v8_packed(60, 0), 0 }, data, bytes;
	struct v8_code code;

	make_code(V8_VERSION(11, 3), 0);
	cr_assert(v8_code_find(&o.heap, start, &code));
	data = code.data;
	o.used = 0x4000;
	bytes = v8_byte_array(&o, loop, sizeof(loop));
	v8_set(&o, data, 16 + 8 * o.layout.deopt_inlinings, bytes);
	expect(0x28, NULL, 0);
	expect(0x38, NULL, 0);
}

Test(v8_code, of_something_else_is_nobodys)
{
	struct v8_code code;

	make_code(V8_VERSION(11, 3), v8_number(3));
	cr_assert(v8_code_find(&o.heap, start, &code));
	cr_expect_eq(code.kind, V8_CODE_OTHER);
	cr_expect_eq(code.shared, 0);
}
