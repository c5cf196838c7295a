/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where functions begin and end according to the unwind tables: functions without a symbol, and
 * whether a symbol's size can be trusted.
 */
#pragma once

#include "sym/symbols.h"

/*
 * Calls fn for each function that no symbol covers: its name is NULL. What is known of it is its
 * piece of unwind information, so these are left out: stubs of the procedure linkage table;
 * pieces that begin with something on the stack already, which are parts of other functions
 * (".cold"); and those that have no caller. Stops at a non-zero return, which it hands on.
 */
int symbols_each_unnamed(const struct symbols *s, int (*fn)(const struct symbol *, void *),
			 void *arg);

/*
 * How many bytes of code from a symbol's address on are its function's, or 0: nobody knows, and
 * its end must not be relied upon. The rule:
 *
 * - A piece of unwind information begins at the symbol: its size, if the symbol has none
 *   (hand-written assembly); the symbol's, if that is at most the piece's and 15 bytes of padding
 *   (which are cut off). A larger size contradicts the unwind tables: 0.
 * - None covers it, but the object has unwind information elsewhere: the symbol's, if its type is
 *   that of a function (assembly, code compiled without unwind tables, Go's) and it does not reach
 *   into such a piece; else 0.
 * - The object has no unwind information: the symbol's size.
 */
uint64_t symbols_true_size(const struct symbols *s, const struct symbol *sym);
