/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: one recorded trace as a timed tree. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct report;
struct trace;

/*
 * Appends the tree of a trace, a line a slice, the remark behind the first one, and of the
 * traces that it caused; runs of short
 * equal calls share a line, and of long trees the longest and the failing slices are left.
 * Marks in told (by index of trace) what it showed, and does not show what is marked. 0 or
 * -ENOMEM.
 */
int text_tree(struct buf *b, const struct report *r, uint32_t trace, const char *remark,
	      bool *told);
/* "thread worker-3". */
void tree_format_thread(struct buf *b, const struct trace *t);
