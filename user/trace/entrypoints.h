/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions by which others may enter an object: those that it exports, and those whose address it
 * takes, for whoever is given that address may call them. Found in its relocations and its code;
 * what the loader calls (constructors, destructors) is left out.
 */
#pragma once

#include <stdint.h>

#include "lib/vec.h"
#include "sym/symbols.h"

typedef VEC(uint64_t) address_vec;

/*
 * The addresses of an object's entry points, sorted, appended. Only beginnings of functions by its
 * symbols or unwind tables. 0, -ENOEXEC (no ELF file, or a damaged one) or -ENOMEM.
 */
int entrypoints_find(int fd, const struct symbols *symbols, address_vec *ret);
/*
 * The same of an object in Go: of a plugin (-buildmode=plugin) the functions of its main package,
 * of a library for C what it exports to C.
 */
int entrypoints_find_go(int fd, const struct symbols *symbols, address_vec *ret);
