/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of functions that a Go program carries for its own stack traces, stripped or not
 * (pclntab; Go 1.16 and later, little-endian, pointers of 8 bytes). Everything in it is hostile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sym/elf.h"
#include "sym/symtab.h"

#define GOPCLNTAB_HEAD 72 /* bytes */

struct gopclntab {
	uint8_t *data; /* NULL: there is no table */
	size_t size;
	uint64_t text; /* address that entries are relative to; 0 where they are addresses */
	uint64_t at;   /* the table's own address; 0: not known */
	/* Offsets in data; names end where units (of compilation) begin. */
	uint64_t names, units, files, values, functions;
	uint64_t n;
	bool wide;        /* Go 1.16 and 1.17: entries are addresses, in 8 bytes */
	bool start_lines; /* since Go 1.20 records have the line at which the function begins */
};

struct go_function {
	const char *name; /* in the table */
	uint32_t name_len;
	uint64_t addr, size; /* up to the next function: padding between them is included */
};

/*
 * Reads the head of a table of `size` bytes, of which the first GOPCLNTAB_HEAD must be there; ret
 * keeps `data`. `text` is as the head has it: 0 since Go 1.26. Returns 0 or -ENOEXEC.
 */
int gopclntab_parse(uint8_t *data, size_t size, struct gopclntab *ret);
/*
 * Calls fn for each function, in order of addresses; damaged entries are left out. Stops at a
 * non-zero return, which it hands on.
 */
int gopclntab_each(const struct gopclntab *t, int (*fn)(const struct go_function *, void *),
		   void *arg);

/*
 * May a file be a Go program? By the names of its sections; where these are gone, only its
 * contents tell.
 */
bool gopclntab_possible(const struct elf_file *f);
/*
 * Finds and reads a file's table: by its section, or by its first bytes where a linker or a
 * stripper took the section's name. ret->data stays NULL when there is none that can be used.
 * 0 or -ENOMEM.
 */
int gopclntab_read(const struct elf_file *f, struct gopclntab *ret);
void gopclntab_done(struct gopclntab *t);

/*
 * Adds the functions to those of the symbol tables, which are there already: their sizes win,
 * names that differ become aliases, and Go's own names are preferred. The table must live until
 * symtab_build(). 0 or -ENOMEM.
 */
int gopclntab_add(const struct gopclntab *t, const elf_segments *segments,
		  struct symtab_builder *b);
