/* SPDX-License-Identifier: GPL-2.0-only */
/* Names, files and places of JavaScript functions. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/types.h>
#include <string.h>

#include "bpf/wire.h"
#include "runtime/v8_function.h"
#include "v8_objects.h"

#define NAMED    (1U << 12)
#define INFERRED (1U << 14)
#define CLASS    (1U << 10)
#define RECEIVER (1U << 7)

static struct v8_objects o;

static void expect(uint64_t name, const char *want, int32_t start)
{
	uint64_t shared = v8_shared(&o, name, v8_script(&o, "file:///a/b.js", ""), v8_number(0));
	struct v8_function f = {};

	cr_assert_eq(v8_function_read(&o.heap, shared, &f), 0);
	cr_expect_str_eq(f.name, want);
	cr_expect_str_eq(f.file, "/a/b.js");
	cr_expect_eq(f.start, start, "%d", f.start);
	v8_function_done(&f);
}

Test(v8_function, reads_names_and_places_of_all_versions)
{
	static const uint32_t versions[] = { V8_VERSION(8, 4), V8_VERSION(9, 4), V8_VERSION(10, 2),
					     V8_VERSION(11, 3), V8_VERSION(12, 4) };

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		uint64_t rest[7];

		v8_objects_begin(&o, versions[i]);
		expect(v8_one_byte(&o, "lazy"), "lazy", -1);
		rest[0] = v8_one_byte(&o, "price");
		rest[1] = v8_number(-1);
		rest[2] = v8_object(&o, V8_ODDBALL, 16);
		rest[3] = v8_number(30);
		rest[4] = v8_number(90);
		expect(v8_scope(&o, NAMED | INFERRED, 0, rest, 5), "price", 30);
		expect(v8_scope(&o, NAMED | INFERRED, 3, rest, 5), "price", 30);
		rest[0] = v8_one_byte(&o, "");
		rest[2] = v8_one_byte(&o, "Shop.price");
		expect(v8_scope(&o, NAMED | INFERRED, 3, rest, 5), "Shop.price", 30);
		expect(v8_scope(&o, INFERRED, 0, rest + 2, 3), "Shop.price", 30);
		expect(v8_scope(&o, 0, 0, rest + 3, 2), "(anonymous)", 30);
	}
}

Test(v8_function, reads_places_that_stand_before_names)
{
	uint64_t rest[2], scope;

	v8_objects_begin(&o, V8_VERSION(13, 6));
	rest[0] = v8_one_byte(&o, "price");
	rest[1] = v8_number(-1);
	scope = v8_scope(&o, NAMED, 2, rest, 2);
	v8_set(&o, scope, o.layout.scope_start, v8_number(44));
	expect(scope, "price", 44);
}

Test(v8_function, passes_over_slots_that_are_not_names)
{
	uint64_t rest[5];

	v8_objects_begin(&o, V8_VERSION(11, 3));
	rest[0] = v8_one_byte(&o, "Class");
	rest[1] = v8_one_byte(&o, "method");
	rest[2] = v8_number(-1);
	rest[3] = v8_number(5);
	expect(v8_scope(&o, CLASS | NAMED, 0, rest, 4), "method", 5);
	v8_objects_begin(&o, V8_VERSION(9, 4));
	rest[0] = v8_number(-1);
	rest[1] = v8_one_byte(&o, "method");
	expect(v8_scope(&o, RECEIVER | NAMED, 0, rest, 4), "method", 5);
}

Test(v8_function, refuses_what_is_no_function)
{
	struct v8_function f;
	uint64_t script, name;
	uint32_t check;

	v8_objects_begin(&o, V8_VERSION(11, 3));
	name = v8_one_byte(&o, "name");
	script = v8_script(&o, "a.js", "");
	cr_expect_eq(v8_function_read(&o.heap, script, &f), -EINVAL);
	cr_expect_eq(v8_function_read(&o.heap, name, &f), -EINVAL);
	cr_expect_eq(v8_function_read(&o.heap, 0, &f), -EINVAL);
	cr_expect_eq(v8_function_read(&o.heap, v8_number(4), &f), -EINVAL);
	cr_expect_eq(v8_function_read(&o.heap, V8_BASE + 2 * V8_BYTES + 1, &f), -EINVAL);
	cr_expect_not(v8_function_check(&o.heap, script, &check));
}

Test(v8_function, is_known_again_by_its_name_and_script)
{
	uint64_t a, b, script;
	uint32_t first, second;

	v8_objects_begin(&o, V8_VERSION(11, 3));
	script = v8_script(&o, "a.js", "");
	a = v8_shared(&o, v8_one_byte(&o, "a"), script, 0);
	b = v8_shared(&o, v8_one_byte(&o, "b"), script, 0);
	cr_assert(v8_function_check(&o.heap, a, &first));
	cr_assert(v8_function_check(&o.heap, b, &second));
	cr_expect_neq(first, second);
	cr_expect_lt(first, 1U << 18);
}

/* What BPF puts into two words comes out of them. */
Test(v8_function, words_hold_all_that_bpf_tells)
{
	uint64_t shared = 0x7fffdeadbee9, at = 0x7f1234567891, check = 0x2a5f3;
	uint64_t what = shared >> 3 | check << PB_V8_SHARED_ALL;
	uint64_t where = at | (uint64_t)PB_V8_ENTERED << PB_V8_AT_ALL | 1ULL << (PB_V8_AT_ALL + 2) |
			 check >> PB_V8_LOW_BITS << (PB_V8_AT_ALL + 3);

	what &= PB_WORD_PAYLOAD;
	where &= PB_WORD_PAYLOAD;
	cr_expect_eq(PB_V8_SHARED(what), shared);
	cr_expect_eq(PB_V8_AT(where), at);
	cr_expect_eq(PB_V8_KIND(where), PB_V8_ENTERED);
	cr_expect_eq(PB_V8_IS_RETURN(where), 1);
	cr_expect_eq(PB_V8_CHECK_OF(what, where), check);
}

Test(v8_function, finds_bytecode_behind_what_runs_it)
{
	uint64_t bytecode, data, code;
	uint8_t table[32];
	uint32_t n;

	v8_objects_begin(&o, V8_VERSION(11, 3));
	bytecode = v8_object(&o, V8_BYTECODE, 80);
	data = v8_object(&o, V8_INTERPRETER_DATA, 24);
	code = v8_object(&o, V8_CODE, 80);
	v8_set(&o, data, 8, bytecode);
	v8_set(&o, code, o.layout.code_data, data);
	cr_expect_eq(v8_bytecode_of(&o.heap, code), bytecode);
	cr_expect_eq(v8_bytecode_of(&o.heap, bytecode), bytecode);
	v8_set(&o, data, 8, code); /* a loop */
	cr_expect_eq(v8_bytecode_of(&o.heap, code), 0);
	n = v8_row(table, 0, 3, (int64_t)v8_packed(77, -1));
	v8_set(&o, bytecode, o.layout.bytecode_length, v8_number(10));
	v8_set(&o, bytecode, o.layout.bytecode_positions, v8_byte_array(&o, table, n));
	cr_expect_eq(v8_bytecode_position(&o.heap, bytecode, 2), -1);
	cr_expect_eq(v8_bytecode_position(&o.heap, bytecode, 5), 77);
	cr_expect_eq(v8_bytecode_position(&o.heap, bytecode, 10), -1);
	cr_expect_eq(v8_bytecode_position(&o.heap, data, 5), -1);
}
