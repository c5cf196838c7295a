/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry and return probes on kernel functions, by the best that this kernel has:
 *   - kprobe_multi (Linux 5.18, CONFIG_FPROBE): one link for all;
 *   - fentry and fexit, for at most KPROBES_EACH_MAX functions that the kernel's types know: they
 *     take a program each, and of these the kernel leaves out every run that another task was
 *     preempted in (seen on Linux 7.2: fifty times as many as of kprobe_multi);
 *   - kprobes, a perf event each, for at most KPROBES_EACH_MAX of the rest.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "trace/plan.h"

#define KPROBES_EACH_MAX 64

struct bpf_program;
struct kprobes;

struct kprobe_programs {
	struct bpf_program *enter, *leave;  /* kprobes */
	struct bpf_program *fentry, *fexit; /* loaded once a function */
};

/* Before the BPF object is opened: makes libbpf know the sections of fentry and fexit. */
int kprobes_new(struct kprobes **ret);
/*
 * Before load: chooses what to use for the plan's kernel functions and which programs to load.
 * 0, or -ENOTSUP with the reason in why: this kernel has none of it.
 */
int kprobes_prepare(struct kprobes *k, const struct kprobe_programs *progs, struct plan *plan,
		    char *why, size_t why_size);
/*
 * Probes every kernel function of the plan that is not attached yet; those that the kernel refuses
 * are moved to plan->skipped. 0 or -ENOMEM.
 */
int kprobes_attach(struct kprobes *k, struct plan *plan);
/* Runs that the kernel left out of the programs that were loaded once a function. */
uint64_t kprobes_misses(const struct kprobes *k);
void kprobes_detach(struct kprobes *k);
/* The same, to attach some of them anew. */
void kprobes_reset(struct kprobes *k);
void kprobes_free(struct kprobes *k);
DEFINE_CLEANUP(struct kprobes *, kprobes_free)
