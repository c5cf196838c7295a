/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of code objects: tables as CPython 3.8, 3.10 and 3.12 made them. */
#include <criterion/criterion.h>

#include "runtime/python_lines.h"

/*
 * def f(a):            # line 10
 *     b = a + 1
 *
 *     return (b,
 *             g(b))
 */
static const uint8_t lnotab[] = { 0, 1, 8, 2, 2, 1, 6, 255 };
static const uint8_t linetable[] = { 8, 1, 2, 2, 6, 1, 2, 255, 4, 128 };

Test(python_lines, follows_lnotab)
{
	const uint32_t want[] = { 11, 11, 11, 11, 13, 14, 14, 14, 13 };

	for (uint32_t i = 0; i < 9; i++)
		cr_expect_eq(python_line(PYTHON_LNOTAB, lnotab, sizeof(lnotab), 10, i), want[i],
			     "instruction %u", i);
}

Test(python_lines, follows_the_table_of_3_10_which_knows_code_without_a_line)
{
	const uint32_t want[] = { 11, 11, 11, 11, 13, 14, 14, 14, 13, 0, 0, 0 };

	for (uint32_t i = 0; i < 12; i++)
		cr_expect_eq(python_line(PYTHON_LINETABLE, linetable, sizeof(linetable), 10, i),
			     want[i], "instruction %u", i);
}

Test(python_lines, follows_locations_of_every_kind)
{
	/* short, one line (+1), no columns (+300), long (-2), none */
	static const uint8_t table[] = {
		0x80 | 3 << 3 | 1,
		0x25,
		0x80 | 11 << 3 | 0,
		1,
		5,
		0x80 | 13 << 3 | 2,
		0x40 | 24,
		9,
		0x80 | 14 << 3 | 0,
		5,
		0,
		1,
		1,
		0x80 | 15 << 3 | 7,
	};
	const uint32_t want[] = { 10, 10, 11, 311, 311, 311, 309, 0, 0 };

	for (uint32_t i = 0; i < 9; i++)
		cr_expect_eq(python_line(PYTHON_LOCATIONS, table, sizeof(table), 10, i), want[i],
			     "instruction %u: %u", i,
			     python_line(PYTHON_LOCATIONS, table, sizeof(table), 10, i));
	cr_expect_eq(python_line(PYTHON_LOCATIONS, table, sizeof(table), 10, 100), 0);
}

Test(python_lines, gives_no_line_for_damaged_tables)
{
	static const uint8_t no_start[] = { 0x25, 0x80, 0x25 };
	static const uint8_t far_back[] = { 0x80 | 13 << 3, 0x7f, 0x7f, 0x3f };
	static const uint8_t cut[] = { 0x80 | 13 << 3 };

	cr_expect_eq(python_line(PYTHON_LOCATIONS, no_start, sizeof(no_start), 10, 0), 0);
	cr_expect_eq(python_line(PYTHON_LOCATIONS, far_back, sizeof(far_back), 10, 0), 0,
		     "a line before the first");
	cr_expect_eq(python_line(PYTHON_LOCATIONS, cut, sizeof(cut), 10, 0), 10);
	for (int kind = PYTHON_LINETABLE; kind <= PYTHON_LOCATIONS; kind++)
		cr_expect_eq(python_line((enum python_lines)kind, NULL, 0, 10, 0), 0);
	cr_expect_eq(python_line(PYTHON_LNOTAB, lnotab, 1, 10, 5), 10, "half a pair");
}
