/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The life of a thread's state: begun at attach or fork, added to its process at the end. */
#pragma once

#include "emit.bpf.h"
#include "filter.bpf.h"

#define TASK_DEAD 0x80

/* Starts tracing a thread. Exact figures count from here. */
static __always_inline struct thread *thread_begin(struct task_struct *task, __u32 pid, bool forked)
{
	struct thread *t;

	t = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		count(PB_LOST_THREADS);
		return NULL;
	}
	if (t->traced)
		return t;
	t->pid = pid;
	t->forked = forked;
	t->start_ns = bpf_ktime_get_ns();
	t->base_cpu_ns = forked ? 0 : task->se.sum_exec_runtime;
	t->base_runq_ns = forked ? 0 : task->sched_info.run_delay;
	t->traced = 1;
	return t;
}

/* Ends it, and adds what it used to its process. */
static __always_inline void thread_end(struct task_struct *task, struct thread *t, __u64 now_ns)
{
	struct pb_target_stats none = {}, *s;
	__u32 pid = t->pid;

	t->traced = 0;
	s = bpf_map_lookup_elem(&target_stats, &pid);
	if (!s) {
		bpf_map_update_elem(&target_stats, &pid, &none, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&target_stats, &pid);
		if (!s) {
			count(PB_LOST_THREADS);
			return;
		}
	}
	__sync_fetch_and_add(&s->cpu_ns, task->se.sum_exec_runtime - t->base_cpu_ns);
	__sync_fetch_and_add(&s->runq_ns, task->sched_info.run_delay - t->base_runq_ns);
	__sync_fetch_and_add(&s->wall_ns, now_ns - t->start_ns);
	__sync_fetch_and_add(&s->blocked_ns, t->blocked_ns);
	__sync_fetch_and_add(&s->preempted_ns, t->preempted_ns);
	__sync_fetch_and_add(&s->left_out_ns, t->left_out_ns);
	__sync_fetch_and_add(&s->switches, t->switches);
	__sync_fetch_and_add(&s->stacks_taken, t->stacks_taken);
	__sync_fetch_and_add(&s->threads, t->counted ? 0 : 1);
}
