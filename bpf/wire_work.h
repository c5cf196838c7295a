/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Part of wire.h, which alone includes it: what `pathbpf overhead` counts of its target. */
#pragma once

#define PB_WORK_CALLS 512 /* system calls with higher numbers are not counted */

/* A CPU's counters; sums over all CPUs have a meaning. */
struct pb_work {
	__u64 cpu_ns; /* CPU time, as the scheduler accounts it */
	/*
	 * Threads on a CPU: when one comes its time is taken off on_ns, when it leaves its time is
	 * added. At time T, on_ns + running * T is the time on CPU so far. Both wrap around.
	 */
	__u64 on_ns, running;
	__u64 switches;             /* threads gave up their CPU of their own accord */
	__u64 hits;                 /* of the probe on the function that was named */
	__u64 lost;                 /* threads that there was no memory to count */
	__u64 calls[PB_WORK_CALLS]; /* system calls by number */
};

_Static_assert(sizeof(struct pb_work) == 48 + 8 * PB_WORK_CALLS, "pb_work");
