/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The guard over function probes. Each CPU has an allowance, which grows with time up to a limit;
 * each call spends what its kind costs the target. When a storm has used it up in the midst of a
 * tick, user space is woken at once, and removes what is dear. Hits are counted by node all the
 * same, whether the guard is on or off.
 */
#pragma once

#include "emit.bpf.h"

static __always_inline void guard_call(struct guard *g, __u64 now_ns, __u32 class)
{
	__s64 left_ns = g->left_ns;

	left_ns += (now_ns - g->filled_ns) * guard_share >> 20;
	if (left_ns > (__s64)guard_burst_ns)
		left_ns = guard_burst_ns;
	left_ns -= guard_costs[class & (PB_COST_CLASSES - 1)];
	g->left_ns = left_ns;
	g->filled_ns = now_ns;
}

/* Not by a record on the stack: programs on uprobes have none to spare. */
static __subprog int guard_wake(void)
{
	if (!__sync_val_compare_and_swap(&guard_alarm, 0, 1))
		bpf_ringbuf_output(&alarms, (void *)&zero, sizeof(zero), BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* A probe at a node's entry was hit. cookie: as the probe has it. */
static __subprog int guard_hit(__u64 cookie, __u64 now_ns)
{
	__u32 node = (__u32)cookie & (PB_NODES_MAX - 1);
	__u32 key = node + (bpf_get_smp_processor_id() & hit_stripes) * PB_NODES_MAX;
	__u64 *hits = bpf_map_lookup_elem(&node_hits, &key);
	struct guard *g;

	if (hits)
		__sync_fetch_and_add(hits, 1);
	if (!guard_burst_ns)
		return 0;
	g = bpf_map_lookup_elem(&guards, &counter_keys[0]);
	if (!g)
		return 0;
	guard_call(g, now_ns, cookie >> PB_COOKIE_CLASS);
	if (g->left_ns < 0 && !guard_alarm)
		guard_wake();
	return 0;
}
