/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gives BPF programs the unwind tables of the targets: rows of an object once, however many
 * processes map it; ranges of address space once, however many forked children share them; loaded
 * for processes whose stacks are wanted, anew when their mappings change.
 */
#pragma once

#include <stdint.h>

#include "lib/cleanup.h"

struct object_files;
struct processes;
struct runtimes;
struct unwinder;

/* Descriptors of the maps; they stay the caller's. */
struct unwinder_maps {
	int images, ranges, chunks, rules;
};

/* generation: counts changes of what BPF programs see; it stays the caller's. */
int unwinder_new(const struct unwinder_maps *maps, uint32_t *generation, struct unwinder **ret);
void unwinder_free(struct unwinder *u);
DEFINE_CLEANUP(struct unwinder *, unwinder_free)

/*
 * Brings the tables, and what language runtimes need, up to date with what is known of the
 * processes. NULL-safe, r too.
 */
void unwinder_update(struct unwinder *u, struct processes *p, struct object_files *o,
		     struct runtimes *r);

struct unwinder_stats {
	uint64_t memory;   /* bytes of rows */
	uint32_t objects;  /* whose tables were loaded, also if they have gone since */
	uint32_t left_out; /* objects and processes for which there was no room */
};

struct unwinder_stats unwinder_stats(const struct unwinder *u);
