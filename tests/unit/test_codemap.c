/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of code by address and time. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "sym/codemap.h"

static struct codemap *map;

static void setup(void)
{
	cr_assert_eq(codemap_new(&map), 0);
}

static void done(void)
{
	codemap_free(map);
}

TestSuite(codemap, .init = setup, .fini = done);

static void add(uint64_t start, uint64_t size, uint64_t time_ns, const char *name)
{
	const struct code_entry e = {
		.start = start, .size = size, .time_ns = time_ns, .name = name
	};

	cr_assert_eq(codemap_add(map, &e), 0);
}

static const char *name_at(uint64_t addr, uint64_t time_ns)
{
	struct code_place place;

	return codemap_find(map, addr, time_ns, &place) ? place.name : "";
}

Test(codemap, weighs_large_pieces_against_small_ones)
{
	add(0x1000000, 0x1000000, 10, "all"); /* 4,096 pages */
	add(0x1800000, 0x100, 20, "piece");
	add(0x1000000, 0x1000000, 30, "anew");
	cr_expect_str_eq(name_at(0x1800000, 15), "all");
	cr_expect_str_eq(name_at(0x1800000, 25), "piece");
	cr_expect_str_eq(name_at(0x1800100, 25), "all");
	cr_expect_str_eq(name_at(0x1800000, 30), "anew");
	cr_expect_str_eq(name_at(0x1800000, 5), "all", "the first that came");
	cr_expect_str_eq(name_at(0x2000000, 30), "");
}

Test(codemap, holds_half_a_million_functions)
{
	char name[16];

	for (unsigned int i = 0; i < 500000; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		add(0x7f0000000000 + 0x40UL * i, 0x40, 0, name);
	}
	for (unsigned int i = 0; i < 500000; i += 997) {
		snprintf(name, sizeof(name), "f%u", i);
		cr_expect_str_eq(name_at(0x7f0000000000 + 0x40UL * i + 0x3f, 0), name);
	}
	cr_expect_eq(codemap_left_out(map), 0);
}

Test(codemap, is_bounded)
{
	for (unsigned int i = 0; i < 1000005; i++)
		add(0x1000, 1, 0, "x");
	cr_expect_eq(codemap_left_out(map), 5);
	cr_expect_str_eq(name_at(0x1000, 0), "x");
}
