/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of code that the BEAM compiled, in memory made up. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "runtime/beam_symbols.h"

#define BASE       0x10000UL /* of the memory */
#define SIZE       0x10000
#define DESCRIPTOR BASE
#define ENTRY(i)   (BASE + 0x100 + 0x20 * (uint64_t)(i))
#define SYMFILE(i) (BASE + 0x1000 + 0x1000 * (uint64_t)(i))
#define CODE(i)    (0x7f0000000000UL + 0x10000 * (uint64_t)(i))

static char memory[SIZE];
static struct beam_symbols *symbols;
static unsigned int reads;

static int read_memory(void *arg, uint64_t addr, void *ret, size_t size)
{
	cr_assert_eq(arg, memory);
	reads++;
	if (addr < BASE || addr - BASE > SIZE || size > SIZE - (addr - BASE))
		return -EFAULT;
	memcpy(ret, memory + (addr - BASE), size);
	return 0;
}

static void put(uint64_t addr, uint64_t value, size_t size)
{
	memcpy(memory + (addr - BASE), &value, size);
}

static void setup(void)
{
	struct beam_memory m = { read_memory, memory };

	memset(memory, 0, sizeof(memory));
	put(DESCRIPTOR, 1, 4);
	cr_assert_eq(beam_symbols_new(&m, DESCRIPTOR, &symbols), 0);
}

static void done(void)
{
	beam_symbols_free(symbols);
}

TestSuite(beam_symbols, .init = setup, .fini = done);

static void add_number(struct buf *b, uint64_t value, size_t size)
{
	buf_add(b, &value, size);
}

static void add_string(struct buf *b, const char *s)
{
	add_number(b, strlen(s) + 1, 2);
	buf_add(b, s, strlen(s) + 1);
}

static void begin_module(struct buf *b, int i, uint32_t ranges, const char *name)
{
	static const char zero[6];

	add_number(b, 1, 8);
	add_number(b, CODE(i), 8);
	add_number(b, ranges, 4);
	add_number(b, 0x1000, 4);
	add_string(b, name);
	buf_add(b, zero, sizeof(zero));
}

static void add_range(struct buf *b, uint32_t start, uint32_t end, uint32_t lines, const char *name)
{
	add_number(b, start, 4);
	add_number(b, end, 4);
	add_number(b, lines, 4);
	add_string(b, name);
	add_number(b, 0, 2);
}

static void add_line(struct buf *b, uint32_t start, uint32_t line, const char *file)
{
	add_number(b, start, 4);
	add_number(b, line, 4);
	add_string(b, file);
	add_number(b, 0, 2);
}

/* Makes a module the first of the list; `next` is another's number, or -1. */
static void publish(int i, struct buf *b, int next)
{
	cr_assert_lt(b->len, 0x1000);
	memcpy(memory + (SYMFILE(i) - BASE), b->data, b->len);
	put(ENTRY(i), next < 0 ? 0 : ENTRY(next), 8);
	put(ENTRY(i) + 16, SYMFILE(i), 8);
	put(ENTRY(i) + 24, b->len, 8);
	put(DESCRIPTOR + 16, ENTRY(i), 8);
	buf_done(b);
}

static void publish_shop(int i, int next, const char *total)
{
	struct buf b = {};

	begin_module(&b, i, 3, "shop");
	add_range(&b, 0, 0x100, 0, "shop::codeHeader");
	add_range(&b, 0x140, 0x200, 2, total);
	add_line(&b, 0x150, 7, "src/shop.erl");
	add_line(&b, 0x180, 9, "src/shop.hrl");
	add_range(&b, 0x100, 0x140, 0, "shop:total/1-CodeInfoPrologue");
	publish(i, &b, next);
}

static const char *name_at(uint64_t addr)
{
	struct beam_place place;

	return beam_symbols_find(symbols, addr, &place) ? place.name : "";
}

Test(beam_symbols, names_functions_and_lines)
{
	struct beam_place place;

	publish_shop(0, -1, "shop:total/1");
	cr_assert_eq(beam_symbols_read(symbols), 0);
	cr_assert(beam_symbols_find(symbols, CODE(0) + 0x17f, &place));
	cr_expect_str_eq(place.name, "shop:total/1");
	cr_expect_str_eq(place.file, "src/shop.erl");
	cr_expect_eq(place.line, 7);
	cr_expect_not(place.shared);
	cr_expect_eq(place.start, CODE(0) + 0x140);
	cr_expect_eq(place.end, CODE(0) + 0x200);
	cr_assert(beam_symbols_find(symbols, CODE(0) + 0x180, &place));
	cr_expect_str_eq(place.file, "src/shop.hrl");
	cr_expect_eq(place.line, 9);
	cr_assert(beam_symbols_find(symbols, CODE(0) + 0x50, &place));
	cr_expect_null(place.file);
	cr_expect_str_eq(name_at(CODE(0) - 1), "");
	cr_expect_str_eq(name_at(CODE(0) + 0x200), "");
	cr_expect_str_eq(name_at(CODE(0) + 0x1000), "");
	cr_expect_str_eq(name_at(UINT64_MAX), "");
}

