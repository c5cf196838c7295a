/* SPDX-License-Identifier: GPL-2.0-only */
/* The time between attach and the end of a trace. */
#pragma once

#include "cmd/child.h"
#include "cmd/record_options.h"

struct collect;
struct control;
struct plan;
struct session;

/* Takes over Ctrl-C and its kin, and SIGUSR2; call it before threads or children are started. */
int record_loop_signals(void);
/*
 * Drains until the duration is over, a signal asks for the end, or nobody is left to trace. 0, or
 * a negative errno. From its return on, Ctrl-C warns once and then ends the program.
 * control: NULL without.
 */
int record_loop(struct session *s, struct collect *c, struct plan *plan,
		const struct record_options *o, struct child *child, struct control *control);
