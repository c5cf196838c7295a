/* SPDX-License-Identifier: GPL-2.0-only */
/* JIT dumps, written as compilers do. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "sym/codemap.h"
#include "sym/jitdump.h"

#define NOW 1000000

static struct codemap *map;
static struct jitdump dump;
static int fd;

static void setup(void)
{
	char path[] = "/tmp/jitdump-test-XXXXXX";

	fd = mkstemp(path);
	cr_assert(fd >= 0);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(codemap_new(&map), 0);
}

static void done(void)
{
	codemap_free(map);
	close(fd);
}

TestSuite(jitdump, .init = setup, .fini = done);

static void put(const void *data, size_t size)
{
	cr_assert_eq(write(fd, data, size), (ssize_t)size);
}

static void put_header(uint32_t magic, uint64_t time_ns, uint64_t flags)
{
	const uint32_t words[] = { magic, 1, 40, 62, 0, 7 };
	const uint64_t longs[] = { time_ns, flags };

	put(words, sizeof(words));
	put(longs, sizeof(longs));
}

static void put_record(uint32_t id, uint64_t time_ns, const struct buf *b)
{
	const uint32_t words[] = { id, (uint32_t)(16 + b->len) };

	put(words, sizeof(words));
	put(&time_ns, sizeof(time_ns));
	put(b->data, b->len);
}

static void load(uint64_t time_ns, uint64_t addr, uint64_t size, const char *name)
{
	const uint32_t ids[] = { 7, 7 };
	const uint64_t longs[] = { addr, addr, size, 1 };
	struct buf b = {};

	buf_add(&b, ids, sizeof(ids));
	buf_add(&b, longs, sizeof(longs));
	buf_add(&b, name, strlen(name) + 1);
	for (uint64_t i = 0; i < size; i++)
		buf_add_char(&b, (char)0x90);
	put_record(0, time_ns, &b);
	buf_done(&b);
}

static void move(uint64_t time_ns, uint64_t from, uint64_t to)
{
	const uint32_t ids[] = { 7, 7 };
	const uint64_t longs[] = { to, from, to, 0x10, 1 };
	struct buf b = {};

	buf_add(&b, ids, sizeof(ids));
	buf_add(&b, longs, sizeof(longs));
	put_record(1, time_ns, &b);
	buf_done(&b);
}

static void debug_info(uint64_t addr, uint64_t shift)
{
	const uint64_t head[] = { addr, 3 };
	const char *const files[] = { "a.js", "\xff", "b.js" };
	struct buf b = {};

	buf_add(&b, head, sizeof(head));
	for (uint32_t i = 0; i < 3; i++) {
		const uint64_t at = addr + shift + 4 * i;
		const uint32_t words[] = { 10 + i, 0 };

		buf_add(&b, &at, sizeof(at));
		buf_add(&b, words, sizeof(words));
		buf_add(&b, files[i], strlen(files[i]) + 1);
	}
	put_record(2, 100, &b);
	buf_done(&b);
}

static const char *name_at(uint64_t addr, uint64_t time_ns)
{
	struct code_place place;

	return codemap_find(map, addr, time_ns, &place) ? place.name : "";
}

static void expect_line(uint64_t addr, const char *file, uint32_t line)
{
	struct code_place place;

	cr_assert(codemap_find(map, addr, UINT64_MAX, &place));
	cr_expect_eq(place.line, line, "%lx: line %u", addr, place.line);
	if (file)
		cr_expect_str_eq(place.file, file);
	else
		cr_expect_null(place.file);
}

Test(jitdump, names_code_by_the_time_at_which_it_lay_there)
{
	put_header(0x4a695444, 1, 0);
	load(100, 0x1000, 0x10, "first");
	load(200, 0x1008, 0x10, "second");
	load(300, 0x1000, 0x10, "third");
	cr_assert_eq(jitdump_read(&dump, fd, NOW, map), 0);
	cr_expect_str_eq(name_at(0x1000, 150), "first");
	cr_expect_str_eq(name_at(0x1008, 150), "first");
	cr_expect_str_eq(name_at(0x1008, 250), "second");
	cr_expect_str_eq(name_at(0x1000, 250), "first");
	cr_expect_str_eq(name_at(0x1008, 300), "third");
	cr_expect_str_eq(name_at(0x1017, 300), "second");
	cr_expect_str_eq(name_at(0x1018, 300), "");
	cr_expect_str_eq(name_at(0x1000, 99), "first", "written a moment after it ran");
}

Test(jitdump, follows_code_that_moves)
{
	put_header(0x4a695444, 1, 0);
	load(100, 0x1000, 0x10, "function");
	move(200, 0x1000, 0x5000);
	move(300, 0x7000, 0x8000); /* nothing is there */
	cr_assert_eq(jitdump_read(&dump, fd, NOW, map), 0);
	cr_expect_str_eq(name_at(0x500f, 250), "function");
	cr_expect_str_eq(name_at(0x5010, 250), "");
	cr_expect_str_eq(name_at(0x8000, 350), "");
}

