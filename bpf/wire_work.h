/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Part of wire.h, which alone includes it: what `pathbpf overhead` counts of its target. */
#pragma once

#define PB_WORK_CALLS 512          /* system calls with higher numbers are not counted */
#define PB_WORK_ON    (1ULL << 52) /* ns: 52 days */

/* A CPU's counters; sums over all CPUs have a meaning. */
struct pb_work {
	__u64 cpu_ns; /* CPU time, as the scheduler accounts it */
	/*
	 * Time on CPU: when a thread comes its time + PB_WORK_ON is taken off, when it leaves that
	 * is added. At time T, with so many on CPU, on_ns + running * (T + PB_WORK_ON) is the sum
	 * so far, modulo 2^64; how many there are can be told, as sums are far smaller than
	 * PB_WORK_ON. One word, since a second one could not be read at the same moment.
	 */
	__u64 on_ns;
	__u64 switches;             /* threads gave up their CPU of their own accord */
	__u64 hits;                 /* of the probe on the function that was named */
	__u64 lost;                 /* threads that there was no memory to count */
	__u64 calls[PB_WORK_CALLS]; /* system calls by number */
};

_Static_assert(sizeof(struct pb_work) == 40 + 8 * PB_WORK_CALLS, "pb_work");
