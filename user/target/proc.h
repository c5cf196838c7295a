/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc says of a process: identity, state, threads, namespaces. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/parse.h"

struct proc_info {
	uint32_t pid, ppid;
	char comm[16];
	char exe[4096]; /* "" when not readable: a kernel thread */
	char state;     /* 'R', 'S', 'Z', … */
	bool kernel_thread;
	bool is_32bit;         /* its executable is not 64-bit */
	uint64_t start_time;   /* clock ticks since boot: tells a reused PID apart */
	uint64_t pidns, mntns; /* inode numbers; 0 when not readable */
};

typedef u32_vec pid_vec;

/* 0, -ESRCH (no such process), -EACCES, … */
int proc_read(uint32_t pid, struct proc_info *ret);
/* Thread IDs of a process, appended to tids; 0 or a negative errno. */
int proc_threads(uint32_t pid, pid_vec *tids);
/* All process IDs, appended; 0 or a negative errno. */
int proc_list(pid_vec *pids);
/*
 * Processes whose name (comm, or the executable's last component) matches the shell glob,
 * appended; pathbpf itself is left out. 0 or a negative errno.
 */
int proc_match(const char *glob, pid_vec *pids);

/*
 * /proc/PID/schedstat of one thread: time on CPU and time runnable but waiting, both in ns.
 * 0, -ENOENT (this kernel has no schedstat, or the thread has gone), …
 */
int proc_schedstat(uint32_t pid, uint32_t tid, uint64_t *cpu_ns, uint64_t *runq_ns);
