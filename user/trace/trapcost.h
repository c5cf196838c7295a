/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the traps of function probes cost the target. The kernel accounts the run time of BPF
 * programs, but a probe costs many times that: the breakpoint, and the instruction under it, which
 * the kernel emulates if it is one of a few, and otherwise lets the CPU single-step, at the price
 * of a second trap. How long these take depends on the machine, above all on a hypervisor, so that
 * they are measured: on functions of our own, with the same programs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_program;
struct plan;
struct plan_node;
struct report;

struct trap_costs {
	uint64_t emulated_ns; /* a probe on an instruction that the kernel emulates */
	uint64_t stepped_ns;  /* a probe on any other */
	uint64_t return_ns;   /* what a return probe adds to a probe at the entry */
};

/*
 * Probes functions of ours and calls them. The programs must be loaded, and must not trace this
 * process. Takes some 100 ms, of which most is waiting for the kernel to remove the probes. 0 or a
 * negative errno.
 */
int trap_costs_measure(struct bpf_program *enter, struct bpf_program *leave,
		       struct trap_costs *ret);
/* What one call of a node costs, in ns. */
uint64_t trap_costs_of(const struct trap_costs *c, const struct plan *plan,
		       const struct plan_node *node);
/*
 * What the calls in the report's paths, whose nodes are the plan's, have cost. With several sites
 * in a function it is not known which one was hit: their mean counts.
 */
uint64_t trap_costs_sum(const struct trap_costs *c, const struct plan *plan,
			const struct report *r);
