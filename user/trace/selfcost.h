/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What our BPF programs cost, measured: the kernel times every run while its statistics are on,
 * which they are for one tick in ten, because timing costs time too. The rest is extrapolated.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pathbpf;
struct selfcost;

/* NULL when the statistics cannot be had; the other functions accept NULL. */
struct selfcost *selfcost_start(struct pathbpf *skel);
/* Call it every 100 ms. */
void selfcost_tick(struct selfcost *c);
void selfcost_stop(struct selfcost *c);
/*
 * Did the last selfcost_tick() end a measurement? Then adds what the programs whose name begins
 * with `prefix` took during it (ns, on all CPUs and for all processes), and how often they ran.
 */
bool selfcost_measured(const struct selfcost *c, const char *prefix, uint64_t *run_ns,
		       uint64_t *runs);
/*
 * Calls fn for each program with its run time (ns) and number of runs since the start, on all
 * CPUs and for all processes: estimates.
 */
void selfcost_each(const struct selfcost *c,
		   void (*fn)(const char *program, double run_ns, double runs, void *arg),
		   void *arg);
void selfcost_free(struct selfcost *c);
