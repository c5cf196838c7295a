/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * System calls: exact counts, errors and latencies by (number, path), sampled stacks, and new
 * executable mappings, which are seen as they are made.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "hist.bpf.h"
#include "sampling.bpf.h"
#include "stack.bpf.h"

#define MAX_ERRNO   4095
#define PROT_EXEC   4
#define NR_MMAP     9
#define NR_MPROTECT 10

SEC("?tp_btf/sys_enter")
int BPF_PROG(pb_sys_enter, struct pt_regs *regs, long nr)
{
	struct thread *t = thread_of(bpf_get_current_task_btf());

	if (!t)
		return 0;
	t->forked = 0;
	t->syscall_nr = nr;
	t->syscall_ns = bpf_ktime_get_ns();
	return 0;
}

static __always_inline void account(const struct pb_syscall_key *key, __u32 error,
				    __u64 duration_ns)
{
	struct pb_syscall_error_key error_key = { .nr = key->nr,
						  .path = key->path,
						  .error = error };
	struct pb_call_stats *s = entry_of(&syscall_stats, key, &no_calls);

	if (!s) {
		count(PB_LOST_PATHS);
		return;
	}
	s->calls++;
	if (duration_ns)
		call_stats_time(s, duration_ns, duration_ns, false);
	if (!error)
		return;
	s->errors++;
	if (!tally(&syscall_errors, &error_key, 1))
		count(PB_LOST_PATHS);
}

static __always_inline void sample(void *ctx, struct task_struct *task, struct thread *t, __u32 nr,
				   __u32 error, __u64 now_ns)
{
	__s32 shift = sampling_choose(now_ns, &t->syscall_window_ns, &t->syscall_n);
	struct pb_syscall_stack_key key = { .pid = t->pid, .nr = nr, .error = error };

	if (shift < 0)
		return;
	/* Of the kernel's side there is but the way out. */
	key.stack = stack_take(ctx, SCRATCH_SYSCALL, task, t->pid, false);
	if (key.stack && !tally(&syscall_stacks, &key, 1ULL << (shift & 31)))
		count(PB_LOST_STACKS);
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(pb_sys_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_of(task);
	struct pb_syscall_key key = {};
	__u64 now_ns, start_ns;
	__u32 error;

	if (!t)
		return 0;
	if (t->forked) { /* the child's side of fork() returns from a call it did not make */
		t->forked = 0;
		return 0;
	}
	start_ns = t->syscall_ns;
	t->syscall_ns = 0;
	now_ns = bpf_ktime_get_ns();
	/* The number on record: rt_sigreturn has overwritten the one in the registers. */
	key.nr = start_ns ? t->syscall_nr : (__u32)regs->orig_ax;
	if (config.spans && t->depth)
		key.path = t->spans[(t->depth - 1) & (PB_SPAN_DEPTH - 1)].path;
	error = ret < 0 && ret >= -MAX_ERRNO ? -ret : 0;
	account(&key, error, start_ns ? now_ns - start_ns : 0);
	sample(ctx, task, t, key.nr, error, now_ns);
	if (!error && (key.nr == NR_MMAP || key.nr == NR_MPROTECT) && regs->dx & PROT_EXEC)
		emit_process(PB_MMAP, t->pid, task->pid, 0, 0, key.nr == NR_MMAP ? ret : regs->di,
			     task, NULL);
	return 0;
}
