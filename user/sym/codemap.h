/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of code that was compiled at run time, by address and time: compilers use memory again, so
 * that several functions may have lain at an address. Filled from perf maps and JIT dumps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"

struct codemap;

/* From an offset in the function on. */
struct code_line {
	uint32_t offset, line;
	const char *file; /* NULL: that of the line before */
};

struct code_entry {
	uint64_t start, size;
	uint64_t time_ns; /* since when it is there, CLOCK_MONOTONIC; 0: unknown, as ever */
	const char *name;
	const struct code_line *lines; /* in the order of their offsets */
	size_t lines_n;
};

/* Strings live as long as nothing is added. */
struct code_place {
	const char *name;
	const char *file; /* NULL: unknown */
	uint32_t line;    /* 0: unknown */
};

int codemap_new(struct codemap **ret);
void codemap_free(struct codemap *m);
DEFINE_CLEANUP(struct codemap *, codemap_free)

/*
 * Adds a function; all is copied. Of two at the same address and time the later one added holds.
 * 0, also for one that cannot be (without a size, beyond the end of memory), and where a bound on
 * all was reached; or -ENOMEM.
 */
int codemap_add(struct codemap *m, const struct code_entry *e);
/* The function that began at `from` has moved to `to`; nothing happens if there was none. */
int codemap_move(struct codemap *m, uint64_t from, uint64_t to, uint64_t time_ns);
/*
 * What lay there at a time: what had come last, or, if nothing had, what came first: compilers
 * write it down a moment after it begins to run. False: nothing is known.
 */
bool codemap_find(const struct codemap *m, uint64_t addr, uint64_t time_ns, struct code_place *ret);
/* Functions that found no room. */
uint64_t codemap_left_out(const struct codemap *m);
