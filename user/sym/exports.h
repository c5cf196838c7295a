/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses of a few dynamic symbols by name: cheaper than an object's whole symbol table. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct export_symbol {
	const char *name;
	uint64_t addr; /* as in the file; 0: the object does not define it */
	uint64_t size; /* of the symbol; 0: unknown */
};

/*
 * Fills addr and size of n symbols: how many the object defines, or a negative errno (-ENOEXEC:
 * no ELF file). The descriptor stays the caller's.
 */
int exports_find(int fd, struct export_symbol *symbols, size_t n);
