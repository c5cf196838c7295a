/* SPDX-License-Identifier: GPL-2.0-only */
/* Source lines by the CPU samples under them, where debug information or a runtime tells them. */
#pragma once

#include <stdint.h>

#include "data/report.h"
#include "lib/vec.h"

struct hot_line {
	const char *name, *file; /* the report's */
	uint32_t line, frame;    /* frame: any of those with this name, file and line */
	uint64_t self, total;    /* samples; a recursive function counts once a stack */
	size_t last_sample;      /* of the report that counted in total, plus one */
};

typedef VEC(struct hot_line) hot_line_vec;

/* The lines, appended by self, then total, largest first. 0 or -ENOMEM. */
int hot_lines(const struct report *r, hot_line_vec *ret);
