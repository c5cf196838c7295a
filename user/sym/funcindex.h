/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of DWARF by address. Ranges of all units are read at the first question, the
 * functions of a unit at the first question about an address of its.
 */
#pragma once

#include "lib/vec.h"
#include "sym/dwarfinfo.h"
#include "sym/unitindex.h"

struct funcindex_entry {
	uint64_t addr; /* of the first instruction */
	Dwarf_Off die;
};

struct funcindex_unit {
	enum { UNIT_NEW, UNIT_SHALLOW, UNIT_DEEP } state; /* how much of it has been looked at */
	VEC(struct funcindex_entry) functions;            /* sorted by address */
};

struct funcindex {
	struct unitindex index;
	VEC(struct funcindex_unit) units; /* parallel to those of the index */
};

/*
 * The DIEs of functions that begin at an address, at most `max`; several where the linker folded
 * equal code. How many there are, or -ENOMEM.
 */
int funcindex_find(struct funcindex *x, struct dwarfinfo *d, uint64_t addr, Dwarf_Off *dies,
		   int max);
void funcindex_done(struct funcindex *x);
