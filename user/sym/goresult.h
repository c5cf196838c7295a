/* SPDX-License-Identifier: GPL-2.0-only */
/* In which register a Go function hands back its error. */
#pragma once

#include "sym/dwarfinfo.h"
#include "sym/rettype.h"

/*
 * Of a function's DIE: RETURN_GO_ERROR, RETURN_VOID, RETURN_OTHER (it has results, none of which
 * is an error), or RETURN_UNKNOWN: the error is returned on the stack, the compiler is older than
 * 1.17, or the machine is not x86-64.
 */
struct return_type goresult_of(struct dwarfinfo *d, Dwarf_Die *function);
