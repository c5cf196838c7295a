/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recorded traces made fit for drawing: slices that nest strictly, and lanes on which traces
 * never overlap. What was recorded may miss both by a little, as clocks of CPUs differ, and by
 * much, as several goroutines share a thread.
 */
#pragma once

#include <stdint.h>

#include "data/report.h"

struct timeline_slice {
	uint64_t start_ns, end_ns; /* since the trace began; within those of the parent */
	uint32_t parent;           /* index of the slice around it, or REPORT_NONE */
	uint32_t depth;            /* 0: outermost */
};

/*
 * Lays out the slices of a trace, one by one, into ret (t->slices.n of them): each stands within
 * its parent and behind its earlier siblings, times are cut where they must be. A slice that
 * lies within an earlier sibling becomes its child: a wait belongs to the system call that
 * waits. Nothing is the child of an instant. 0 or -ENOMEM.
 */
int timeline_nest(const struct trace *t, struct timeline_slice *ret);

/* The number of a thread's lane for what happened to plugins. */
#define TIMELINE_PLUGINS 1000000

/* The line of a thread; `number` 1 and up: further ones, where traces on it overlap. */
struct timeline_lane {
	uint32_t pid, tid, number;
	const char *thread; /* its name, or NULL */
	uint64_t end_ns;    /* of the last trace on it */
};

struct timeline_lanes {
	VEC(struct timeline_lane) v;
	/* owned: index of the lane, by index of the trace; REPORT_NONE for one without slices */
	uint32_t *of_trace;
};

/* 0 or -ENOMEM. */
int timeline_lanes_init(struct timeline_lanes *l, const struct report *r);
void timeline_lanes_done(struct timeline_lanes *l);

/* The time from the first start to the last end of a trace's slices. */
uint64_t timeline_start(const struct trace *t);
uint64_t timeline_end(const struct trace *t);

/* Indices of all traces, the longest first; owned by the caller. NULL when out of memory. */
uint32_t *timeline_by_length(const struct report *r);

/* The trace that caused this one: its index, or REPORT_NONE, also when that one holds nothing. */
uint32_t timeline_cause(const struct report *r, const struct trace *t);

/* "slow", "failed", …: the reason 1 << bit of enum trace_why; NULL behind the last. */
const char *timeline_why(unsigned int bit);
/* All reasons of a trace: "slow, failed". */
void timeline_format_why(struct buf *b, const struct trace *t);
/* "span", "syscall", "offcpu", "instant". */
const char *timeline_kind(enum slice_kind kind);
