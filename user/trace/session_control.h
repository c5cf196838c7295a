/* SPDX-License-Identifier: GPL-2.0-only */
/* What can be done to a session while it runs, on request. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct live_sums;
struct session;

/*
 * The totals as they are now, for a snapshot; the trace goes on undisturbed. Drain the ring before.
 * Release with live_sums_done(). 0 or a negative errno.
 */
int session_live(struct session *s, struct live_sums *ret);
/* As fork(), but no other thread is in the midst of a change of what the child will look at. */
pid_t session_fork(struct session *s);
/*
 * In a child after session_fork(), which has a copy of all that is in user space: the trace ends
 * here for whoever looks at the copy; nothing that belongs to the parent is touched.
 */
void session_pretend_end(struct session *s);
