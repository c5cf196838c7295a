/* SPDX-License-Identifier: GPL-2.0-only */
/* The small symbol table that some distributions leave in stripped objects: .gnu_debugdata. */
#pragma once

#include "sym/elf.h"

/*
 * Unpacks .gnu_debugdata: an ELF file, packed by xz, whose .symtab has the functions that .dynsym
 * has not, with the object's own addresses. A descriptor of a file in memory that the caller
 * closes; -ENOENT (there is none), -EBADMSG (damaged), -EFBIG, -ENOMEM or another negative errno.
 */
int minidebug_open(const struct elf_file *f);
