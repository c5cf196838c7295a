/* SPDX-License-Identifier: GPL-2.0-only */
/* Marks on code in an unwind table. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "sym/unwindmark.h"

#define BASE 0x400000UL

static struct unwindtable *table(void)
{
	struct unwindtable *t = calloc(1, sizeof(*t));

	t->base = BASE;
	t->n = 3;
	t->rows = calloc(t->n, sizeof(*t->rows));
	t->rows[1] = (struct unwind_row){ 0x100, 1 };
	t->rows[2] = (struct unwind_row){ 0x200, 0 };
	t->rules_n = 2;
	t->rules = calloc(t->rules_n, sizeof(*t->rules));
	t->rules[0].ra_reg = CFI_REG_NONE;
	t->rules[1] = (struct cfi_rule){
		.base = CFI_BASE_REG, .reg = 7, .ra_reg = CFI_REG_NONE, .offset = 8
	};
	return t;
}

static const struct cfi_rule *at(const struct unwindtable *t, uint64_t addr)
{
	return &t->rules[unwindtable_rule(t, addr)];
}

static void check_sorted(const struct unwindtable *t)
{
	for (size_t i = 1; i < t->n; i++)
		cr_expect_lt(t->rows[i - 1].addr, t->rows[i].addr);
}

Test(unwindmark, marks_a_part_of_the_code_and_keeps_its_rules)
{
	struct unwindtable *t = table();

	cr_assert_eq(unwindtable_mark(t, &(struct unwind_mark){ BASE + 0x150, BASE + 0x180, 2 }),
		     0);
	check_sorted(t);
	cr_expect_eq(at(t, BASE + 0x14f)->mark, 0);
	cr_expect_eq(at(t, BASE + 0x150)->mark, 2);
	cr_expect_eq(at(t, BASE + 0x17f)->mark, 2);
	cr_expect_eq(at(t, BASE + 0x180)->mark, 0);
	for (uint64_t i = 0x100; i < 0x200; i += 0x10)
		cr_expect_eq(at(t, BASE + i)->offset, 8);
	unwindtable_free(t);
}

Test(unwindmark, covers_code_of_several_rules_and_of_none)
{
	struct unwindtable *t = table();

	cr_assert_eq(unwindtable_mark(t, &(struct unwind_mark){ BASE + 0x80, BASE + 0x280, 1 }), 0);
	check_sorted(t);
	cr_expect_eq(at(t, BASE + 0x7f)->mark, 0);
	cr_expect(at(t, BASE + 0x80)->mark == 1 && at(t, BASE + 0x80)->base == CFI_BASE_NONE);
	cr_expect(at(t, BASE + 0x100)->mark == 1 && at(t, BASE + 0x100)->base == CFI_BASE_REG);
	cr_expect(at(t, BASE + 0x27f)->mark == 1 && at(t, BASE + 0x27f)->base == CFI_BASE_NONE);
	cr_expect_eq(at(t, BASE + 0x280)->mark, 0);
	unwindtable_free(t);
}

Test(unwindmark, leaves_alone_what_was_marked_before_and_what_lies_outside)
{
	struct unwindtable *t = table();

	cr_assert_eq(unwindtable_mark(t, &(struct unwind_mark){ BASE + 0x120, BASE + 0x140, 1 }),
		     0);
	cr_assert_eq(unwindtable_mark(t, &(struct unwind_mark){ BASE + 0x100, BASE + 0x200, 2 }),
		     0);
	cr_expect_eq(at(t, BASE + 0x11f)->mark, 2);
	cr_expect_eq(at(t, BASE + 0x120)->mark, 1);
	cr_expect_eq(at(t, BASE + 0x140)->mark, 2);
	cr_assert_eq(unwindtable_mark(t, &(struct unwind_mark){ 0x100, BASE, 3 }), 0);
	cr_assert_eq(unwindtable_mark(t, &(struct unwind_mark){ UINT64_MAX - 1, UINT64_MAX, 3 }),
		     0);
	cr_assert_eq(unwindtable_mark(t, &(struct unwind_mark){ BASE + 9, BASE + 8, 3 }), 0);
	for (size_t i = 0; i < t->n; i++)
		cr_expect_neq(t->rules[t->rows[i].rule].mark, 3);
	/* From before the code to beyond its end. */
	cr_assert_eq(unwindtable_mark(t, &(struct unwind_mark){ 1, UINT64_MAX, 4 }), 0);
	check_sorted(t);
	for (size_t i = 0; i < t->n; i++)
		cr_expect_neq(t->rules[t->rows[i].rule].mark, 0);
	unwindtable_free(t);
}
