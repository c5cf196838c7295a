/* SPDX-License-Identifier: GPL-2.0-only */
/* Readable names of functions that DWARF describes. */
#pragma once

#include "sym/scopes.h"

/*
 * The name of the function whose DIE lies at an offset, on the heap (caller frees): its linkage
 * name demangled, or its own name behind those of what it lies in. NULL: it has none. `s` is the
 * DIE's unit.
 */
char *scopename(const struct dwarfinfo *d, const struct scopes *s, uint64_t function);
