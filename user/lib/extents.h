/* SPDX-License-Identifier: GPL-2.0-only */
/* Which stretches of a numbered space are free: taken and given back in pieces of any length. */
#pragma once

#include <stdint.h>

#include "lib/vec.h"

struct extent {
	uint32_t first, n;
};

/* Sorted, never touching each other. */
struct extents {
	VEC(struct extent) free;
};

void extents_done(struct extents *e);
/* Gives a stretch that was taken, or is new; 0 or -ENOMEM (then it stays taken). */
int extents_give(struct extents *e, uint32_t first, uint32_t n);
/* Takes n from the first stretch that is long enough; 0 or -ENOSPC. */
int extents_take(struct extents *e, uint32_t n, uint32_t *ret);
/* Takes at most n, from the first stretch; how many, 0: nothing is free. */
uint32_t extents_take_some(struct extents *e, uint32_t n, uint32_t *ret);
/* How many are free. */
uint64_t extents_free(const struct extents *e);
