/* SPDX-License-Identifier: GPL-2.0-only */
/* The rows of the CSV table: see user/view/csv.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "data/report.h"

/* The columns of whole numbers, in order; new ones stand at the end, behind "inside". */
enum column {
	PID,
	COUNT,
	SELF_COUNT,
	ERRORS,
	TOTAL_NS,
	SELF_NS,
	CPU_NS,
	READY_NS,
	OFFCPU_NS,
	MIN_NS,
	P50_NS,
	P90_NS,
	P99_NS,
	P999_NS,
	MAX_NS,
	OPEN,
	UNWOUND,
	UNTIMED,
	DEPTH_MAX,
	BEFORE_INSIDE, /* the columns from here on stand behind "inside" */
	TID = BEFORE_INSIDE,
	TIME_NS,
	OK,
	TIMED_OUT,
	PEAK,
	EXCEPTIONS,
	CRASHES,
	LOADS,
	LOAD_ERRORS,
	UNLOADS,
	REOPENS,
	CLOSES,
	AVG_NS,
	LOAD_AVG_NS,
	LOAD_MAX_NS,
	CONSTRUCTORS_NS,
	DESTRUCTORS_NS,
	GAP_NS,
	WAITED_NS,
	ALLOCS,
	ALLOC_BYTES,
	MAPPED_BYTES,
	PAGE_FAULTS,
	FIRST_SEEN_NS,
	LAST_ACTIVITY_NS,
	UP_NS,
	CPU_LOW_NS,
	CPU_HIGH_NS,
	COLUMNS
};

/* The columns of other numbers, behind those. */
enum real_column {
	ERROR_PCT,
	SUCCESS_PCT,
	CPU_PCT,
	UPTIME_PCT,
	VALUE,
	LIMIT,
	BEFORE,
	CHANGE_PCT,
	NOISE_PCT,
	REAL_COLUMNS
};

struct csv_row {
	const char *kind, *process, *name, *detail, *inside; /* NULL: empty */
	uint64_t numbers[COLUMNS];
	bool known[COLUMNS];
	double reals[REAL_COLUMNS];
	bool real_known[REAL_COLUMNS];
};

struct csv {
	FILE *out;
	struct buf line, cell;
};

void csv_done(struct csv *c);
void csv_set(struct csv_row *row, enum column column, uint64_t value);
/* NAN and infinities leave the cell empty. */
void csv_set_real(struct csv_row *row, enum real_column column, double value);
/* Times and errors of calls; the buffer holds the row's detail. */
void csv_set_stats(struct csv_row *row, const struct call_stats *s, struct buf *detail);
/* "EAGAIN: 5, EINTR: 1", in the buffer. */
const char *csv_errors(struct buf *b, const error_count_vec *v);
/* The header; then rows. 0 or -ENOMEM. */
void csv_put_header(struct csv *c);
int csv_put(struct csv *c, const struct csv_row *row);

/* Rows of plugins, of what happened to them, and of what follows. 0 or -ENOMEM. */
int csv_put_plugins(struct csv *c, const struct report *r);
int csv_put_analysis(struct csv *c, const struct report *r);
