/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source lines by address: the line program of one unit of DWARF 2 to 5. The bytes may be damaged
 * or hostile: sizes are bounded, and a sequence that makes no sense is left out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/vec.h"
#include "sym/elf.h"

/* A row holds up to the next one's address. */
struct line_row {
	uint64_t addr;
	uint32_t file, line; /* as the unit counts files; 0: no line */
};

struct line_sequence {
	uint64_t start, end;
	uint32_t first, n; /* its rows, sorted by address */
};

struct line_file {
	const char *name; /* in a section; NULL: not known */
	uint32_t dir;
};

struct linetable {
	uint16_t version;
	uint32_t first_file; /* the number of the first of `files` */
	VEC(struct line_row) rows;
	VEC(struct line_sequence) sequences; /* sorted by start */
	VEC(struct line_file) files;
	VEC(const char *) dirs; /* the first is the unit's own; NULL: not known */
};

struct line_sections {
	struct elf_bytes line, line_str, str;
};

/*
 * Reads the program at an offset of .debug_line. The sections must outlive the table, which has
 * names there. 0, -EBADMSG (damaged, unknown version), -EFBIG or -ENOMEM.
 */
int linetable_read(const struct line_sections *s, uint64_t offset, struct linetable *ret);
void linetable_done(struct linetable *t);

/* The row that covers an address, or NULL. */
const struct line_row *linetable_find(const struct linetable *t, uint64_t addr);
/*
 * Appends the path of a file: relative to comp_dir (may be NULL) when the table says no more;
 * ".", ".." and double slashes are resolved as text. False: there is no such file.
 */
bool linetable_path(const struct linetable *t, uint32_t file, const char *comp_dir,
		    struct buf *ret);
/* Bytes of memory held. */
size_t linetable_memory(const struct linetable *t);
