/* SPDX-License-Identifier: GPL-2.0-only */
/* Symbols of JIT-compiled code. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "sym/codemap.h"
#include "sym/perfmap.h"

static struct codemap *read_text(const char *text)
{
	_cleanup_fclose_ FILE *f =
	    *text ? fmemopen((void *)text, strlen(text), "r") : fopen("/dev/null", "re");
	struct codemap *m = NULL;
	uint64_t offset = 0;

	cr_assert_not_null(f);
	cr_assert_eq(codemap_new(&m), 0);
	cr_assert_eq(perfmap_read(f, &offset, m), 0);
	return m;
}

static const char *name_at(const struct codemap *m, uint64_t addr)
{
	struct code_place place;

	return codemap_find(m, addr, UINT64_MAX, &place) ? place.name : "";
}

Test(perfmap, finds_the_code_that_covers_an_address)
{
	struct codemap *m = read_text("7f0000002000 20 second\n"
				      "7f0000001000 10 first with blanks\n"
				      "7f0000002020 20 third");

	cr_expect_str_eq(name_at(m, 0x7f0000000fff), "");
	cr_expect_str_eq(name_at(m, 0x7f0000001000), "first with blanks");
	cr_expect_str_eq(name_at(m, 0x7f000000100f), "first with blanks");
	cr_expect_str_eq(name_at(m, 0x7f0000001010), "");
	cr_expect_str_eq(name_at(m, 0x7f000000201f), "second");
	cr_expect_str_eq(name_at(m, 0x7f0000002020), "third");
	cr_expect_str_eq(name_at(m, 0x7f0000002040), "");
	cr_expect_str_eq(name_at(m, 0), "");
	cr_expect_str_eq(name_at(m, UINT64_MAX), "");
	codemap_free(m);
}

Test(perfmap, lets_later_lines_win)
{
	struct codemap *m = read_text("1000 100 old\n"
				      "1040 20 new in the middle\n"
				      "1000 10 new at the start\n"
				      "10f0 20 new at the end\n"
				      "3000 10 replaced\n"
				      "2000 3000 large\n");

	cr_expect_str_eq(name_at(m, 0x1000), "new at the start");
	cr_expect_str_eq(name_at(m, 0x1010), "old");
	cr_expect_str_eq(name_at(m, 0x1050), "new in the middle");
	cr_expect_str_eq(name_at(m, 0x1060), "old");
	cr_expect_str_eq(name_at(m, 0x10ef), "old");
	cr_expect_str_eq(name_at(m, 0x10ff), "new at the end");
	cr_expect_str_eq(name_at(m, 0x1110), "");
	cr_expect_str_eq(name_at(m, 0x3008), "large");
	codemap_free(m);
}

Test(perfmap, skips_broken_lines)
{
	struct codemap *m = read_text("\n1000\n1000 10\n1000 10 \n x\n-1 10 minus\n1000 -1 minus\n"
				      "1000 0 empty\nffffffffffffffff 10 overflow\n"
				      "fffffffffffffffff0 10 too_large\n2000 10 good\n");

	cr_expect_str_eq(name_at(m, 0x1000), "");
	cr_expect_str_eq(name_at(m, UINT64_MAX), "");
	cr_expect_str_eq(name_at(m, 0x2000), "good");
	codemap_free(m);
}

Test(perfmap, may_be_empty)
{
	struct codemap *m = read_text("");

	cr_expect_str_eq(name_at(m, 0), "");
	codemap_free(m);
	codemap_free(NULL);
}

Test(perfmap, cuts_long_names)
{
	struct codemap *m;
	struct buf b = {};

	buf_add_str(&b, "1000 10 ");
	for (int i = 0; i < 100000; i++)
		buf_add_char(&b, 'x');
	buf_add_str(&b, "\n2000 10 next\n");
	m = read_text(buf_str(&b));
	cr_expect_gt(strlen(name_at(m, 0x1000)), 1000);
	cr_expect_lt(strlen(name_at(m, 0x1000)), 5000);
	cr_expect_str_eq(name_at(m, 0x2000), "next");
	codemap_free(m);
	buf_done(&b);
}

#define LINES 400
#define SPAN  4096

Test(perfmap, agrees_with_a_plain_search_on_random_overlaps)
{
	unsigned int seed = 1;
	struct {
		unsigned int start, size;
	} lines[LINES];
	struct buf b = {};
	struct codemap *m;

	for (int i = 0; i < LINES; i++) {
		lines[i].start = (unsigned int)rand_r(&seed) % SPAN;
		lines[i].size = 1 + (unsigned int)rand_r(&seed) % (i % 10 ? 64 : 1024);
		buf_printf(&b, "%x %x n%d\n", lines[i].start, lines[i].size, i);
	}
	m = read_text(buf_str(&b));
	for (unsigned int addr = 0; addr < 2 * SPAN; addr++) {
		char want[16] = "";

		for (int i = LINES - 1; i >= 0 && !*want; i--)
			if (addr - lines[i].start < lines[i].size)
				snprintf(want, sizeof(want), "n%d", i);
		cr_assert_str_eq(name_at(m, addr), want, "at %x", addr);
	}
	codemap_free(m);
	buf_done(&b);
}

Test(perfmap, reads_on_where_it_stopped)
{
	char path[] = "/tmp/perfmap-test-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	struct codemap *m = NULL;
	uint64_t offset = 0;

	cr_assert(fd >= 0 && f);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(codemap_new(&m), 0);
	cr_assert_eq(write(fd, "1000 10 first\n2000 10 hal", 25), 25);
	cr_assert_eq(perfmap_read(f, &offset, m), 0);
	cr_expect_eq(offset, 14, "the second line may grow");
	cr_expect_str_eq(name_at(m, 0x1000), "first");
	cr_assert_eq(write(fd, "f\n1000 10 replaced\n", 19), 19);
	cr_assert_eq(perfmap_read(f, &offset, m), 0);
	cr_expect_eq(offset, 44);
	cr_expect_str_eq(name_at(m, 0x2000), "half");
	cr_expect_str_eq(name_at(m, 0x1000), "replaced");
	codemap_free(m);
}
