/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where an object's own code calls an allocator of another object: the C and C++ libraries', or one
 * of a well-known host's. Found by decoding its functions from their beginnings.
 */
#pragma once

#include <stdint.h>

#include "lib/vec.h"
#include "sym/symbols.h"

#define ALLOC_SITES_MAX 1024

struct alloc_site {
	uint64_t offset; /* in the file, of the call */
	uint32_t size;   /* enum pb_alloc_size: which arguments tell how much is asked for */
};

typedef VEC(struct alloc_site) alloc_site_vec;

/*
 * Appends the calls, in the file's order. 0, -ENOEXEC (no ELF file, or a damaged one), -ENOMEM, or
 * -E2BIG: there are more than ALLOC_SITES_MAX, and none is appended.
 */
int allocsites_find(int fd, const struct symbols *symbols, alloc_site_vec *ret);
