/* SPDX-License-Identifier: GPL-2.0-only */
/* What can be done to a session while it runs, on request. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/spec.h"

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
 * In a child after session_fork(), which has a copy of all that is in user space and has dropped
 * its probes (emergency_drop_probes()): the trace ends here for whoever looks at the copy; nothing
 * that belongs to the parent is touched.
 */
void session_pretend_end(struct session *s);

/*
 * Can functions of this kind be traced from now on, with the programs that were loaded at the
 * start? If not, why is set to a sentence.
 */
bool session_can_add(const struct session *s, enum spec_kind kind, const char **why);
/*
 * Detaches the nodes that the plan has marked as removed. Others may be away for a moment, which is
 * counted: see session_gap_ns(). 0 or a negative errno.
 */
int session_detach_removed(struct session *s);

/* Why a pause is not possible, or NULL. */
const char *session_no_pause(const struct session *s);
/*
 * Detaches everything: the targets pay nothing any more. Calls in progress are lost, and counted
 * so. 0 or a negative errno.
 */
int session_pause(struct session *s);
/*
 * Attaches all again and finds the threads anew; processes that are to be traced now and were not
 * before have been told of by session_add_target(). 0 or a negative errno.
 */
int session_resume(struct session *s);
bool session_is_paused(const struct session *s);
/* How long nothing was traced, up to now; how often. */
uint64_t session_paused_ns(const struct session *s);
uint32_t session_pauses(const struct session *s);
/* While it is paused: another process is traced, or one no more. 0 or a negative errno. */
int session_add_target(struct session *s, uint32_t pid);
void session_drop_target(struct session *s, uint32_t pid);

/* What they lose to other traces as well, as far as these know it; 0: nothing. Told now and then.
 */
void session_set_others_cost(struct session *s, double pct);
/* What the targets may lose, in per cent, from now on. */
void session_set_max_overhead(struct session *s, double pct);
