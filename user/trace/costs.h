/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the trace costs its targets, from tick to tick: how often each kind of event was counted,
 * times what one costs here: the trap or tracepoint (measured once on a child of ours), and the run
 * time of our programs (measured by the kernel in one tick of ten).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/vec.h"
#include "trace/trapcost.h"

struct hits;
struct pathbpf;
struct selfcost;

/* What costs, each a sum of its own. */
enum cost_center { COST_SPANS, COST_SYSCALLS, COST_SWITCHES, COST_TICKS, COST_SELF, COST_CENTERS };

/* One tick. */
struct cost_tick {
	uint64_t ns;     /* how long it was */
	uint64_t cpu_ns; /* CPU time of the targets */
	double spent_ns[COST_CENTERS];
	uint64_t syscalls, switches, samples, spans; /* events of the targets */
	uint64_t syscall_stacks, switch_stacks;
};

struct costs;

/* 0 or -ENOMEM. What is given must live as long. */
int costs_new(struct pathbpf *skel, const struct hits *hits, struct costs **ret);
void costs_free(struct costs *c);
DEFINE_CLEANUP(struct costs *, costs_free)

/* What traps cost here; until then a guess. */
void costs_set_traps(struct costs *c, const struct trap_costs *traps);
const struct trap_costs *costs_traps(const struct costs *c);

/*
 * A tick has ended: what it cost. pids: the processes whose CPU time counts. nodes: how many there
 * are, with the class of each, see trap_class().
 */
void costs_tick(struct costs *c, const uint32_t *pids, size_t pids_n, const uint8_t *classes,
		size_t nodes_n, struct cost_tick *ret);

/* CPU time of living processes. */
uint64_t costs_cpu_time(const uint32_t *pids, size_t n);
/* What calls of functions have cost up to now, all in all; by class of node. */
double costs_of_spans(struct costs *c, const uint8_t *classes, size_t n);
/* The calls of a node since then, and for how long that is. */
uint64_t costs_pending(const struct costs *c, uint32_t node);
uint64_t costs_since_tick(const struct costs *c);
/* Of the records of the last second or more, those for which there was no room, in per cent. */
double costs_lost_pct(struct costs *c);
/* The calls of a node in the last tick. */
uint64_t costs_calls(const struct costs *c, uint32_t node);
/* What a call of a node of that class costs: trap and programs, in ns. */
double costs_of_class(const struct costs *c, uint32_t class);
/* What a system call costs without a stack, or a stack taken there, in ns. */
double costs_syscall(const struct costs *c);
double costs_syscall_stack(const struct costs *c);
/* A switch off a CPU or on it without a stack, or a stack taken there. */
double costs_switch(const struct costs *c);
double costs_switch_stack(const struct costs *c);
/* A tick of the sampler with its stack. */
double costs_sample(const struct costs *c);
/* The programs' measurements, for the report. */
struct selfcost *costs_selfcost(const struct costs *c);
