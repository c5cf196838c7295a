/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a function of an object ends, all its parts taken together: see retsites.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"
#include "sym/symbols.h"

struct exit_site {
	uint64_t offset; /* file offset */
	bool has_value;  /* a `ret`; false: a tail jump */
	bool pops;       /* a `ret` that takes arguments off the stack */
};

typedef VEC(struct exit_site) exit_vec;

/*
 * The exits of a function, appended. Besides the function itself, pieces that it jumps to are
 * looked through: cold parts, and functions without a name that it ends in. That such a piece may
 * serve others, too, does no harm: BPF takes a return for a span's only if the stack agrees.
 * *ret_restarts: something leads back to its first instruction, so that a probe there is hit again
 * within a call. 0, -ENOMEM, or -ENOTSUP with a phrase in `why` (static); then nothing was
 * appended.
 */
int exits_find(int fd, const struct symbols *symbols, const struct symbol *sym, exit_vec *ret,
	       bool *ret_restarts, const char **why);
/*
 * The same, where other functions of the object that it jumps to for its end are looked through,
 * too: the call of it that came from outside is not over before they return.
 */
int exits_find_within(int fd, const struct symbols *symbols, const struct symbol *sym,
		      exit_vec *ret, bool *ret_restarts, const char **why);
