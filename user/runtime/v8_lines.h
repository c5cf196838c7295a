/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of scripts: found once a script by looking through its source for ends of lines, as V8
 * does it when it is asked for the first time; kept, up to a bound for all scripts together.
 */
#pragma once

#include "runtime/v8_heap.h"

struct v8_lines;

/* 0 or -ENOMEM. */
int v8_lines_new(struct v8_lines **ret);
void v8_lines_free(struct v8_lines *lines);

/*
 * The line of a script, from 1 on, that holds the character at `offset`; 0: it is not known.
 */
uint32_t v8_line(struct v8_lines *lines, const struct v8_heap *h, uint64_t script, int32_t offset);
