/* SPDX-License-Identifier: GPL-2.0-only */
/* Interned strings: equal text, equal pointer; all released at once. */
#pragma once

#include "lib/table.h"
#include "lib/vec.h"

struct strpool {
	struct table index;
	VEC(char *) strings;
};

void strpool_done(struct strpool *p);
/* The pool's own copy of s (NULL stays NULL), valid until strpool_done(); NULL when out of memory.
 */
const char *strpool_add(struct strpool *p, const char *s);
/* The pool's copy of the first `len` bytes of s, if it has one; else NULL. */
const char *strpool_find(const struct strpool *p, const char *s, size_t len);
