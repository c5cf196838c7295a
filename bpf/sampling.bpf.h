/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which switches and system calls get a stack. Within each window of 100 ms a thread's first
 * events all do; later ones by a coin whose odds fall with their number in the window. The odds
 * are fixed before the event's outcome (its duration, its errno) is known, and a sampled event
 * counts for the 1/odds that it stands for, so that sums are unbiased (Horvitz and Thompson 1952)
 * while a thread that switches 100,000 times a second pays for about 1,800 stacks. User space makes
 * that fewer by a level, which counts each event as 2^level.
 */
#pragma once

#include "maps.bpf.h"

#define SAMPLING_WINDOW_NS 100000000ULL

/* Odds of event n of a window, as a power of two. */
static __always_inline __u32 sampling_shift(__u32 n)
{
	if (n < 64)
		return 0;
	if (n < 512)
		return 3;
	if (n < 4096)
		return 6;
	return 9;
}

/* The shift of an event that gets a stack, -1 for one that does not. */
static __always_inline __s32 sampling_choose(__u64 now_ns, __u64 *window_ns, __u32 *n, __u32 level)
{
	__u32 shift;

	if (now_ns - *window_ns > SAMPLING_WINDOW_NS) {
		*window_ns = now_ns;
		*n = 0;
	}
	shift = sampling_shift((*n)++ << (level & 7));
	if (shift && bpf_get_prandom_u32() & ((1U << shift) - 1))
		return -1;
	return shift;
}
