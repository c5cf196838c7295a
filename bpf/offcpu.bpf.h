/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Off-CPU intervals: begun when a thread is switched out, closed when it is switched in again. */
#pragma once

#include "hist.bpf.h"
#include "thread.bpf.h"

static __always_inline void offcpu_add(const struct thread *t, __u64 duration_ns)
{
	struct pb_offcpu_key key = { .stack = t->off_stack, .pid = t->pid, .why = t->off_why };
	struct pb_offcpu_value none = {}, *v = entry_of(&offcpu, &key, &none);
	__u32 shift = t->off_shift & 31;

	if (!v) {
		count(PB_LOST_STACKS);
		return;
	}
	__sync_fetch_and_add(&v->count, 1ULL << shift);
	__sync_fetch_and_add(&v->total_ns, duration_ns << shift);
	if (!shift)
		__sync_fetch_and_add(&v->exact_ns, duration_ns);
	raise_to(&v->max_ns, duration_ns);
}

/* The thread runs again, or its trace ends. */
static __always_inline void offcpu_close(struct thread *t, __u64 now_ns)
{
	__u64 duration_ns;

	if (!t->off_ns)
		return;
	duration_ns = now_ns > t->off_ns ? now_ns - t->off_ns : 0;
	t->off_ns = 0;
	if (t->off_why == PB_PREEMPTED)
		t->preempted_ns += duration_ns;
	else
		t->blocked_ns += duration_ns;
	if (!config.offcpu)
		return;
	if (duration_ns < config.offcpu_min_ns)
		t->left_out_ns += duration_ns;
	else if (t->off_shift >= 0)
		offcpu_add(t, duration_ns);
}
