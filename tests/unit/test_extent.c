/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions without symbols, and which sizes of symbols can be trusted. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_image.h"
#include "lib/cleanup.h"
#include "sym/extent.h"

static int list(const struct symbol *sym, void *arg)
{
	cr_expect_null(sym->name);
	cr_expect_eq(sym->offset - sym->addr, IMAGE_TEXT_OFFSET - IMAGE_TEXT);
	buf_printf(arg, "%lx+%lx;", sym->addr - IMAGE_TEXT, sym->size);
	return 0;
}

static void expect_unnamed(const struct symbols *s, const char *expected)
{
	struct buf text = {};

	cr_expect_eq(symbols_each_unnamed(s, list, &text), 0);
	cr_expect_str_eq(buf_str(&text), expected);
	buf_done(&text);
}

Test(extent, lists_functions_that_no_symbol_covers)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_function(&im, "named", 0x20, 0x20, STB_GLOBAL);
	elf_image_add_function(&im, "large", 0x100, 0x40, STB_GLOBAL);
	elf_image_add_fde(&im, 0x00, 0x10, "", 0);
	elf_image_add_fde(&im, 0x20, 0x20, "", 0);
	elf_image_add_fde(&im, 0x40, 0x18, "\x41\x0e\x10", 3); /* pushes later */
	elf_image_add_fde(&im, 0x110, 0x10, "", 0);            /* within "large" */
	elf_image_add_fde(&im, 0x140, 1, "", 0);
	s = elf_image_open(&im);
	expect_unnamed(s, "0+10;40+18;140+1;");
	symbols_free(s);
}

Test(extent, leaves_out_parts_of_functions_and_what_has_no_caller)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_fde(&im, 0x00, 0x10, "\x0e\x20", 2);         /* CFA = rsp + 32 */
	elf_image_add_fde(&im, 0x10, 0x10, "\x0c\x06\x10", 3);     /* CFA = rbp + 16 */
	elf_image_add_fde(&im, 0x20, 0x10, "\x86\x02", 2);         /* rbp was saved */
	elf_image_add_fde(&im, 0x30, 0x10, "\x07\x10", 2);         /* no return address */
	elf_image_add_fde(&im, 0x40, 0x10, "\x0f\x02\x77\x08", 4); /* an expression */
	elf_image_add_fde(&im, 0x50, 0x10, "", 0);
	elf_image_add_fde(&im, 0x2000, 0x10, "", 0); /* no code */
	s = elf_image_open(&im);
	expect_unnamed(s, "50+10;");
	symbols_free(s);
}

Test(extent, leaves_out_stubs_of_the_procedure_linkage_table)
{
	struct elf_image im = {};
	struct symbols *s = NULL;
	struct buf file = {};
	char *name;

	elf_image_add_fde(&im, 0x00, 0x10, "", 0);
	elf_image_write(&im, &file);
	name = memmem(file.data, file.len, ".text", 6);
	cr_assert_not_null(name);
	memcpy(name, ".plt", 5);
	cr_assert_eq(symbols_open_memory(file.data, file.len, &s), 0);
	expect_unnamed(s, "");
	symbols_free(s);
	buf_done(&file);
	elf_image_done(&im);
}

static int stop(const struct symbol *sym, void *arg)
{
	(void)sym;
	return --*(int *)arg ? 0 : -42;
}

Test(extent, stops_when_it_is_told_to)
{
	struct elf_image im = {};
	struct symbols *s;
	int left = 2;

	for (uint64_t at = 0; at < 0x40; at += 0x10)
		elf_image_add_fde(&im, at, 0x10, "", 0);
	s = elf_image_open(&im);
	cr_expect_eq(symbols_each_unnamed(s, stop, &left), -42);
	cr_expect_eq(left, 0);
	symbols_free(s);
}

