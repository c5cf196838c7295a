/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Line numbers of CPython's code objects: Objects/lnotab_notes.txt of 3.8 and 3.10,
 * InternalDocs/code_objects.md (3.11: Objects/locations.md).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/python_layout.h"

/*
 * The line of an instruction (in units of two bytes) of a code object with this table, of which
 * the first line is `first`. 0: it has none, or the table is damaged.
 */
uint32_t python_line(enum python_lines kind, const uint8_t *table, size_t size, uint32_t first,
		     uint32_t instr);
