/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes on the calls of allocators in plugins' own code: what they ask for is counted in the
 * kernel, in struct pb_plugin_stats. Put in place behind everything that somebody waits for, and
 * taken away when they cost more than may be.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"

struct allocs;
struct bpf_program;
struct object_files;
struct processes;

/* 0 or -ENOMEM. uprobe_prepare() has been told of the program before load. */
int allocs_new(struct bpf_program *prog, struct allocs **ret);
/* Detaches all. NULL-safe. */
void allocs_free(struct allocs *a);
DEFINE_CLEANUP(struct allocs *, allocs_free)
void allocs_detach_all(struct allocs *a);

/*
 * A plugin (its number, and its object file) is there: counts from now on. What cannot be counted,
 * or not safely, is told by allocs_known(). NULL-safe. 0 or -ENOMEM.
 */
int allocs_attach(struct allocs *a, uint32_t plugin, struct object_files *objects, uint32_t object,
		  const struct processes *processes);
/* Nobody has it any more. NULL-safe. */
void allocs_detach(struct allocs *a, uint32_t plugin);
/* Was every allocation counted while it was probed? NULL-safe: no. */
bool allocs_known(const struct allocs *a, uint32_t plugin);

/*
 * Looks at what plugins asked for since the last time; stats_fd: of the map plugin_stats. Of whom
 * it cost more than limit_ns, at cost_ns an allocation, the allocations are not counted any more.
 * NULL-safe.
 */
void allocs_keep_budget(struct allocs *a, int stats_fd, uint64_t cost_ns, uint64_t limit_ns);
