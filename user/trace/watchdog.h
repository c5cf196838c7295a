/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread that needs nobody: it takes SIGUSR2 for an emergency stop, and sees to it that probes do
 * not outlive the main loop's attention. Without that nobody holds the budget; so when the loop has
 * not turned for ten seconds, in which it slept, all is removed. It has a minute while it computes
 * (debug information can take long), waits for a CPU, or for the kernel to attach something. If it
 * comes back within another half minute, it writes what was recorded; if not, the program ends.
 */
#pragma once

#include "lib/cleanup.h"

struct emergency;
struct watchdog;

/*
 * SIGUSR2 must be blocked in all threads; the caller's is the main thread. look_ms:
 * WATCHDOG_LOOK_MS, by which all times above are told; tests have less of it. 0 or a negative
 * errno.
 */
#define WATCHDOG_LOOK_MS 1000
int watchdog_start(struct emergency *e, int look_ms, struct watchdog **ret);
/* The main loop has begun, and runs: call it at each turn. NULL-safe, as are the others. */
void watchdog_tick(struct watchdog *w);
/* The main loop is over: what comes may take its time. */
void watchdog_rest(struct watchdog *w);
void watchdog_stop(struct watchdog *w);
DEFINE_CLEANUP(struct watchdog *, watchdog_stop)
