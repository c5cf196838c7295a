/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The function symbols of one object, gathered from its symbol tables: sorted by file offset,
 * each name once an offset, the names in one block of memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/vec.h"
#include "sym/elf.h"
#include "sym/symbols.h"

#define SYMTAB_NONE UINT32_MAX

struct symtab {
	struct symbol *v; /* sorted; among aliases the preferred one first */
	uint32_t n;
	char *names;
	size_t names_size;
	uint32_t *outer; /* what a symbol lies within, or SYMTAB_NONE; NULL: none lies in another */
};

struct symtab_entry {
	struct symbol sym; /* its name points into the file's string table */
	uint32_t name_len; /* without version */
};

struct symtab_builder {
	VEC(struct symtab_entry) all;
	size_t names_left; /* bytes of names that may still come */
};

/* Called for every symbol with a name, also for those that are not functions of this object. */
typedef void (*symtab_see_fn)(const char *name, bool defined, void *arg);

/*
 * Adds the functions of the first table of a type (SHT_SYMTAB or SHT_DYNSYM) in a file; addresses
 * are translated by `segments`, which for a debug file are the original's. see may be NULL. The
 * file must live until symtab_build(). 0 or -ENOMEM; broken symbols are left out.
 */
int symtab_add(struct symtab_builder *b, const struct elf_file *f, uint32_t type,
	       const elf_segments *segments, symtab_see_fn see, void *arg);
/* Makes the table of what was added; 0 or -ENOMEM. */
int symtab_build(struct symtab_builder *b, struct symtab *ret);
void symtab_builder_done(struct symtab_builder *b);
void symtab_done(struct symtab *t);

/* The last symbol at or below a file offset, the first of its aliases; SYMTAB_NONE: none. */
uint32_t symtab_below(const struct symtab *t, uint64_t offset);
/* The next symbol outwards that may cover what i does not; SYMTAB_NONE: none. */
uint32_t symtab_outer(const struct symtab *t, uint32_t i);
/* The offset of the next symbol behind symbol i's, or UINT64_MAX. */
uint64_t symtab_next_offset(const struct symtab *t, uint32_t i);
