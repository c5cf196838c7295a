/* SPDX-License-Identifier: GPL-2.0-only */
/* Stacks on and off the CPU: what was counted by stack becomes the report's samples. */
#pragma once

#include <stdint.h>

#include "lib/vec.h"

struct collect;
struct live_sums;
struct pathbpf;
struct report;
struct resolver;

typedef VEC(uint64_t) ns_vec;

/*
 * offcpu_ns: by target, its exact time off CPU as far as it was not left out on request. live: NULL
 * unless it is a snapshot. 0 or a negative errno.
 */
int harvest_stacks(struct pathbpf *skel, struct collect *c, struct resolver *res, struct report *r,
		   const ns_vec *offcpu_ns, double switches_seen, const struct live_sums *live);
