/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Totals of a trace that goes on, as of one moment: those in the kernel, and what the traced
 * threads would add to them if it ended now: their times, the waits that last, the calls in
 * progress. Read without disturbing anybody, by the thread iterator.
 */
#pragma once

#include <linux/types.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "lib/table.h"
#include "lib/vec.h"

struct pathbpf;

struct live_target {
	uint32_t pid;
	struct pb_target_stats stats;
};

struct live_offcpu {
	struct pb_offcpu_key key;
	struct pb_offcpu_value value;
};

struct live_path {
	uint32_t path; /* as BPF numbers it */
	uint64_t open, untimed;
};

struct live_sums {
	VEC(struct live_target) targets;
	VEC(struct live_offcpu) offcpu;
	VEC(struct live_path) paths;
	struct table target_index, offcpu_index, path_index;
};

/*
 * What is in the kernel's totals already, and the goroutines' calls in progress. Before the
 * iterator runs: what ends in between is missed then, and not counted twice. 0 or -ENOMEM.
 */
int live_sums_read(struct live_sums *l, const struct pathbpf *skel);
/* What the iterator wrote: 0, -ENOMEM, or -EPROTO. */
int live_sums_add(struct live_sums *l, const void *data, size_t size);
void live_sums_done(struct live_sums *l);
