/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of data: what the tables of functions leave out. */
#pragma once

#include <stdint.h>

/*
 * The symbol that begins at an ELF virtual address in the file open as fd (which stays the
 * caller's), of whatever type; on the heap. NULL: there is none, or no memory. Reads the whole
 * symbol table: for few look-ups.
 */
char *data_symbol_name(int fd, uint64_t addr);
