/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What `pathbpf overhead` measures its target by: CPU time and work done, of all its threads. In a
 * skeleton of its own, which loads in no time and is there whether the target is traced or not.
 *
 * CPU time is taken from the scheduler's account at every switch, so that threads and processes
 * that end within a block are in the sum to the last nanosecond; those that run are looked at by
 * the iterator, where the account is at most one tick old.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "filter.bpf.h"
#include "glob.bpf.h"
#include "work.bpf.h"

/* PID → nothing: whose threads to take in. Written by user space before the iterator's run. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} work_targets SEC(".maps");

/* A thread of the target: what is already in the sums. Made at the start, at fork and exec. */
struct worker {
	__u64 cpu_ns, switches;
	__u64 on; /* it is on a CPU */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct worker);
} workers SEC(".maps");

/* The sums. Read by user space at the edges of blocks. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pb_work);
} work SEC(".maps");

const __u32 work_key = 0;

/*
 * Sums are changed atomically although they are a CPU's own: programs on probes and the iterator
 * may be preempted by a switch, which adds to the same ones.
 */
static __always_inline struct pb_work *sums(void)
{
	return bpf_map_lookup_elem(&work, (void *)&work_key);
}

static __always_inline struct worker *worker_of(struct task_struct *task)
{
	return bpf_task_storage_get(&workers, task, 0, 0);
}

/*
 * Adds what a thread has used since the last time. Two CPUs may do so at the same time; whoever
 * exchanges last has the right difference, modulo 2^64, and their sum is right.
 */
static __always_inline void account(struct pb_work *s, struct task_struct *task, struct worker *w)
{
	__u64 cpu_ns = task->se.sum_exec_runtime, switches = task->nvcsw;

	__sync_fetch_and_add(&s->cpu_ns, cpu_ns - __sync_lock_test_and_set(&w->cpu_ns, cpu_ns));
	__sync_fetch_and_add(&s->switches,
			     switches - __sync_lock_test_and_set(&w->switches, switches));
}

static __always_inline void comes(struct pb_work *s, struct worker *w, __u64 now_ns)
{
	if (!__sync_lock_test_and_set(&w->on, 1))
		__sync_fetch_and_add(&s->on_ns, -(now_ns + PB_WORK_ON));
}

static __always_inline void leaves(struct pb_work *s, struct worker *w, __u64 now_ns)
{
	if (__sync_lock_test_and_set(&w->on, 0))
		__sync_fetch_and_add(&s->on_ns, now_ns + PB_WORK_ON);
}

/* As in iter.bpf.c: without task_struct.on_cpu (Linux 7.2) whoever is runnable counts. */
static __always_inline bool is_on_cpu(struct task_struct *task)
{
	if (bpf_core_field_exists(task->on_cpu))
		return BPF_CORE_READ(task, on_cpu);
	return !task->__state;
}

/* From now on a thread is counted; what it has used before is not. */
static __always_inline struct worker *join(struct task_struct *task)
{
	struct worker start = { .cpu_ns = task->se.sum_exec_runtime, .switches = task->nvcsw };
	struct worker *w =
	    bpf_task_storage_get(&workers, task, &start, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct pb_work *s = sums();

	if (!w && s)
		__sync_fetch_and_add(&s->lost, 1);
	return w;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(pb_work_enter, struct pt_regs *regs, long nr)
{
	struct pb_work *s;

	if (!worker_of(bpf_get_current_task_btf()))
		return 0;
	s = sums();
	if (s && (unsigned long)nr < PB_WORK_CALLS)
		__sync_fetch_and_add(&s->calls[nr & (PB_WORK_CALLS - 1)], 1);
	return 0;
}

static __always_inline void goes(struct task_struct *task)
{
	struct worker *w = worker_of(task);
	struct pb_work *s = w ? sums() : NULL;

	if (!s)
		return;
	account(s, task, w);
	leaves(s, w, bpf_ktime_get_ns());
}

SEC("tp_btf/sched_switch")
int BPF_PROG(pb_work_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct worker *w;
	struct pb_work *s;

	goes(prev);
	w = worker_of(next);
	s = w ? sums() : NULL;
	if (s)
		comes(s, w, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(pb_work_fork, struct task_struct *parent, struct task_struct *child)
{
	if (worker_of(parent) && (config.follow || child->tgid == parent->tgid))
		join(child);
	return 0;
}

/* Loaded for -n only: processes that take a name which matches. Not our own tracers. */
SEC("?tp_btf/sched_process_exec")
int BPF_PROG(pb_work_exec, struct task_struct *task)
{
	struct pb_work *s = sums();
	struct worker *w;

	if (!s || worker_of(task) || task_pid(task->real_parent) == config.self_tgid ||
	    !glob_match(task))
		return 0;
	w = join(task);
	if (w)
		comes(s, w, bpf_ktime_get_ns());
	return 0;
}

static __always_inline bool selected(struct task_struct *task)
{
	__u32 pid = task_pid(task);

	return joining && pid && pid != config.self_tgid &&
	       bpf_map_lookup_elem(&work_targets, &pid);
}

/*
 * Brings the sums up to date, and writes the PIDs of the target's living processes. When the buffer
 * is full the kernel runs this again for the same thread, which does no harm.
 */
SEC("iter/task")
int pb_work_iter(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *self = bpf_get_current_task_btf();
	struct pb_work *s = sums();
	struct worker *w;
	__u32 pid;

	if (!task || !s)
		return 0;
	pidns_level = BPF_CORE_READ(self, thread_pid, level);
	interrupts_left_out = bpf_core_field_exists(((struct rq *)0)->prev_irq_time);
	w = worker_of(task);
	if (!w && selected(task)) {
		w = join(task);
		if (w && is_on_cpu(task))
			comes(s, w, bpf_ktime_get_ns());
	} else if (w && joining && !is_on_cpu(task)) {
		/* It was about to leave when it was taken in, a moment ago. */
		leaves(s, w, bpf_ktime_get_ns());
	}
	if (!w)
		return 0;
	account(s, task, w);
	pid = task_pid(task);
	if (pid && task->pid == task->tgid && !task->exit_state)
		bpf_seq_write(ctx->meta->seq, &pid, sizeof(pid));
	return 0;
}

/* On the function that was named. */
SEC("?uprobe")
int pb_work_hit(struct pt_regs *ctx)
{
	struct pb_work *s;

	if (!worker_of(bpf_get_current_task_btf()))
		return 0;
	s = sums();
	if (s)
		__sync_fetch_and_add(&s->hits, 1);
	return 0;
}
