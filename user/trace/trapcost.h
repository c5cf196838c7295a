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

#include "lib/cleanup.h"

struct bpf_program;
struct plan;
struct plan_node;
struct trap_trial;

struct trap_costs {
	uint64_t emulated_ns; /* a probe on an instruction that the kernel emulates */
	uint64_t stepped_ns;  /* a probe on any other */
	uint64_t return_ns;   /* what a return probe adds to a probe at the entry */
	uint64_t syscall_ns;  /* what our tracepoints add to a system call, without their work */
};

/*
 * Starts a child that measures its functions and a system call before anything is attached. 0 or a
 * negative errno. Takes about a millisecond.
 */
int trap_trial_begin(struct trap_trial **ret);
/*
 * The programs are loaded, the tracepoints of system calls attached if they will be: probes the
 * child (with enter NULL it does not, and only syscall_ns is measured), which must not be traced,
 * and lets it measure again. 0 or a negative errno. Takes some milliseconds.
 */
int trap_trial_finish(struct trap_trial *t, struct bpf_program *enter, struct bpf_program *leave,
		      struct trap_costs *ret);
/* Ends the child. Takes some 100 ms, in which the kernel removes the probes. */
void trap_trial_free(struct trap_trial *t);
DEFINE_CLEANUP(struct trap_trial *, trap_trial_free)

/* All of it at once, without the cost of system calls. */
int trap_costs_measure(struct bpf_program *enter, struct bpf_program *leave,
		       struct trap_costs *ret);

/* The class of a node's cost: PB_COST_… of bpf/wire.h. */
uint32_t trap_class(const struct plan *plan, const struct plan_node *node);
/* What a call of such a node costs, in ns. */
uint64_t trap_costs_of_class(const struct trap_costs *c, uint32_t class);
/* What one call of a node costs, in ns. */
uint64_t trap_costs_of(const struct trap_costs *c, const struct plan *plan,
		       const struct plan_node *node);
