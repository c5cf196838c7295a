/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control of a trace while it runs: its socket, its watchdog, and what requests do. A trace without
 * a socket runs all the same.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cmd/record_options.h"

struct collect;
struct control;
struct plan;
struct pollfd;
struct report;
struct session;

/* What is controlled; all of it outlives the control. */
struct control_subject {
	struct session *session;
	struct collect *collect;
	struct plan *plan;
	struct record_options *opt;
	struct report *report;
};

#define CONTROL_FDS 3

/* Before anything is attached. NULL: out of memory; emergency stops are not to be had, then. */
struct control *control_open(const struct control_subject *subject);
/* NULL-safe, as are all of these. */
void control_close(struct control *c);

/* What to poll, for POLLIN. */
void control_poll(const struct control *c, struct pollfd *fds);
/* A turn of the main loop: answers requests, tells others of the trace. */
void control_turn(struct control *c);
/* Has there been an emergency stop? Then the trace is over, and why is said. */
bool control_stopped(struct control *c);
/* Was there one because the main loop did not run? Then the trace has failed. */
bool control_hung(struct control *c);
/* The main loop is over: what still reads the trace's state is waited for. Before session_stop().
 */
void control_settle(struct control *c);
/* Nothing is attached any more. */
void control_rest(struct control *c);
/* What was done goes into the report. */
void control_tell(struct control *c, struct report *r);
/* CPU time of children that wrote snapshots. */
uint64_t control_cpu_ns(const struct control *c);
