/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The DWARF of one object, read by libdw from the object itself or its separate debug file, plus
 * the file that dwz moved common parts to. The file is hostile: sizes, depth of what is followed
 * and the time spent are bounded.
 */
#pragma once

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

#include "sym/elf.h"

struct dwarf_part; /* an open file with DWARF in it */

struct dwarfinfo {
	Dwarf *dwarf;
	struct dwarf_part *main, *alt; /* owned; alt may be NULL */
	uint16_t machine;              /* e_machine */
	uint64_t left_ns, started;     /* the time that questions may take yet; 0: not counting */
	uint32_t ticks;
	bool over; /* none is left: everything is unknown from now on */
};

/*
 * fd stays the caller's; path and root (both may be NULL) as in symbols_open(). 0, -ENODATA (there
 * is no debug information), -EFBIG, -ENOEXEC, -ENOMEM, … ret is set on success only.
 */
int dwarfinfo_open(int fd, const char *path, const char *root, struct dwarfinfo **ret);
/* The same where the debug file is known and open (-1: there is none); it stays the caller's. */
int dwarfinfo_open_with(int fd, int debug_fd, const char *root, struct dwarfinfo **ret);
void dwarfinfo_free(struct dwarfinfo *d);

/* A section of the file that has the DWARF: see elf_section_debug(). */
struct elf_bytes dwarfinfo_section(const struct dwarfinfo *d, const char *name);

/* Between them the time counts. */
void dwarfinfo_begin(struct dwarfinfo *d);
void dwarfinfo_end(struct dwarfinfo *d);
/* To be called for every DIE looked at; false: the time is over, stop. */
bool dwarfinfo_tick(struct dwarfinfo *d);

enum dwarf_follow { DWARF_NONE, DWARF_FOUND, DWARF_BROKEN };

/* The DIE that an attribute refers to; ret is set when found. */
enum dwarf_follow dwarfinfo_follow(const struct dwarfinfo *d, Dwarf_Die *die, unsigned int name,
				   Dwarf_Die *ret);
/* The next child in a DIE; `child` is zeroed to begin with. False: no more, broken, or too long. */
bool dwarfinfo_child(struct dwarfinfo *d, Dwarf_Die *parent, Dwarf_Die *child);
/* A DIE's name, or "". */
const char *dwarfinfo_name(const struct dwarfinfo *d, Dwarf_Die *die);
/* The string that an attribute (DW_AT_*) of a DIE has, or NULL. */
const char *dwarfinfo_string(const struct dwarfinfo *d, Dwarf_Die *die, unsigned int name);
/* The unit that a DIE belongs to; its language (DW_LANG_*), or 0. */
bool dwarfinfo_unit(Dwarf_Die *die, Dwarf_Die *ret);
int dwarfinfo_language(Dwarf_Die *die);
