/* SPDX-License-Identifier: GPL-2.0-only */
/* Clocks in nanoseconds. */
#pragma once

#include <stdint.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* The clock of BPF's bpf_ktime_get_ns(). */
static inline uint64_t clock_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline uint64_t clock_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/* Clock ticks since boot, as /proc has them. */
static inline uint64_t clock_boot_ticks(void)
{
	return clock_ns(CLOCK_BOOTTIME) / (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* CPU time of this process. */
static inline uint64_t clock_self_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}
