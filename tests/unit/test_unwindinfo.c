/* SPDX-License-Identifier: GPL-2.0-only */
/* What .eh_frame tells of code, asked through symbols.h. */
#include <criterion/criterion.h>

#include "elf_image.h"
#include "sym/symbols.h"

/* push %rbp (1 byte); mov %rsp,%rbp (3 bytes); …; pop %rbp; ret at 0x10 */
static const char rbp_program[] = "\x41\x0e\x10\x86\x02" /* 1: CFA = rsp + 16 */
				  "\x43\x0d\x06"         /* 4: CFA = rbp + 16 */
				  "\x4b\x0a"             /* 15: remembered */
				  "\x41\x0c\x07\x08"     /* 16: CFA = rsp + 8 */
				  "\x41\x0b";            /* 17: as at 15 */

Test(unwindinfo, knows_where_a_function_keeps_its_frame_pointer)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_fde(&im, 0x100, 0x20, rbp_program, sizeof(rbp_program) - 1);
	elf_image_add_fde(&im, 0x120, 0x10, "", 0);
	elf_image_add_fde(&im, 0x140, 0x10, "\x0c\x06\x30", 3); /* CFA = rbp + 48 */
	elf_image_add_fde(&im, 0x150, 0x10, "\x0c\x0a\x00", 3); /* CFA = r10 */
	s = elf_image_open(&im);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0xff)), -1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x100)), 0);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x103)), 0);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x104)), 1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x10f)), 1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x110)), 0);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x111)), 1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x11f)), 1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x120)), 0);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x130)), -1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x140)), 0);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x150)), -1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, UINT64_MAX), -1);
	symbols_free(s);
}

Test(unwindinfo, takes_unwind_information_in_any_order_and_the_first_of_what_overlaps)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_fde(&im, 0x100, 0x40, "\x0c\x06\x10", 3); /* CFA = rbp + 16 */
	elf_image_add_fde(&im, 0x80, 0x10, "\x0c\x06\x10", 3);
	elf_image_add_fde(&im, 0x110, 0x10, "", 0);
	elf_image_add_fde(&im, 0x138, 0x10, "", 0);
	s = elf_image_open(&im);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x80)), 1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x90)), -1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x110)), 1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x13f)), 1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0x140)), -1);
	symbols_free(s);
}

Test(unwindinfo, knows_where_the_frames_base_lies_above_rsp)
{
	/* In words; base 0: not known. */
	static const struct {
		uint32_t at, base, rbp;
	} cases[] = {
		{ 0x100, 1, 0 },    { 0x101, 2, 2 }, { 0x104, 0, 0 },   { 0x110, 1, 2 },
		{ 0x120, 4095, 0 }, { 0x130, 0, 0 }, { 0x140, 1, 255 }, { 0x150, 0, 0 },
		{ 0x160, 0, 0 },    { 0x170, 0, 0 }, { 0x184, 1, 0 },   { 0x190, 1, 3 },
		{ 0x1a0, 0, 0 },    { 0x1b0, 0, 0 },
	};
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_fde(&im, 0x100, 0x20, rbp_program, sizeof(rbp_program) - 1);
	elf_image_add_fde(&im, 0x120, 0x10, "\x0e\xf8\xff\x01", 4); /* CFA = rsp + 4095 words */
	elf_image_add_fde(&im, 0x130, 0x10, "\x0e\x80\x80\x02", 4); /* one word more */
	elf_image_add_fde(&im, 0x140, 0x10, "\x86\xff\x01", 3);     /* rbp 255 words below */
	elf_image_add_fde(&im, 0x150, 0x10, "\x86\x80\x02", 3);     /* one more */
	elf_image_add_fde(&im, 0x160, 0x10, "\x10\x06\x01\x70", 4); /* rbp by an expression */
	elf_image_add_fde(&im, 0x170, 0x10, "\x09\x06\x03", 3);     /* rbp in rbx */
	elf_image_add_fde(&im, 0x180, 0x10, "\x09\x06\x03\x44\x08\x06", 6); /* in rbp again */
	elf_image_add_fde(&im, 0x190, 0x10, "\x05\x06\x03", 3); /* the long form of `offset` */
	elf_image_add_fde(&im, 0x1a0, 0x10, "\x11\x06\x7d", 3); /* above the base */
	s = elf_image_open(&im);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint32_t base = 0, rbp = 0;
		bool known = symbols_frame_base(s, IMAGE_AT(cases[i].at), &base, &rbp);

		cr_expect_eq(known, cases[i].base > 0, "at %x", cases[i].at);
		cr_expect_eq(base, cases[i].base, "at %x", cases[i].at);
		cr_expect_eq(rbp, cases[i].rbp, "at %x", cases[i].at);
	}
	for (uint64_t at = 0x120; at < 0x1b0; at += 0x10)
		cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(at)), 0, "at %lx", at);
	symbols_free(s);
}
