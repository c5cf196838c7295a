/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths and system calls: the kernel's statistics become the report's. */
#pragma once

#include <stdint.h>

struct collect;
struct live_sums;
struct pathbpf;
struct plan;
struct report;
struct resolver;
struct windows;

/*
 * plan: NULL without spans; windows: NULL without. The report has its plugins already. begin_ns: of
 * the trace, monotonic. live: NULL unless it is a snapshot. 0 or a negative errno.
 */
int harvest_calls(struct pathbpf *skel, struct collect *c, struct plan *plan,
		  const struct windows *windows, struct resolver *res, struct report *r,
		  uint64_t begin_ns, const struct live_sums *live);
