/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pieces of a function that its compiler split: the parts that run rarely ("NAME.cold") lie
 * elsewhere, have call frame information of their own and, in stripped files, no name.
 */
#pragma once

#include <stdint.h>

#include "lib/vec.h"

/* Addresses of the file, end exclusive. */
struct code_part {
	uint64_t start, end;
};

typedef VEC(struct code_part) code_parts;

/*
 * Appends the pieces of the function that begins at an address, itself first: those that it jumps
 * into, and that begin with something on the stack already. The descriptor stays the caller's. 0,
 * -ENOENT (no function begins there, by .eh_frame), -ENOEXEC, or -ENOMEM.
 */
int codeparts_find(int fd, uint64_t addr, code_parts *ret);
