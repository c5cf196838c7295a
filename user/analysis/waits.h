/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a thread off the CPU waits for, by the end of its stack: the kernel's functions, or the C
 * library's where those are not known. Waiting of these kinds may be waiting for work; which of it
 * is, analysis/loops.h tells.
 */
#pragma once

#include "analysis/functions.h"

enum wait_kind {
	WAIT_NONE,   /* for what it needs to go on: a CPU, a lock, a disk, a page */
	WAIT_EVENTS, /* for whatever comes: epoll, select, accept, signals, children */
	WAIT_POLL,   /* poll(), which asks for that, and for one answer, too */
	WAIT_QUEUE,  /* for another thread: a condition, a semaphore */
	WAIT_DATA,   /* for somebody who sends: a socket, a pipe, a terminal */
	WAIT_SLEEP,
	WAIT_KINDS
};

enum wait_kind wait_kind_of(const struct functions *f, const struct stack *s);
