/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions by the samples under them: self (leaf of the stack) and total (anywhere in it). */
#pragma once

#include <stdint.h>

#include "lib/vec.h"

struct fold;

struct hot_function {
	const char *name;     /* as the folded format writes it; belongs to the fold */
	uint64_t self, total; /* samples; a recursive function counts once a stack */
	size_t last_line;     /* of the fold that counted in total, plus one */
};

typedef VEC(struct hot_function) hot_vec;

/*
 * The functions of the fold's lines, appended by self, then total, largest first. The mark
 * "[truncated]" is no function. 0 or -ENOMEM.
 */
int hot_functions(const struct fold *f, hot_vec *ret);
