/* SPDX-License-Identifier: GPL-2.0-only */
/* The units of one object's DWARF by address. */
#pragma once

#include "lib/vec.h"
#include "sym/dwarfinfo.h"

#define UNITINDEX_CANDIDATES 8 /* units that may claim one address */

struct unitindex_unit {
	Dwarf_Off start, die; /* in .debug_info: of its header, of its first DIE */
};

struct unitindex_range {
	uint64_t start, end;
	uint32_t unit;
};

struct unitindex {
	bool is_read;
	VEC(struct unitindex_unit) units;   /* those with code */
	VEC(struct unitindex_range) ranges; /* sorted by start */
};

/* Reads the ranges of all units, once: later calls do nothing. 0 or -ENOMEM. */
int unitindex_read(struct unitindex *x, struct dwarfinfo *d);
/*
 * Indices of the units that claim an address, the one whose range begins nearest to it first; how
 * many there are.
 */
int unitindex_find(const struct unitindex *x, uint64_t addr, uint32_t units[UNITINDEX_CANDIDATES]);
void unitindex_done(struct unitindex *x);
