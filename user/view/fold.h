/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stacks merged by their text: what several views list. Samples of different processes with the
 * same name, or of different addresses in the same functions, become one line.
 */
#pragma once

#include <stdint.h>

#include "data/report.h"

struct fold_line {
	uint32_t target, stack;     /* any of those merged */
	uint32_t skip;              /* outermost frames of the stack that do not belong to it */
	uint64_t tag;               /* the caller's: lines with different tags are not merged */
	uint64_t value, count, max; /* sums, and the largest max */
};

struct fold {
	const struct report *r;
	struct strpool texts;
	const char **frames, **comms; /* text of the report's frames and targets; NULL: not yet */
	struct table index;
	struct buf scratch, key;
	VEC(const char *) errors; /* of fold_syscalls() */
	VEC(struct fold_line) lines;
};

/* 0 or -ENOMEM. The report must outlive it. */
int fold_init(struct fold *f, const struct report *r);
void fold_done(struct fold *f);
/* Adds one sample to its line; 0 or -ENOMEM. */
int fold_add(struct fold *f, const struct fold_line *sample);

/* Adds the CPU samples. */
int fold_cpu(struct fold *f);

enum fold_offcpu {
	FOLD_MERGED,    /* blocked and preempted in one line */
	FOLD_SPLIT,     /* tag: enum offcpu_why */
	FOLD_PREEMPTED, /* only these */
};

/* Adds off-CPU samples; value is in ns. */
int fold_offcpu(struct fold *f, enum fold_offcpu what);

/*
 * Adds the samples, on the CPU or off it (value: ns), whose stacks go through an object, each cut
 * so that it begins at the outermost frame there: what the object does, and has others do.
 */
int fold_object(struct fold *f, uint32_t object, bool offcpu);

/* Adds system calls' samples; value is a count, lines are apart by system call and error. */
int fold_syscalls(struct fold *f);
/* What such a line is about; the error is NULL for success. */
uint32_t fold_syscall(const struct fold_line *line);
const char *fold_error(const struct fold *f, const struct fold_line *line);

/* By text, then by tag: the order of the bytes of the folded lines. Once sorted, nothing is added.
 */
void fold_sort_by_text(struct fold *f);
/* Largest value first, ties by text. */
void fold_sort_by_value(struct fold *f);
/* By tag, and within one as above. */
void fold_sort_by_tag(struct fold *f);

/* Frames of a line with the process name: 2 at least. */
uint32_t fold_depth(const struct fold *f, const struct fold_line *line);
/* Frame i of a line, 0 being the process name; interned: equal text, equal pointer. */
const char *fold_frame(const struct fold *f, const struct fold_line *line, uint32_t i);
/* Appends "COMM;root;…;leaf". */
void fold_format(struct buf *b, const struct fold *f, const struct fold_line *line);
/* The same with a frame, a name of the target, put behind the process name. */
void fold_format_within(struct buf *b, const struct fold *f, const struct fold_line *line,
			const char *within);

/* Nanoseconds as the folded format counts them: microseconds, rounded. */
static inline uint64_t fold_us(uint64_t ns)
{
	return ns / 1000 + (ns % 1000 >= 500);
}
