/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Go's table tells of one function (runtime._func), and the tables of values by program
 * counter that it leads to (runtime.pcvalue). Everything in them is hostile.
 */
#pragma once

#include "sym/cursor.h"
#include "sym/gopclntab.h"

/* Bits of go_record.flags. */
#define GO_FLAG_TOP       0x1 /* nobody calls it: a stack ends here */
#define GO_FLAG_WRITES_SP 0x2 /* in ways that the table of its frame's size does not follow */
#define GO_FLAG_ASSEMBLY  0x4

#define GO_PCDATA_INLINED   2 /* index into the tree of inlined calls, or -1 */
#define GO_FUNCDATA_INLINED 3 /* that tree */

struct go_record {
	uint64_t addr, size; /* up to the next function: padding between them is included */
	uint32_t name;       /* offset in the table's names */
	/* Offsets in the table's values; 0: there is none. */
	uint32_t frame_sizes; /* how far rsp lies below its value at entry */
	uint32_t files, lines;
	uint32_t unit; /* of compilation: its first file's index in the table's units */
	uint8_t flags;
	uint8_t funcdata_n;
	uint32_t pcdata_n;
	uint64_t pcdata, funcdata; /* offsets in data: arrays of numbers of 4 bytes */
};

/* Function i < t->n; false: its record is damaged. */
bool gofunc_record(const struct gopclntab *t, uint64_t i, struct go_record *ret);
/* The function that covers an address, by its index; t->n: none does. */
uint64_t gofunc_find(const struct gopclntab *t, uint64_t addr);
/* The name at an offset in the table's names; NULL: it is damaged. */
const char *gofunc_name(const struct gopclntab *t, uint32_t offset);
/* One of a function's tables of values, 0: it has none. */
uint32_t gofunc_pcdata(const struct gopclntab *t, const struct go_record *r, uint32_t index);
/* An offset from the address that moduledata.gofunc holds; false: there is none. */
bool gofunc_funcdata(const struct gopclntab *t, const struct go_record *r, uint32_t index,
		     uint32_t *ret);

/* Goes through a table of values: `value` holds from `start` up to `end`. */
struct go_values {
	struct cursor c;
	uint64_t start, end; /* addresses */
	uint64_t limit;      /* the function's end */
	int32_t value;
};

void gofunc_values(const struct gopclntab *t, const struct go_record *r, uint32_t table,
		   struct go_values *ret);
/* False: there are no more. Each step advances, at most up to the function's end. */
bool gofunc_values_next(struct go_values *v);
/* The value at an address of the function; false: none holds there. */
bool gofunc_value(const struct gopclntab *t, const struct go_record *r, uint32_t table,
		  uint64_t addr, int32_t *ret);
