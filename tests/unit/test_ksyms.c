/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel symbols. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "sym/ksyms.h"

static struct ksyms *read_text(const char *text)
{
	_cleanup_fclose_ FILE *f = fmemopen((void *)text, strlen(text), "r");
	struct ksyms *k = NULL;

	cr_assert_not_null(f);
	cr_assert_eq(ksyms_read(f, &k), 0);
	return k;
}

static const char *name_at(const struct ksyms *k, uint64_t addr)
{
	struct ksym sym = { .name = "?" };

	return ksyms_find(k, addr, &sym) ? sym.name : "";
}

Test(ksyms, finds_the_symbol_at_or_below)
{
	struct ksyms *k = read_text("ffffffff81000200 T second\n"
				    "ffffffff81000100 t first\n");
	struct ksym sym = {};

	cr_expect_str_eq(name_at(k, 0xffffffff810000ff), "");
	cr_expect_str_eq(name_at(k, 0xffffffff81000100), "first");
	cr_expect_str_eq(name_at(k, 0xffffffff810001ff), "first");
	cr_assert(ksyms_find(k, 0xffffffff81000234, &sym));
	cr_expect_str_eq(sym.name, "second");
	cr_expect_eq(sym.addr, 0xffffffff81000200);
	cr_expect_null(sym.module);
	cr_expect_str_eq(name_at(k, UINT64_MAX), "", "far beyond the last function");
	cr_expect_not(ksyms_hidden(k));
	ksyms_free(k);
}

Test(ksyms, knows_modules)
{
	struct ksyms *k = read_text("ffffffffc0000000 t one\t[ext4]\n"
				    "ffffffffc0000010 t two\t[ext4]\n"
				    "ffffffffc0000020 t three\t[xfs]\n"
				    "ffffffffc0000030 t four\n");
	struct ksym sym;

	cr_assert(ksyms_find(k, 0xffffffffc0000011, &sym));
	cr_expect_str_eq(sym.name, "two");
	cr_expect_str_eq(sym.module, "ext4");
	cr_assert(ksyms_find(k, 0xffffffffc0000021, &sym));
	cr_expect_str_eq(sym.module, "xfs");
	cr_assert(ksyms_find(k, 0xffffffffc0000031, &sym));
	cr_expect_null(sym.module);
	ksyms_free(k);
}

Test(ksyms, takes_text_symbols_only)
{
	struct ksyms *k = read_text("0000000000001000 T text\n"
				    "0000000000001010 D data\n"
				    "0000000000001020 W weak\n"
				    "0000000000001030 b bss\n"
				    "0000000000001040 A absolute\n");

	cr_expect_str_eq(name_at(k, 0x1018), "text");
	cr_expect_str_eq(name_at(k, 0x1048), "weak");
	ksyms_free(k);
}

Test(ksyms, takes_the_first_of_several_names)
{
	struct ksyms *k = read_text("0000000000001000 T best\n"
				    "0000000000001000 T alias\n"
				    "0000000000001000 T another\n");

	cr_expect_str_eq(name_at(k, 0x1000), "best");
	cr_expect_str_eq(name_at(k, 0x1001), "best");
	ksyms_free(k);
}

Test(ksyms, sees_that_addresses_are_hidden)
{
	struct ksyms *k = read_text("0000000000000000 T a\n"
				    "0000000000000000 T b\n");

	cr_expect(ksyms_hidden(k));
	cr_expect_str_eq(name_at(k, 0), "");
	cr_expect_str_eq(name_at(k, 0x1000), "");
	ksyms_free(k);
}

Test(ksyms, skips_broken_lines)
{
	struct ksyms *k = read_text("\n\nrubbish\n0000000000001000\n0000000000001000 T\n"
				    "0000000000001000 T \n0000000000001000 TT name\n"
				    "0000000000001000  name\n0000000000002000 T good\n"
				    "0000000000003000 T unended");

	cr_expect_str_eq(name_at(k, 0x1000), "");
	cr_expect_str_eq(name_at(k, 0x2000), "good");
	cr_expect_str_eq(name_at(k, 0x3000), "unended");
	ksyms_free(k);
}

Test(ksyms, reads_a_large_kernel_soon)
{
	struct buf b = {};
	struct ksyms *k;
	clock_t start;

	for (unsigned int i = 0; i < 200000; i++)
		buf_printf(&b, "%016lx %c some_function_of_the_kernel_%u\n",
			   0xffffffff81000000 + 32ul * i, i % 3 ? 't' : 'd', i);
	start = clock();
	k = read_text(buf_str(&b));
	cr_expect_lt((double)(clock() - start) / CLOCKS_PER_SEC, 1.0);
	cr_expect_str_eq(name_at(k, 0xffffffff81000000 + 32ul * 199999 + 8),
			 "some_function_of_the_kernel_199999");
	ksyms_free(k);
	buf_done(&b);
}
