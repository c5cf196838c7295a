/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects of a V8 heap, read from the memory of a process that runs on: they move, die and change
 * while they are read. So each is asked for its type first, and lengths are bounded.
 *
 * A tagged word is a small integer (lower half 0) or, with bit 0 set, an object's address + 1.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/v8_layout.h"

/* Reads size bytes, all or none: 0 or a negative errno. */
typedef int (*v8_read_fn)(void *arg, uint64_t addr, void *ret, size_t size);

struct v8_heap {
	const struct v8_layout *layout;
	v8_read_fn read;
	void *arg;
};

#define V8_NAME_MAX 512 /* characters of a name that are kept */

static inline bool v8_is_object(uint64_t tagged)
{
	return (tagged & 3) == 1 && tagged < 1ULL << 47;
}

static inline bool v8_is_small(uint64_t tagged)
{
	return !(tagged & 0xffffffff);
}

static inline int32_t v8_small(uint64_t tagged)
{
	return (int32_t)(tagged >> 32);
}

/* The word at an offset in an object; false: it is none, or cannot be read. */
bool v8_field(const struct v8_heap *h, uint64_t object, int offset, uint64_t *ret);
/* A small integer there. */
bool v8_small_field(const struct v8_heap *h, uint64_t object, int offset, int32_t *ret);
/* An object's type, or -1. */
int v8_type(const struct v8_heap *h, uint64_t object);

/*
 * An array of any kind: false when it is none, shorter than i + 1, or cannot be read. Weak
 * references are made strong.
 */
bool v8_element(const struct v8_heap *h, uint64_t array, int i, uint64_t *ret);
/*
 * The contents of an array of bytes: its length, at most `max` of which are in ret; -EINVAL: it is
 * none, or longer; or another errno.
 */
int v8_bytes(const struct v8_heap *h, uint64_t array, uint8_t *ret, size_t max);

/*
 * A string as UTF-8, cut at V8_NAME_MAX characters; control characters become spaces. Heap; NULL:
 * it is no string, or cannot be read.
 */
char *v8_string(const struct v8_heap *h, uint64_t string);

/* Where a string's characters lie in one piece. */
struct v8_text {
	uint64_t addr;
	uint32_t length; /* characters */
	bool two_bytes;
};

/* False: it is no string, or in several pieces. */
bool v8_text_of(const struct v8_heap *h, uint64_t string, struct v8_text *ret);
