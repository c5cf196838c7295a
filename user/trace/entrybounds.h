/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which of a function's places may be reached other than in a straight line from its start: by
 * jumps and calls, by switches, by addresses that it takes of its own code. All of the function has
 * to be decoded for that, also the parts of it that a compiler has moved elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "trace/retsites.h"

/* Zeroed, then told of the function and of its parts elsewhere. */
struct entry_bounds {
	bool known;
	uint64_t start, end;
	uint64_t first_target; /* the lowest place behind the start that something leads to */
	uint64_t jump_words;   /* bit n: an indirect jump with n words on the stack */
	bool jump_on_rbp;      /* an indirect jump with a frame that hangs on rbp */
	const char *why;       /* nothing is sure (static) */
};

/*
 * Adds a piece of the function, the whole of it first. Pieces that jumps lead to are appended to
 * code->outside; without that they make all places unsure. 0 or -ENOMEM.
 */
int entry_bounds_add(struct entry_bounds *b, const struct ret_code *code);
/* Could an indirect jump of the function lead to where rsp lies so far below that at the entry? */
bool entry_bounds_may_switch(const struct entry_bounds *b, int64_t sp_moved);
