/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The meter of `pathbpf overhead`: CPU time and work of the target, counted by BPF programs of its
 * own (bpf/work.bpf.c), which are there whether the target is traced or not.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "target/proc.h"

struct work_meter;

#define WORK_CALL_NUMBERS 512 /* system calls that are counted: those with smaller numbers */

struct work_options {
	const pid_vec *pids;   /* processes that run now */
	const char *comm_glob; /* also those that take such a name later; NULL: none */
	bool follow;           /* and children that they fork */
	const char *function;  /* -t's words for functions whose calls are counted; NULL: none */
};

/* Sums since the meter was opened. */
struct work_sample {
	uint64_t time_ns;  /* monotonic */
	uint64_t cpu_ns;   /* CPU time, as the scheduler accounts it */
	uint64_t on_ns;    /* time on CPU: interrupts and what a hypervisor stole are in it */
	uint64_t switches; /* a thread gave up its CPU of its own accord */
	uint64_t hits;     /* calls of the function */
	uint64_t calls[WORK_CALL_NUMBERS]; /* system calls by number */
};

/*
 * Counts from here on, until work_close(). 0 or a negative errno with a sentence in msg: -EINVAL,
 * the function's name is malformed; -ENOENT, there is no such function.
 */
int work_open(const struct work_options *opt, struct work_meter **ret, char *msg, size_t size);
void work_close(struct work_meter *m);
DEFINE_CLEANUP(struct work_meter *, work_close)

/*
 * Takes all sums. members: the processes that are counted and live, in place of what was there;
 * may be NULL. 0 or a negative errno.
 */
int work_read(struct work_meter *m, struct work_sample *ret, pid_vec *members);

/* Does this kernel's account of CPU time leave out interrupts? Then on_ns is what tells. */
bool work_misses_interrupts(const struct work_meter *m);
/* Threads that could not be counted for want of memory. */
uint64_t work_lost(const struct work_meter *m);
