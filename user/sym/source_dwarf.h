/* SPDX-License-Identifier: GPL-2.0-only */
/* Source lines and inlined functions from the DWARF of one object: see sym/source.h. */
#pragma once

#include <stddef.h>

#include "sym/source.h"

struct dwarf_source;

/*
 * debug_fd is the object's separate debug file, or -1; both stay the caller's. root as in
 * symbols_open(). 0, -ENODATA (there is no debug information), -ENOMEM, or another negative errno.
 */
int dwarf_source_open(int fd, int debug_fd, const char *root, struct dwarf_source **ret);
void dwarf_source_free(struct dwarf_source *d);
/* By address in the object. 0 (also when nothing is known) or -ENOMEM; ret on success only. */
int dwarf_source_find(struct dwarf_source *d, uint64_t addr, source_frames *ret);
bool dwarf_source_given_up(const struct dwarf_source *d);
/* Bytes of memory held, without the file's sections. */
size_t dwarf_source_memory(const struct dwarf_source *d);
