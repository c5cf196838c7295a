/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which functions are worth a span, by the stacks so far: those that much time passes in, on the
 * CPU or waiting within a request. Whether they are cheap enough is for a trial to tell.
 *
 * Left out: functions of the C library and its kind; loops that wait for work and whatever they are
 * in, because a path begins with the work. Such a loop is known by waiting (epoll_wait, accept,
 * nanosleep, a condition variable) that takes a fifth of its time or more, or by any waiting if it
 * is on nearly all of its process's stacks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"

struct collect;
struct pathbpf;

struct auto_function {
	uint32_t object;            /* index into the object files */
	uint64_t addr;              /* of its first instruction, as in the file */
	uint64_t total_ns, self_ns; /* on the CPU and off it, under it and in it */
	uint64_t idle_ns;           /* of the total: waiting for work */
	uint64_t outer_ns;          /* of the total: no other chosen one is below it */
	bool inner;                 /* that is next to nothing */
};
typedef VEC(struct auto_function) auto_function_vec;

/* What is looked at: time on the CPU is samples × sample_ns. */
struct auto_input {
	struct collect *collect;
	struct pathbpf *skel; /* for the times off the CPU; NULL: there are none */
	uint64_t sample_ns;
};

/*
 * Fills ret with at most n_max functions, those with the most time first, each with a share of all
 * time of share_min at least. 0 or -ENOMEM.
 */
int auto_choose(const struct auto_input *in, double share_min, size_t n_max,
		auto_function_vec *ret);
