/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Code of an object that goes on with another stack and says so by no name: coroutines, fibers,
 * interpreters. Told by its instructions: it loads rsp with something that was not computed from
 * rsp in the same function. One look at the object's code, less than half a nanosecond a byte; only
 * functions with a suspicious instruction are decoded (trace/spflow.h).
 *
 * Not seen: a stack that is left by one function and entered by another, as setjmp() and longjmp()
 * do, reads as a jump; and code that is made at run time.
 */
#pragma once

#include "sym/symbols.h"
#include "trace/spflow.h"

struct stackswitch {
	enum spflow_kind kind; /* the gravest that there is */
	uint64_t addr;         /* the first place of that kind: a virtual address */
};

/* Looks through an object that is open as fd: 0 or a negative errno. */
int stackswitch_find(int fd, const struct symbols *symbols, struct stackswitch *ret);
