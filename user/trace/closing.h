/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Letting go of many probe links at once. For each the kernel first removes its probes, one after
 * the other under a lock that all links share, and then waits until no CPU can be in them. The
 * waits shall overlap, but not the work: threads that hand that lock to each other at each probe
 * take ten times as long as one after the other. So each link has a thread, and the next one begins
 * when the one before has come to its wait.
 */
#pragma once

#include <stdint.h>

#define CLOSING_MAX 16384

/*
 * Calls drop() for each of the first CLOSING_MAX descriptors, in threads; returns when all have
 * returned. where() (NULL: nobody knows) tells where the process that is probed runs now, or -1:
 * there its memory can be changed without interrupting it on another CPU at each probe, which can
 * take ten times as long. Allocates nothing but what a thread takes.
 */
void closing_run(const int *fds, uint32_t n, int (*where)(void *arg),
		 void (*drop)(int fd, void *arg), void *arg);
