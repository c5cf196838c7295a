/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reports made of stacks that are written as text, root first:
 * "_start;main;serve;libc:read;k:pipe_read".
 *
 *   NAME        a function of /bin/app          libc:NAME   of the C library
 *   OBJECT/NAME of /lib/OBJECT                  k:NAME      of the kernel
 *   i:NAME      inlined, of /bin/app            ?OFFSET     without a name, of /bin/app (hex)
 *   py:NAME@FILE, js:NAME@FILE, erl:NAME@FILE   interpreted
 *   !           frames are missing
 */
#pragma once

#include "data/report.h"

#define MS 1000000ull

/* How stacks begin, and end in waits. */
#define START  "_start;libc:__libc_start_main;libc:__libc_start_call_main;"
#define THREAD "libc:clone3;libc:start_thread;"
#define EPOLL  "libc:epoll_wait;k:do_syscall_64;k:__x64_sys_epoll_wait;k:do_epoll_wait"
#define COND   "libc:pthread_cond_wait;k:do_syscall_64;k:__x64_sys_futex;k:do_futex;k:futex_wait"
#define RECV   "libc:recv;k:do_syscall_64;k:__x64_sys_recvfrom;k:tcp_recvmsg;k:sk_wait_data"
#define SLEEP  "libc:usleep;libc:clock_nanosleep;k:__x64_sys_clock_nanosleep;k:hrtimer_nanosleep"
#define POLL   "libc:poll;k:do_syscall_64;k:__x64_sys_poll;k:do_sys_poll;k:do_poll.constprop.0"

/*
 * Ten seconds at 1,000 samples a second, on and off the CPU, of one process "app"; what is added
 * to it costs its time. Aborts when out of memory.
 */
struct report *stack_report(void);
/* Another process of the same program, or of another. */
uint32_t stack_target(struct report *r, const char *comm, const char *exe);
/* Each sample is a millisecond, also of the target's CPU time. */
void stack_cpu(struct report *r, uint32_t target, const char *stack, uint64_t samples);
void stack_blocked(struct report *r, uint32_t target, const char *stack, uint64_t ms);
void stack_preempted(struct report *r, uint32_t target, const char *stack, uint64_t ms);
/* A counted path below another (REPORT_NONE: a root): its index. */
uint32_t stack_counted(struct report *r, uint32_t parent, const char *name, uint64_t calls,
		       uint64_t total_ms);

/* The path with these nodes ("serve > parse"), NULL: there is none. */
const struct path *stack_path(const struct report *r, const char *path);
/* The same; fails with all paths when there is none. */
const struct path *stack_get(const struct report *r, const char *path);
/* Fails unless the path is there with these times, whole milliseconds. */
void stack_expect(const struct report *r, const char *path, uint64_t cpu_ms, uint64_t offcpu_ms,
		  uint64_t self_ms);
void stack_expect_none(const struct report *r, const char *path);
/* Fails unless so much waits for work there. */
void stack_expect_idle(const struct report *r, const char *where, uint64_t ms);
/* All paths, a line each, on the heap: for messages. */
char *stack_paths(const struct report *r);
/*
 * What must hold of every report: all time is in roots, waits for work, or is nobody's; a
 * caller has what its callees have; and so on. Counted paths have the time that they claim.
 */
void stack_check(const struct report *r);
