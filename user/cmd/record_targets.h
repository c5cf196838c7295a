/* SPDX-License-Identifier: GPL-2.0-only */
/* Whom `record` traces: the processes of the command line, checked with one clear line each. */
#pragma once

#include "cmd/child.h"
#include "cmd/record_options.h"

struct collect;
struct plan;
struct session;
struct session_options;

/* Can this process be traced? -1, or the exit status after one line that says why not. */
int record_targets_check(uint32_t pid);
/*
 * Fills scope and PIDs of the session's options and enters the processes that run now. Returns -1
 * to go on, or the exit status after an error, which has been reported.
 */
int record_targets_choose(const struct record_options *o, const struct child *child,
			  struct collect *c, struct session_options *so);
/* Looks for the plan's functions in what is known; number of functions or a negative errno. */
int record_targets_plan(const struct record_options *o, struct plan *plan, struct collect *c);
/* After attaching: are the processes of -p still there? -1 to go on, or the exit status. */
int record_targets_confirm(const struct record_options *o, struct collect *c);
/*
 * A pause is about to end: what has happened to the processes meanwhile? Those that ended are let
 * go, others may have become another program, and such as would have been traced are entered. 0 or
 * a negative errno.
 */
int record_targets_again(const struct record_options *o, struct collect *c, struct session *s);
