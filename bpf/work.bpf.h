/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Globals of work.bpf.c beside `config` and `pidns_level`; defined in work_globals.bpf.c. */
#pragma once

#include "vmlinux.h"

/* The iterator takes in the threads of `work_targets`. Set by user space. */
extern __u32 joining;
/*
 * The scheduler's account leaves out interrupts (CONFIG_IRQ_TIME_ACCOUNTING), which is where
 * stacks are sampled. Set by the iterator.
 */
extern __u32 interrupts_left_out;
