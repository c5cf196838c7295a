/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows of time: how often the paths that came up first were called in each, how many calls
 * failed, and how long they took. Made of differences of the kernel's sums.
 */
#pragma once

#include <stdint.h>

#include "lib/cleanup.h"

#define WINDOWS_PATHS 256 /* that are followed */

struct path_table;
struct pathbpf;
struct plan;
struct report;
struct windows;

/* Windows of `length_ns`, of which the last `keep` are kept. 0 or -ENOMEM. */
int windows_new(uint64_t length_ns, uint32_t keep, struct windows **ret);
void windows_free(struct windows *w);
DEFINE_CLEANUP(struct windows *, windows_free)

/* To be called often, with the time since the trace began; reads the sums when a window is over. */
void windows_tick(struct windows *w, struct pathbpf *skel, uint64_t now_ns);
/* report.activities of paths, and of the plugins whose entries they are. 0 or -ENOMEM. */
int windows_report(const struct windows *w, struct path_table *paths, const struct plan *plan,
		   struct report *r);
