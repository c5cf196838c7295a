/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of unwind tables that BPF programs search: chunks of rows, made when they are needed,
 * and rules, interned over all objects. Bounded: PB_UNWIND_CHUNKS.
 */
#pragma once

#include <stdint.h>

#include "lib/vec.h"
#include "sym/unwindtable.h"

/* Consecutive rows of one object in one chunk. */
struct unwind_piece {
	uint32_t chunk, first, n;
	uint32_t addr; /* of the first row */
};

/* The rows of one table; of all that are equal: copies of a library in several containers. */
struct unwind_set {
	VEC(struct unwind_piece) pieces;
	uint64_t hash; /* of the rows */
	size_t n;
	uint32_t users;
};

struct unwindrows;

/* Makes the kind of map that the map of chunks holds: a descriptor or a negative errno. */
int unwindrows_chunk_map(void);
/* Descriptors of the maps unwind_chunks and unwind_rules; they stay the caller's. */
int unwindrows_new(int chunks_fd, int rules_fd, struct unwindrows **ret);
void unwindrows_free(struct unwindrows *r);
DEFINE_CLEANUP(struct unwindrows *, unwindrows_free)

/*
 * Copies a table's rows, unless the same ones are there; -ENOSPC: they do not fit (nothing is
 * taken), or another errno. The set is the rows' own, until it is dropped as often as it was got.
 */
int unwindrows_add(struct unwindrows *r, const struct unwindtable *t, struct unwind_set **ret);
/* For this user no program looks at these rows any more. NULL-safe. */
void unwindrows_drop(struct unwindrows *r, struct unwind_set *set);
/* Bytes of chunks. */
uint64_t unwindrows_memory(const struct unwindrows *r);
