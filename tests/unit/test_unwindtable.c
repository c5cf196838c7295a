/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules by address, made of .eh_frame. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_image.h"
#include "lib/cleanup.h"
#include "sym/unwindtable.h"

static struct unwindtable *table_of(struct elf_image *im)
{
	_cleanup_close_ int fd = memfd_create("image", MFD_CLOEXEC);
	struct unwindtable *t = NULL;
	struct buf file = {};

	elf_image_write(im, &file);
	cr_assert_eq(write(fd, file.data, file.len), (ssize_t)file.len);
	cr_assert_eq(unwindtable_read(fd, &t), 0);
	buf_done(&file);
	elf_image_done(im);
	return t;
}

static const struct cfi_rule *rule_at(const struct unwindtable *t, uint64_t at)
{
	return &t->rules[unwindtable_rule(t, IMAGE_TEXT + at)];
}

Test(unwindtable, follows_the_stack_pointer_and_notes_where_rbp_and_rbx_are)
{
	/* 1: CFA = rsp + 16, rbp below it; 2: rsp + 24, rbx below that; 8: rbx restored */
	static const char program[] = "\x41\x0e\x10\x86\x02"
				      "\x41\x0e\x18\x83\x03"
				      "\x46\x0e\x10\xc3";
	struct elf_image im = {};
	struct unwindtable *t;
	const struct cfi_rule *r;

	elf_image_add_fde(&im, 0x100, 0x20, program, sizeof(program) - 1);
	t = table_of(&im);
	cr_expect_eq(rule_at(t, 0xff)->base, CFI_BASE_NONE);
	r = rule_at(t, 0x100);
	cr_expect(r->base == CFI_BASE_REG && r->reg == 7 && r->offset == 8);
	cr_expect(r->rbp == CFI_SAME && !r->rbx_words && r->ra_reg == CFI_REG_NONE);
	r = rule_at(t, 0x101);
	cr_expect(r->offset == 16 && r->rbp == CFI_AT_BASE && r->rbp_words == -2);
	r = rule_at(t, 0x102);
	cr_expect(r->offset == 24 && r->rbp_words == -2 && r->rbx_words == -3);
	r = rule_at(t, 0x11f);
	cr_expect(r->offset == 16 && r->rbp_words == -2 && !r->rbx_words);
	cr_expect_eq(rule_at(t, 0x120)->base, CFI_BASE_NONE);
	cr_expect_eq(unwindtable_rule(t, IMAGE_TEXT - 1), 0);
	cr_expect_eq(unwindtable_rule(t, UINT64_MAX), 0);
	unwindtable_free(t);
}

Test(unwindtable, knows_the_expressions_that_are_in_use)
{
	static const char plt[] = "\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22";
	static const char aligned[] = "\x0f\x03\x76\x78\x06\x10\x06\x02\x76\x00";
	static const char deref_sum[] = "\x0f\x05\x77\x20\x06\x23\x08";
	static const char longer[] = "\x0f\x04\x77\x20\x06\x06";
	static const char in_register[] = "\x09\x10\x05"; /* the return address is in rdi */
	static const char stop[] = "\x07\x10";
	struct elf_image im = {};
	struct unwindtable *t;
	const struct cfi_rule *r;

	elf_image_add_fde(&im, 0x100, 0x10, plt, sizeof(plt) - 1);
	elf_image_add_fde(&im, 0x110, 0x10, aligned, sizeof(aligned) - 1);
	elf_image_add_fde(&im, 0x120, 0x10, deref_sum, sizeof(deref_sum) - 1);
	elf_image_add_fde(&im, 0x130, 0x10, longer, sizeof(longer) - 1);
	elf_image_add_fde(&im, 0x140, 0x10, in_register, sizeof(in_register) - 1);
	elf_image_add_fde(&im, 0x150, 0x10, stop, sizeof(stop) - 1);
	t = table_of(&im);
	r = rule_at(t, 0x100);
	cr_expect(r->base == CFI_BASE_PLT && r->reg == 7 && r->offset == 8 && r->add == 11);
	r = rule_at(t, 0x110);
	cr_expect(r->base == CFI_BASE_DEREF && r->reg == 6 && r->offset == -8 && !r->add);
	cr_expect(r->rbp == CFI_AT_RBP && !r->rbp_words);
	r = rule_at(t, 0x120);
	cr_expect(r->base == CFI_BASE_DEREF && r->reg == 7 && r->offset == 32 && r->add == 8);
	cr_expect_eq(rule_at(t, 0x130)->base, CFI_BASE_BAD);
	cr_expect_eq(rule_at(t, 0x140)->ra_reg, 5);
	cr_expect_eq(rule_at(t, 0x150)->base, CFI_BASE_STOP);
	unwindtable_free(t);
}

Test(unwindtable, takes_padding_for_its_function_and_a_gap_for_unknown_code)
{
	struct elf_image im = {};
	struct unwindtable *t;

	elf_image_add_fde(&im, 0x120, 0x10, "\x0e\x10", 2);
	elf_image_add_fde(&im, 0x100, 0x11, "\x0e\x10", 2); /* in any order */
	elf_image_add_fde(&im, 0x140, 0x10, "\x0e\x10", 2);
	t = table_of(&im);
	cr_expect_eq(rule_at(t, 0x118)->offset, 16); /* 15 bytes */
	cr_expect_eq(rule_at(t, 0x12f)->offset, 16);
	cr_expect_eq(rule_at(t, 0x130)->base, CFI_BASE_NONE); /* 16 */
	cr_expect_eq(rule_at(t, 0x140)->offset, 16);
	cr_expect_eq(t->n, 5);
	unwindtable_free(t);
}

Test(unwindtable, finds_the_restorer_of_signals_in_the_c_library)
{
	_cleanup_close_ int fd = open("/lib/x86_64-linux-gnu/libc.so.6", O_RDONLY | O_CLOEXEC);
	struct unwindtable *t = NULL;
	size_t signals = 0, stops = 0, bad = 0;

	if (fd < 0)
		cr_skip_test("no Debian C library");
	cr_assert_eq(unwindtable_read(fd, &t), 0);
	for (size_t i = 0; i < t->n; i++) {
		const struct cfi_rule *r = &t->rules[t->rows[i].rule];

		signals += r->base == CFI_BASE_SIGNAL;
		stops += r->base == CFI_BASE_STOP;
		bad += r->base == CFI_BASE_BAD;
		cr_assert(!i || t->rows[i].addr > t->rows[i - 1].addr);
	}
	cr_expect_eq(signals, 1);
	cr_expect_geq(stops, 2); /* clone, clone3 */
	cr_expect_leq(bad, 5);
	unwindtable_free(t);
}

Test(unwindtable, refuses_what_is_no_program)
{
	_cleanup_close_ int fd = memfd_create("text", MFD_CLOEXEC);
	struct unwindtable *t = NULL;

	cr_assert_eq(write(fd, "hello, world\n", 13), 13);
	cr_expect_eq(unwindtable_read(fd, &t), -ENOEXEC);
	cr_expect_null(t);
}
