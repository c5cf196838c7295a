/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every workload shares: the protocol with whoever drives it, and clocks.
 *
 *   stdout "ready\n"        probes may be attached now; nothing that is counted has happened yet
 *   stdin  "go\n"           do the work
 *   stdout one JSON line    the truth about the work
 *   stdin  "end\n"          exit with status 0
 *
 * End of file on stdin stands for both words, so that a workload also runs by itself.
 */
#pragma once

#include <stdint.h>

/* Bounds of a function's run time: measured inside of it and around its call. */
struct bounds {
	uint64_t inner_ns, outer_ns;
};

/* Says "ready" and waits for "go". */
void workload_ready(void);
/* Prints the truth, one JSON object in printf() terms, as one line. */
void workload_truth(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Waits for "end". */
void workload_end(void);
/* Reports what failed on standard error and exits with status 1. */
void workload_die(const char *what) __attribute__((noreturn));

/* The value of option `name` ("-n 5"), or `value` when it is not there. */
uint64_t workload_option(int argc, char **argv, const char *name, uint64_t value);

uint64_t workload_wall_ns(void);       /* CLOCK_MONOTONIC */
uint64_t workload_thread_cpu_ns(void); /* of the calling thread */
uint64_t workload_cpu_ns(void);        /* of the whole process */
/* Computes without system calls until the calling thread has used ns of CPU time. */
void workload_spin(uint64_t ns);

/* Keeps a function a function of its own, with one call for each call in the source. */
#define NOIPA __attribute__((noipa))
/* A side effect: keeps a call that follows from becoming a tail call. */
#define BARRIER() __asm__ volatile("" ::: "memory")
