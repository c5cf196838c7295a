/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The function around a place in an object's code, cut out for decoding: by its unwind information
 * or its symbol, or else by what the code around looks like.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sym/symbols.h"

/* Bytes that are all code: of a section, say. */
struct code_range {
	uint64_t addr, offset, size;
};

struct stretch {
	uint64_t start, end; /* addresses */
	bool is_entry;       /* a function begins at the start */
	bool is_part;        /* or a part of one, the rest of which lies elsewhere */
	uint8_t *bytes;      /* owned */
};

/* The object is open as fd. */
struct code_source {
	int fd;
	const struct symbols *symbols;
};

#define STRETCH_MAX (1UL << 20) /* bytes: larger functions are not known */

/*
 * Does no instruction begin at a place, or with a segment's prefix before it? A cheap look at the
 * bytes before: from nearly wherever decoding begins there, it passes by what lies within an
 * instruction.
 */
bool stretch_is_passed_by(const struct code_source *src, const struct code_range *r, uint64_t addr);
/* The function that covers a place: 0, -ENOENT when it is not known, or a negative errno. */
int stretch_of_function(const struct code_source *src, uint64_t addr, struct stretch *ret);
/*
 * What seems to be the function around a place, cut off at its neighbours, or a part of it: 0,
 * -ENOENT when this is no code, or a negative errno.
 */
int stretch_around(const struct code_source *src, const struct code_range *r, uint64_t addr,
		   struct stretch *ret);
void stretch_done(struct stretch *s);
