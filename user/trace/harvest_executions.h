/* SPDX-License-Identifier: GPL-2.0-only */
/* What plugins did: from the paths of their entries, and the kernel's figures. */
#pragma once

#include <stdint.h>

struct allocs;
struct pathbpf;
struct plan;
struct plugins;
struct report;

/* Adds to the report's plugins, whose order is that of `p`. 0 or -ENOMEM. */
int harvest_executions(struct pathbpf *skel, const struct plan *plan, const struct plugins *p,
		       const struct allocs *allocs, struct report *r, uint64_t begin_ns);
