/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Marks on code in an unwind table: what a walk must know of it beside the way to its caller, for
 * instance that frames of an interpreter begin there.
 */
#pragma once

#include "sym/unwindtable.h"

/* Addresses of the file, end exclusive. */
struct unwind_mark {
	uint64_t start, end;
	uint8_t mark; /* not 0 */
};

typedef VEC(struct unwind_mark) unwind_marks;

/*
 * Gives the rules of this code the mark, and rows of its own where it begins and ends inside
 * others. Marks that lie outside the table's code, or overlap an earlier one, have no effect
 * there. 0 or -ENOMEM.
 */
int unwindtable_mark(struct unwindtable *t, const struct unwind_mark *mark);