Test(beam_symbols, counts_what_precedes_a_function_to_it)
{
	struct beam_place place;

	publish_shop(0, -1, "shop:total/1");
	cr_assert_eq(beam_symbols_read(symbols), 0);
	cr_assert(beam_symbols_find(symbols, CODE(0) + 0x100, &place));
	cr_expect_str_eq(place.name, "shop:total/1");
	cr_expect_str_eq(place.file, "src/shop.erl", "the file of the function's first line");
	cr_expect_eq(place.line, 0);
}

Test(beam_symbols, leaves_a_prologue_of_another_function_its_name)
{
	publish_shop(0, -1, "shop:totals/1");
	cr_assert_eq(beam_symbols_read(symbols), 0);
	cr_expect_str_eq(name_at(CODE(0) + 0x100), "shop:total/1-CodeInfoPrologue");
}

Test(beam_symbols, finds_shared_fragments_by_name)
{
	struct beam_place place;
	uint64_t start = 0, end = 0;
	struct buf b = {};

	begin_module(&b, 0, 2, "global");
	add_range(&b, 0, 0x20, 0, "global::first");
	add_range(&b, 0x20, 0x40, 0, "global::process_main");
	publish(0, &b, -1);
	publish_shop(1, 0, "shop:total/1");
	cr_assert_eq(beam_symbols_read(symbols), 0);
	cr_assert(beam_symbols_shared(symbols, "global::process_main", &place, &start, &end));
	cr_expect_eq(place.start, CODE(0) + 0x20);
	cr_expect_eq(start, CODE(0));
	cr_expect_eq(end, CODE(0) + 0x1000);
	cr_expect(place.shared);
	cr_expect_not(beam_symbols_shared(symbols, "shop:total/1", &place, &start, &end));
}

Test(beam_symbols, sees_modules_come_and_go)
{
	publish_shop(0, -1, "shop:total/1");
	cr_assert_eq(beam_symbols_read(symbols), 0);
	cr_expect_not(beam_symbols_changed(symbols));
	publish_shop(1, 0, "shop:new/1");
	cr_expect(beam_symbols_changed(symbols));
	cr_assert_eq(beam_symbols_read(symbols), 0);
	cr_expect_str_eq(name_at(CODE(0) + 0x150), "shop:total/1");
	cr_expect_str_eq(name_at(CODE(1) + 0x150), "shop:new/1");
	put(DESCRIPTOR + 16, ENTRY(1), 8);
	put(ENTRY(1), 0, 8); /* the first was unloaded */
	cr_assert_eq(beam_symbols_read(symbols), 0);
	cr_expect_str_eq(name_at(CODE(0) + 0x150), "");
	cr_expect_str_eq(name_at(CODE(1) + 0x150), "shop:new/1");
}

Test(beam_symbols, takes_the_newer_of_two_modules_at_the_same_place)
{
	struct buf b = {};

	publish_shop(0, -1, "shop:total/1");
	begin_module(&b, 0, 1, "other"); /* its code, too, lies at CODE(0) */
	add_range(&b, 0x140, 0x200, 0, "other:f/0");
	publish(1, &b, 0);
	cr_assert_eq(beam_symbols_read(symbols), 0);
	cr_expect_str_eq(name_at(CODE(0) + 0x150), "other:f/0");
}

Test(beam_symbols, keeps_what_it_knows_of_a_process_that_has_gone)
{
	publish_shop(0, -1, "shop:total/1");
	cr_assert_eq(beam_symbols_read(symbols), 0);
	put(DESCRIPTOR + 16, 0xdead0000, 8);
	cr_expect_not(beam_symbols_changed(symbols));
	cr_expect_eq(beam_symbols_read(symbols), 0);
	cr_expect_str_eq(name_at(CODE(0) + 0x150), "shop:total/1");
}

Test(beam_symbols, waits_for_a_list_and_refuses_other_versions)
{
	cr_expect_eq(beam_symbols_read(symbols), -EAGAIN);
	publish_shop(0, -1, "shop:total/1");
	put(DESCRIPTOR, 2, 4);
	cr_expect_eq(beam_symbols_read(symbols), -EPROTO);
}

Test(beam_symbols, survives_lists_in_a_circle_and_broken_modules)
{
	publish_shop(0, -1, "shop:total/1");
	put(ENTRY(0), ENTRY(0), 8);
	cr_expect_eq(beam_symbols_read(symbols), 0);
	cr_expect_lt(reads, 100000);
	cr_expect_str_eq(name_at(CODE(0) + 0x150), "shop:total/1");
}

/* Whatever one field says, nothing is read beyond the module. */
Test(beam_symbols, leaves_out_modules_whose_lengths_cannot_be)
{
	const struct {
		size_t at, size;
	} fields[] = { { 16, 4 }, { 24, 2 }, { 37 + 8, 4 }, { 37 + 12, 2 }, { 0, 1 } };

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		done();
		setup();
		publish_shop(0, -1, "shop:total/1");
		put(SYMFILE(0) + fields[i].at, UINT32_MAX, fields[i].size);
		cr_expect_eq(beam_symbols_read(symbols), 0);
		cr_expect_str_eq(name_at(CODE(0) + 0x150), "", "field at %zu", fields[i].at);
	}
}
