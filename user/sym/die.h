/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs through all DIEs of a unit of DWARF 2 to 5, once, in the order in which they are stored.
 * That is what an index is made of; libdw answers the questions about single ones. The bytes may
 * be damaged: a run ends early, then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/vec.h"
#include "sym/cursor.h"
#include "sym/elf.h"

struct die_attr {
	uint16_t name, form;
	int64_t constant; /* of DW_FORM_implicit_const */
};

struct die_abbrev {
	uint64_t code;
	uint16_t tag;
	bool children;
	uint32_t first, n; /* its attributes */
	uint32_t size;     /* of their values in bytes; DIE_VARIES */
};

#define DIE_VARIES UINT32_MAX

/* A unit's head, and its abbreviations. */
struct die_unit {
	struct elf_bytes info;
	uint64_t start, first, end; /* in .debug_info: of its head, its first DIE, its end */
	uint64_t abbrev_offset;
	uint16_t version;
	uint8_t address_size, offset_size;
	VEC(struct die_abbrev) abbrevs; /* sorted by code */
	VEC(struct die_attr) attrs;
};

enum die_class {
	DIE_OTHER,
	DIE_CONSTANT,
	DIE_ADDRESS, /* a plain one; those by index are DIE_OTHER */
};

struct die_value {
	uint16_t attr; /* DW_AT_* */
	enum die_class class;
	uint64_t v;
};

struct die {
	uint64_t offset; /* in .debug_info */
	uint32_t depth;  /* 0: the unit's own */
	uint16_t tag;    /* DW_TAG_* */
	bool children;
};

struct die_run {
	const struct die_unit *unit;
	struct cursor c;
	bool begun;
	uint32_t depth;
	const struct die_abbrev *abbrev; /* whose values have not been passed */
	uint32_t attr;                   /* the next of them */
};

/* The unit at an offset of .debug_info. 0, -EBADMSG (damaged, unknown version) or -ENOMEM. */
int die_unit_read(const struct elf_bytes *info, const struct elf_bytes *abbrev, uint64_t start,
		  struct die_unit *ret);
void die_unit_done(struct die_unit *u);

void die_run_begin(struct die_run *r, const struct die_unit *u);
/* The next DIE; false: that was all. */
bool die_run_next(struct die_run *r, struct die *ret);
/* The next attribute of the DIE that was given last; false: that was all of them. */
bool die_run_value(struct die_run *r, struct die_value *ret);