Test(jitdump, tells_lines)
{
	put_header(0x4a695444, 1, 0);
	debug_info(0x1000, 0);
	load(100, 0x1000, 0x10, "function");
	load(100, 0x2000, 0x10, "without");
	cr_assert_eq(jitdump_read(&dump, fd, NOW, map), 0);
	expect_line(0x1000, "a.js", 10);
	expect_line(0x1007, "a.js", 11);
	expect_line(0x100f, "b.js", 12);
	expect_line(0x2000, NULL, 0);
}

Test(jitdump, knows_that_v8_counts_from_an_elf_header)
{
	put_header(0x4a695444, 1, 0);
	debug_info(0x1000, 0x40);
	load(100, 0x1000, 0x10, "JS:*function");
	cr_assert_eq(jitdump_read(&dump, fd, NOW, map), 0);
	expect_line(0x1004, "a.js", 11);
}

Test(jitdump, believes_no_lines_of_which_some_cannot_be)
{
	put_header(0x4a695444, 1, 0);
	debug_info(0x1000, 0x40); /* beyond the function's end */
	load(100, 0x1000, 0x10, "function");
	debug_info(0x2000, (uint64_t)-8); /* before its beginning */
	load(100, 0x2000, 0x10, "function");
	debug_info(0x3000, 0); /* another one's */
	load(100, 0x3001, 0x10, "function");
	cr_assert_eq(jitdump_read(&dump, fd, NOW, map), 0);
	expect_line(0x1004, NULL, 0);
	expect_line(0x2004, NULL, 0);
	expect_line(0x3004, NULL, 0);
}

Test(jitdump, reads_on_where_it_stopped)
{
	const uint32_t half[] = { 0, 100 };

	put_header(0x4a695444, 1, 0);
	load(100, 0x1000, 0x10, "first");
	debug_info(0x2000, 0);
	cr_assert_eq(jitdump_read(&dump, fd, NOW, map), 0);
	load(200, 0x2000, 0x10, "second");
	put(half, sizeof(half));
	cr_assert_eq(jitdump_read(&dump, fd, NOW, map), 0);
	cr_assert_eq(jitdump_read(&dump, fd, NOW, map), 0);
	cr_expect_str_eq(name_at(0x1000, NOW), "first");
	cr_expect_str_eq(name_at(0x2000, NOW), "second");
	expect_line(0x2000, "a.js", 10);
}

Test(jitdump, believes_no_times_of_another_clock)
{
	put_header(0x4a695444, 1, 1);
	load(UINT64_MAX, 0x1000, 0x10, "old");
	load(500, 0x1000, 0x10, "new");
	cr_assert_eq(jitdump_read(&dump, fd, NOW, map), 0);
	cr_expect_str_eq(name_at(0x1000, 10), "new");
}

Test(jitdump, refuses_other_files)
{
	put_header(0x4454694a, 1, 0);
	cr_expect_eq(jitdump_read(&dump, fd, NOW, map), -EPROTO);
	cr_expect_eq(jitdump_read(&dump, fd, NOW, map), -EPROTO);
}

Test(jitdump, passes_records_that_cannot_be)
{
	struct buf b = {};

	put_header(0x4a695444, 1, 0);
	buf_add(&b, "short", 6);
	put_record(0, 50, &b);
	put_record(1, 50, &b);
	put_record(2, 50, &b);
	put_record(99, 50, &b);
	load(60, UINT64_MAX - 4, 0x10, "beyond the end");
	load(60, 0x1000, 0x10, "good");
	buf_done(&b);
	cr_assert_eq(jitdump_read(&dump, fd, NOW, map), 0);
	cr_expect_str_eq(name_at(0x1000, 60), "good");
	cr_expect_str_eq(name_at(UINT64_MAX - 2, 60), "");
}
