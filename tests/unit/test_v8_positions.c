/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables of source positions. */
#include <criterion/criterion.h>

#include "runtime/v8_positions.h"
#include "v8_objects.h"

#define CODE 100U

static uint32_t table(uint8_t *v)
{
	uint32_t n = v8_row(v, 0, 4, (int64_t)v8_packed(10, -1));

	n = v8_row(v, n, 20, (int64_t)(v8_packed(700, 2) - v8_packed(10, -1)));
	return v8_row(v, n, 30, (int64_t)(v8_packed(20, -1) - v8_packed(700, 2)));
}

static void expect(uint32_t offset, int32_t position, int32_t inlining)
{
	struct v8_position p = { -2, -2 };
	uint8_t v[64];
	uint32_t n = table(v);

	cr_assert(v8_position_find(v, n, 1, offset, CODE, &p), "at %u", offset);
	cr_expect_eq(p.offset, position, "%d at %u", p.offset, offset);
	cr_expect_eq(p.inlining, inlining, "%d at %u", p.inlining, offset);
}

Test(v8_positions, finds_the_last_row_at_or_before_an_offset)
{
	expect(4, 10, -1);
	expect(23, 10, -1);
	expect(24, 700, 2);
	expect(53, 700, 2);
	expect(54, 20, -1);
	expect(99, 20, -1);
}

Test(v8_positions, knows_nothing_before_the_first_row)
{
	struct v8_position p;
	uint8_t v[64];
	uint32_t n = table(v);

	cr_expect_not(v8_position_find(v, n, 1, 3, CODE, &p));
	cr_expect_not(v8_position_find(v, 0, 1, 3, CODE, &p));
}

Test(v8_positions, refuses_tables_that_reach_beyond_the_code)
{
	struct v8_position p;
	uint8_t v[64];
	uint32_t n = table(v);

	cr_expect(v8_position_find(v, n, 1, 10, 54, &p));
	cr_expect_not(v8_position_find(v, n, 1, 10, 53, &p));
}

Test(v8_positions, refuses_tables_that_are_cut)
{
	struct v8_position p;
	uint8_t v[64];
	uint32_t n = table(v);

	cr_expect_not(v8_position_find(v, n - 1, 1, 10, CODE, &p));
	memset(v, 0xff, sizeof(v));
	cr_expect_not(v8_position_find(v, sizeof(v), 1, 10, CODE, &p));
}

Test(v8_positions, has_no_place_in_javascript_for_external_positions)
{
	struct v8_position p = v8_position_unpack(v8_packed(5, 1) | 1);

	cr_expect_eq(p.offset, -1);
	cr_expect_eq(p.inlining, -1);
}

/* Bytecodes of one, two and three bytes; wide, of one more, and extra wide, of three more. */
static const uint8_t lengths[3 * 5] = { 1, 1, 1, 2, 3, 1, 1, 1, 3, 5, 1, 1, 1, 5, 9 };

Test(v8_positions, finds_the_bytecode_of_baseline_code)
{
	static const uint8_t bytecode[] = { 2, 3, 9, 0, 3, 9, 9, 4, 9, 9 };
	static const uint8_t made[] = { 10, 5, 6, 7, 8 };
	static const struct {
		uint32_t pc;
		int32_t at;
	} cases[] = { { 9, -1 }, { 10, 0 }, { 14, 0 }, { 15, 1 }, { 20, 1 },
		      { 21, 3 }, { 27, 3 }, { 28, 7 }, { 35, 7 }, { 36, -1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(v8_bytecode_at(made, sizeof(made), cases[i].pc, bytecode,
					    sizeof(bytecode), lengths, 5),
			     cases[i].at, "at %u", cases[i].pc);
}

Test(v8_positions, gives_no_bytecode_where_one_is_not_known)
{
	static const uint8_t bytecode[] = { 2, 7, 2 };
	static const uint8_t made[] = { 10, 5, 6, 7 };

	cr_expect_eq(v8_bytecode_at(made, sizeof(made), 12, bytecode, 3, lengths, 5), 0);
	cr_expect_eq(v8_bytecode_at(made, sizeof(made), 24, bytecode, 3, lengths, 5), -1);
}
