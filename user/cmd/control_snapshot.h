/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `pathbpf ctl PID snapshot`: a report of what was recorded so far, made by a child, which has a
 * copy of all that the trace knows; so that names may take their time, and a reader who does not
 * read holds up nobody else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct control_subject;
struct report;
struct request;

struct snapshot {
	pid_t pid;         /* 0: none is being made */
	int pipe_fd;       /* becomes readable when it is done; -1: none */
	uint64_t until_ns; /* it must be done by then; monotonic */
	uint64_t cpu_ns;   /* of all that were made */
};

void snapshot_init(struct snapshot *s);
/*
 * Begins one: to the request's descriptors, in the format that its text names. add_notes() tells
 * the report, in the child, what else is to be told. 0, or a negative errno with the reason in why.
 */
int snapshot_begin(struct snapshot *s, const struct control_subject *on, const struct request *r,
		   void (*add_notes)(struct report *r, void *arg), void *arg, char *why,
		   size_t why_size);
/* Is it done? Then 1, or a negative errno with the reason in why; 0: it is not. */
int snapshot_done(struct snapshot *s, char *why, size_t why_size);
/* The trace ends: waits for it, for some seconds; then as snapshot_done(). */
int snapshot_end(struct snapshot *s, char *why, size_t why_size);
