/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paths from stacks, for what no probe counts: sampled paths.
 *
 * A path begins at a request: the function that a loop calls which waits for work
 * (analysis/loops.h), or where there is no loop the program's first (main). Its nodes are functions
 * that take a good part of the time, named ones if there are any. Functions that only hand on to
 * one other are left out, as are the kernel's; what the C library, an allocator or a virtual
 * machine does is its caller's own time, unless it is much. Where functions on a stack are counted
 * by probes, its sampled part hangs below the innermost path of these, and breaks down its own
 * time.
 *
 * Time on the CPU is estimated from samples and has an interval (analysis/interval.h); time off it
 * was measured. Waiting for work is in no path.
 */
#pragma once

struct report;

/*
 * Adds nodes and paths, and fills in report.attributed and report.idle. All of report.paths so far
 * were counted. 0 or -ENOMEM.
 */
int sampled_paths(struct report *r);
