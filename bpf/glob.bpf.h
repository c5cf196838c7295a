/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Shell globs of '*' and '?' on process names. (Backslash and brackets are left to user space.)
 * One remembered star suffices: an earlier one never has to move again.
 */
#pragma once

#include "maps.bpf.h"

/* Each step moves on in the glob or the name, or moves the star: at most one a pair of bytes. */
#define GLOB_STEPS_MAX (2 * PB_COMM_LEN * PB_COMM_LEN)

struct glob_state {
	char name[PB_COMM_LEN];
	__u32 g, n;            /* places in glob and name */
	__u32 star, star_name; /* behind the last star, and the name's byte that it stands before */
	bool starred, matches;
};

/* One step; a callback, so that the verifier walks it once. Non-zero ends the loop. */
static long glob_step(__u32 i, void *arg)
{
	struct glob_state *s = arg;
	char c = s->g < PB_COMM_LEN ? config.comm_glob[s->g & (PB_COMM_LEN - 1)] : 0;
	char d = s->n < PB_COMM_LEN ? s->name[s->n & (PB_COMM_LEN - 1)] : 0;

	if (c == '*') {
		s->starred = true;
		s->star = ++s->g;
		s->star_name = s->n;
	} else if (!d) {
		s->matches = !c;
		return 1;
	} else if (c == '?' || c == d) {
		s->g++;
		s->n++;
	} else if (s->starred) {
		s->g = s->star;
		s->n = ++s->star_name;
	} else {
		return 1;
	}
	return 0;
}

/* Does a process name match config.comm_glob? */
static __always_inline bool glob_match(struct task_struct *task)
{
	struct glob_state s = {};

	if (bpf_probe_read_kernel_str(s.name, sizeof(s.name), task->comm) < 0)
		return false;
	bpf_loop(GLOB_STEPS_MAX, glob_step, &s, 0);
	return s.matches;
}
