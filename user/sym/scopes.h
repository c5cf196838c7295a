/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions of one unit of DWARF and what was inlined into them, by address, from a single
 * run through the unit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"
#include "sym/die.h"
#include "sym/dwarfinfo.h"

#define SCOPE_NONE UINT32_MAX

/* A function, or one instance of an inlined one. */
struct scope {
	uint64_t die;
	uint32_t parent;               /* what it is inlined into; SCOPE_NONE */
	uint32_t call_file, call_line; /* of an inlined one: where it is called; 0: not known */
	bool inlined;
};

struct scope_range {
	uint64_t start, end;
	uint32_t scope;
	uint32_t outer; /* the range around it that was met last, or SCOPE_NONE */
};

/* What qualifies names: a namespace, a class, a function. */
struct scope_container {
	uint64_t start, end; /* its DIE, the end of its children, in .debug_info */
	uint32_t parent;     /* or SCOPE_NONE */
};

struct scopes {
	VEC(struct scope) v;
	VEC(struct scope_range) ranges;         /* sorted by start, outer ones first */
	VEC(struct scope_container) containers; /* sorted by start; none in C */
};

/*
 * Reads a unit. Time counts as dwarfinfo_tick() says: what there is no time for is missing. 0,
 * -EFBIG or -ENOMEM.
 */
int scopes_read(struct dwarfinfo *d, const struct die_unit *u, struct scopes *ret);
void scopes_done(struct scopes *s);

/* The innermost scope that covers an address, or SCOPE_NONE. */
uint32_t scopes_find(const struct scopes *s, uint64_t addr);
/* The innermost container of a DIE, or SCOPE_NONE. */
uint32_t scopes_container(const struct scopes *s, uint64_t die);
/* Bytes of memory held. */
size_t scopes_memory(const struct scopes *s);
