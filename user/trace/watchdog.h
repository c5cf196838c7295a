/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread that needs nobody: it takes SIGUSR2 for an emergency stop, and sees to it that probes do
 * not outlive the main loop's attention. Without that nobody holds the budget; so when the loop has
 * not run for ten seconds (a minute while it computes: debug information can take long), all is
 * removed. If it comes back within another half minute, it writes what was recorded; if not, the
 * program ends.
 */
#pragma once

#include "lib/cleanup.h"

struct emergency;
struct watchdog;

/* SIGUSR2 must be blocked in all threads; the caller's is the main thread. 0 or a negative errno.
 */
int watchdog_start(struct emergency *e, struct watchdog **ret);
/* The main loop has begun, and runs: call it at each turn. NULL-safe, as are the others. */
void watchdog_tick(struct watchdog *w);
/* The main loop is over: what comes may take its time. */
void watchdog_rest(struct watchdog *w);
void watchdog_stop(struct watchdog *w);
DEFINE_CLEANUP(struct watchdog *, watchdog_stop)
