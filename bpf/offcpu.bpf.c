/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Context switches: off-CPU time by stack, and the last words of a thread. Loaded in every run:
 * only the final switch sees a dead thread's full CPU time.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "offcpu.bpf.h"
#include "sampling.bpf.h"
#include "spans.bpf.h"
#include "stack.bpf.h"

#define OFFCPU_SLICE_MIN_NS 2000 /* shorter ones are the switch itself */

static __always_inline void switch_out(void *ctx, struct task_struct *prev, bool runnable,
				       __u32 state)
{
	struct thread *t = thread_of(prev);
	__u64 now_ns;

	if (!t)
		return;
	now_ns = bpf_ktime_get_ns();
	if (state & TASK_DEAD) {
		thread_end(prev, t, now_ns);
		return;
	}
	if (switches_off)
		return;
	t->switches++;
	t->off_why = runnable ? PB_PREEMPTED : PB_BLOCKED;
	t->off_shift = -1;
	count(PB_COUNT_SWITCHES);
	if (config.offcpu) {
		t->off_shift =
		    sampling_choose(now_ns, &t->switch_window_ns, &t->switch_n, switch_level);
		if (t->off_shift >= 0) {
			count(PB_COUNT_SWITCH_STACKS);
			t->off_stack = stack_take(ctx, SCRATCH_SWITCH, prev, t->pid, true);
			t->stacks_taken++;
		}
	}
	t->off_ns = now_ns;
}

/* An interval inside a recorded trace. */
static __always_inline void record_offcpu(struct thread *t, __u64 now_ns)
{
	struct spans *s = &t->spans;
	struct pb_timeline *r = timeline_of(s);
	__u8 parent, slice;

	if (!r || !s->depth || now_ns - t->off_ns < OFFCPU_SLICE_MIN_NS)
		return;
	parent = span_top(s)->slice;
	slice = parent ? timeline_add(s, r, PB_SLICE_OFFCPU, t->off_why, parent - 1, t->off_ns) : 0;
	if (slice)
		r->slices[(slice - 1) & (PB_SLICES_MAX - 1)].end_ns = now_ns;
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(pb_sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 state = config.switch_has_state ? (__u32)ctx[3] : prev->__state;
	struct thread *t;

	switch_out(ctx, prev, preempt || !state, state);
	t = thread_of(next);
	if (t && t->off_ns) {
		__u64 now_ns = bpf_ktime_get_ns();

		count(PB_COUNT_SWITCHES);
		if (config.timelines && t->spans.timeline) {
			spans_hold(t);
			record_offcpu(t, now_ns);
			spans_release(t);
		}
		offcpu_close(t, now_ns);
	}
	return 0;
}
