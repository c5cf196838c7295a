/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text report's sections and what they share: columns, wrapping. Lines hold
 * TEXT_WIDTH columns at most; names of the target are cleaned and shortened to fit.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "data/report.h"
#include "data/units.h"

struct fold;
struct fold_line;

#define TEXT_WIDTH 80

/* Columns that clean UTF-8 text takes on a terminal. */
size_t text_columns(const char *s);
/* Appends a name, cleaned, in `width` columns at most: arguments go first, then the middle. */
void text_shorten(struct buf *b, const char *name, size_t width);
/* The same, filled up with spaces to exactly `width`. */
void text_pad(struct buf *b, const char *name, size_t width);
/* A frame as folded files write it, for people: "read_[k]" becomes "read [k]". */
void text_frame(struct buf *b, const char *frame, size_t width);

/* A blank line and the section's title. */
void text_title(struct buf *b, const char *title);
/* The same with a remark: "Title: remark". */
void text_heading(struct buf *b, const char *title, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * A paragraph that begins at column `indent` (or where the line has come to, if that is behind),
 * broken at spaces, later lines indented by `hang`. The text is cleaned.
 */
void text_para(struct buf *b, size_t indent, size_t hang, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Wraps a list of items that must not be broken. */
struct text_list {
	struct buf *b;
	size_t column, hang, lines;
};

void text_list_add(struct text_list *l, const char *separator, const char *item);
/*
 * A line's frames, leaf first, from where the line has come to, in at most `lines` lines, later
 * ones indented by `hang`; ends the line.
 */
void text_stack(struct buf *b, const struct fold *f, const struct fold_line *line, size_t hang,
		size_t lines);
/*
 * The frame from which on a stack says why it waits: scheduler functions at the leaf say
 * nothing. Index for fold_frame().
 */
uint32_t text_leaf(const struct fold *f, const struct fold_line *line);

/* "EAGAIN 2400, EINTR 3": types of errors, most frequent first, `max` of them at most. */
void text_errors(struct buf *b, const error_count_vec *v, size_t max);

/* The average of a path's calls whose time is known; 0: there is none. */
uint64_t text_average(const struct path *p);

/* Appends a text in which files, "(/usr/lib/x.py)", have lost their folders. */
void text_short_files(struct buf *b, const char *s);
/* A path's node, or all of them (a > b > c), for people: files without their folders. */
void text_path_node(struct buf *b, const struct report *r, uint32_t path);
void text_path(struct buf *b, const struct report *r, uint32_t path);

/* Sums over the targets. */
uint64_t text_cpu_ns(const struct report *r);

/* Sections; each appends nothing when it has nothing to say. 0 or -ENOMEM. */
int text_header(struct buf *b, const struct report *r);
int text_summary(struct buf *b, const struct report *r, const struct fold *cpu,
		 const struct fold *offcpu);
int text_cpu(struct buf *b, const struct report *r, const struct fold *cpu);
int text_offcpu(struct buf *b, const struct report *r, const struct fold *offcpu);
int text_findings(struct buf *b, const struct report *r);
int text_plugins(struct buf *b, const struct report *r);
int text_trends(struct buf *b, const struct report *r);
int text_paths(struct buf *b, const struct report *r);
int text_timelines(struct buf *b, const struct report *r);
int text_syscalls(struct buf *b, const struct report *r);
int text_processes(struct buf *b, const struct report *r);
int text_gaps(struct buf *b, const struct report *r); /* coverage, unused, skipped, missing */
int text_quality(struct buf *b, const struct report *r);
