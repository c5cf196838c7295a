/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counters, and records into the ring. Whatever does not fit is counted. */
#pragma once

#include "maps.bpf.h"

static __always_inline void count(__u32 counter)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &counter_keys[counter]);

	/* Atomic: a tick or another task may interrupt between load and store. */
	if (n)
		__sync_fetch_and_add(n, 1);
}

/*
 * Raises a shared maximum; gives up after a few lost races, which then only contend at it. A global
 * function, as in calls.bpf.h: the verifier looks at it once a program, not at every place.
 */
__weak int raise_max(__u64 *max, __u64 value)
{
	for (int i = 0; max && i < 4; i++) {
		__u64 old = *(volatile __u64 *)max;

		if (value <= old || __sync_val_compare_and_swap(max, old, value) == old)
			break;
	}
	return 0;
}

static __always_inline void raise_to(__u64 *max, __u64 value)
{
	if (value > *(volatile __u64 *)max)
		raise_max(max, value);
}

__weak int lower_min(__u64 *min, __u64 value)
{
	for (int i = 0; min && i < 4; i++) {
		__u64 old = *(volatile __u64 *)min;

		if (value >= old || __sync_val_compare_and_swap(min, old, value) == old)
			break;
	}
	return 0;
}

static __always_inline void lower_to(__u64 *min, __u64 value)
{
	if (value < *(volatile __u64 *)min)
		lower_min(min, value);
}

/*
 * User space drains on a timer; a record wakes it only when the ring fills, because a wake-up
 * costs the traced thread microseconds.
 */
static __always_inline __u64 wakeup_flags(void)
{
	return bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) > 1 << 19 ? BPF_RB_FORCE_WAKEUP
									: BPF_RB_NO_WAKEUP;
}

static __always_inline void emit_process(__u32 kind, __u32 pid, __u32 tid, __u32 child,
					 __s32 status, __u64 addr, struct task_struct *task,
					 const char *file)
{
	struct pb_process *r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);

	if (!r) {
		count(PB_LOST_EVENTS);
		return;
	}
	r->h.time_ns = bpf_ktime_get_ns();
	r->h.kind = kind;
	r->h.size = sizeof(*r);
	r->h.pid = pid;
	r->h.tid = tid;
	r->child = child;
	r->status = status;
	r->addr = addr;
	if (bpf_probe_read_kernel_str(r->comm, sizeof(r->comm), task->comm) < 0)
		r->comm[0] = 0;
	if (!file || bpf_probe_read_kernel_str(r->file, sizeof(r->file), file) < 0)
		r->file[0] = 0;
	/* Lifecycle is rare, and user space must read a new process's mappings while it lives. */
	bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
}