Test(extent, trusts_a_size_that_the_unwind_tables_bear_out)
{
	/* Address and size of a symbol; what is left of it. */
	static const struct {
		uint64_t at, size, expected;
	} cases[] = {
		{ 0x00, 0x20, 0x20 }, /* both say the same */
		{ 0x00, 0x1c, 0x1c }, { 0x00, 0x01, 0x01 }, { 0x00, 0x2f, 0x20 }, /* padding */
		{ 0x00, 0x30, 0 },                          /* no padding any more */
		{ 0x00, 0, 0x20 },                          /* assembly without .size */
		{ 0x10, 0x10, 0 },                          /* in the midst of something */
		{ 0x10, 0, 0 },       { 0x80, 0x10, 0x10 }, /* not described: a function by its own
							       account */
		{ 0x80, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct elf_image im = {};
		struct symbols *s;

		elf_image_add_function(&im, "f", cases[i].at, cases[i].size, STB_GLOBAL);
		elf_image_add_fde(&im, 0, 0x20, "", 0);
		s = elf_image_open(&im);
		cr_expect_eq(symbols_true_size(s, elf_image_symbol(s, "f")), cases[i].expected,
			     "case %zu", i);
		symbols_free(s);
	}
}

/* Code that the unwind tables leave out, before a piece that they describe. */
Test(extent, believes_what_is_not_described_if_it_is_a_function_that_reaches_no_other)
{
	static const struct {
		uint8_t type;
		uint64_t size, expected;
	} cases[] = {
		{ STT_FUNC, 0x10, 0x10 }, { STT_FUNC, 0x20, 0x20 },
		{ STT_FUNC, 0x21, 0 }, /* into the piece */
		{ STT_FUNC, 0, 0 },       { STT_NOTYPE, 0x10, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		Elf64_Sym sym = { .st_info =
				      (unsigned char)ELF64_ST_INFO(STB_GLOBAL, cases[i].type),
				  .st_shndx = 1,
				  .st_value = IMAGE_TEXT + 0x100,
				  .st_size = cases[i].size };
		struct elf_image im = {};
		struct symbols *s;

		elf_image_add_symbol(&im, 0, "f", sym);
		elf_image_add_fde(&im, 0x00, 0x20, "", 0);
		elf_image_add_fde(&im, 0x120, 0x20, "", 0);
		s = elf_image_open(&im);
		cr_expect_eq(symbols_true_size(s, elf_image_symbol(s, "f")), cases[i].expected,
			     "case %zu", i);
		symbols_free(s);
	}
}

Test(extent, believes_symbols_where_there_are_no_unwind_tables)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_function(&im, "f", 0, 0x123, STB_GLOBAL);
	elf_image_add_function(&im, "g", 0x200, 0, STB_GLOBAL);
	s = elf_image_open(&im);
	cr_expect_eq(symbols_true_size(s, elf_image_symbol(s, "f")), 0x123);
	cr_expect_eq(symbols_true_size(s, elf_image_symbol(s, "g")), 0);
	expect_unnamed(s, "");
	symbols_free(s);
}

/* Real code: this program, once with its symbols and once without. */

#define NAMELESS_MAX 50

struct comparison {
	const struct symbols *full, *stripped;
	uint64_t unnamed, cold, functions, found, trusted, nameless;
};

static int is_function(const struct symbol *sym, void *arg)
{
	struct comparison *c = arg;
	const struct symbol *same = symbols_find(c->full, sym->offset);

	/* Of weak functions in several files the linker takes one, and leaves the others nameless.
	 */
	if (!same && c->nameless++ < NAMELESS_MAX)
		return 0;
	cr_assert(same && same->addr == sym->addr, "%lx is no function", sym->addr);
	cr_assert_null(strstr(same->name, "@plt"), "%s", same->name);
	c->unnamed++;
	c->cold += strstr(same->name, ".cold") != NULL;
	return 0;
}

static int find_again(const struct symbol *sym, void *arg)
{
	const struct symbol *wanted = *(const struct symbol **)arg;

	return sym->addr == wanted->addr ? 1 : 0;
}

static int is_listed(const struct symbol *sym, void *arg)
{
	struct comparison *c = arg;

	if (!sym->size || strstr(sym->name, ".cold"))
		return 0;
	c->functions++;
	c->trusted += symbols_true_size(c->full, sym) == sym->size;
	if (symbols_find(c->stripped, sym->offset) ||
	    symbols_each_unnamed(c->stripped, find_again, &sym) == 1)
		c->found++;
	return 0;
}

Test(extent, finds_the_functions_of_this_program_without_its_symbols)
{
	char path[] = "/tmp/pathbpf-extent.XXXXXX", command[128];
	_cleanup_close_ int fd = mkstemp(path);
	struct symbols *full, *stripped;
	struct comparison c = {};

	cr_assert_geq(fd, 0);
	if (system("command -v strip >/dev/null"))
		cr_skip_test("binutils are not installed");
	snprintf(command, sizeof(command), "strip -o '%s' /proc/%d/exe", path, getpid());
	cr_assert_eq(system(command), 0);
	c.full = full = elf_image_open_file("/proc/self/exe");
	c.stripped = stripped = elf_image_open_file(path);
	cr_expect_not(symbols_traits(stripped)->has_symtab);
	cr_expect_eq(symbols_each_unnamed(stripped, is_function, &c), 0);
	cr_expect_gt(c.unnamed, 500);
	/* A part of a function that has nothing on the stack yet looks like a function. */
	cr_expect_leq(c.cold * 200, c.unnamed, "%lu of %lu", c.cold, c.unnamed);
	symbols_each(full, is_listed, &c);
	/* What is not found was written in assembly, without unwind information. */
	cr_expect_geq(c.found * 100, c.functions * 99, "%lu of %lu", c.found, c.functions);
	cr_expect_geq(c.trusted * 100, c.functions * 99, "%lu of %lu", c.trusted, c.functions);
	symbols_free(full);
	symbols_free(stripped);
	unlink(path);
}
