/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds the separate debug file of an object, by build ID or by .gnu_debuglink. */
#pragma once

#include "sym/elf.h"

struct elf_traits;

/*
 * Opens the debug file of f: one that is installed, belongs to f (same build ID, or the CRC that
 * the link demands), and has a .symtab. path (may be NULL) is where the object lies, seen from
 * `root`; root and this system's own /usr/lib/debug are searched. Returns an fd, or -ENOENT.
 */
int debugfile_open(const struct elf_file *f, const struct elf_traits *traits, const char *path,
		   const char *root);

/* Is an open file a debug file of the object f, by build ID, and has it a .symtab? */
bool debugfile_belongs(const struct elf_file *debug, const struct elf_file *f);
