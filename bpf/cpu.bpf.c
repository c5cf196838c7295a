/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The CPU sampler: a timer tick on each CPU, a stack when it hits a target. */
#include "stack.bpf.h"

SEC("?perf_event")
int pb_cpu_tick(struct bpf_perf_event_data *ctx)
{
	__u32 slot = SCRATCH_TICK;
	struct task_struct *task;
	struct stack_work *w;
	struct thread *t;

	if (inert)
		return 0;
	count(PB_COUNT_FIRED);
	task = bpf_get_current_task_btf();
	t = task->pid ? thread_of(task) : NULL;
	w = bpf_map_lookup_elem(&stack_scratch, &slot);
	if (!t || !w) {
		count(PB_COUNT_OTHER);
		return 0;
	}
	stack_gather(ctx, w, t->pid, true);
	stack_header(&w->s, PB_SAMPLE, task, t->pid);
	stack_read_top(&w->s, task);
	if (stack_send(&w->s, PB_LOST_SAMPLES))
		count(PB_COUNT_SAMPLES);
	return 0;
}
