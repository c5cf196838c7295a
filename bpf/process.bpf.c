/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Processes: fork, exec and exit, which also decide what is traced, and moves between cgroups. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "glob.bpf.h"
#include "offcpu.bpf.h"
#include "span.bpf.h"

#define SIGNAL_GROUP_EXIT 0x4

static __always_inline void target_add(__u32 pid)
{
	__u32 flags = PB_TARGET_TRACED;

	if (bpf_map_update_elem(&targets, &pid, &flags, BPF_ANY))
		count(PB_LOST_THREADS);
}

static __always_inline bool target_traced(__u32 pid)
{
	__u32 *flags = bpf_map_lookup_elem(&targets, &pid);

	return flags && *flags & PB_TARGET_TRACED;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(pb_proc_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 pid = task_pid(parent), child_pid;

	if (!thread_of(parent) && !target_traced(pid))
		return 0;
	child_pid = task_pid(child);
	if (child_pid == pid) {
		thread_begin(child, pid, true);
		return 0;
	}
	if (config.scope == PB_SCOPE_PIDS && !config.follow)
		return 0;
	target_add(child_pid);
	thread_begin(child, child_pid, true);
	emit_process(PB_FORK, pid, parent->pid, child_pid, 0, 0, child, NULL);
	return 0;
}

/* Does a process become a target by what it now runs? */
static __always_inline bool exec_selects(struct task_struct *task, __u32 pid)
{
	__u32 *flags = bpf_map_lookup_elem(&targets, &pid);

	if (flags && *flags & PB_TARGET_AT_EXEC)
		return true;
	return config.comm_glob[0] && glob_match(task);
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(pb_proc_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct thread *t = thread_of(task);
	__u32 pid = task_pid(task);

	if (t) {
		spans_drop_all(t); /* the callers' image is gone */
	} else {
		if (!exec_selects(task, pid))
			return 0;
		target_add(pid);
		thread_begin(task, pid, false);
	}
	emit_process(PB_EXEC, pid, task->pid, 0, 0, 0, task, bprm->filename);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(pb_proc_exit, struct task_struct *task)
{
	struct thread *t = thread_of(task);
	struct signal_struct *signal;
	__s32 status;
	__u32 pid;

	if (!t)
		return 0;
	spans_drop_all(t);
	signal = task->signal;
	if (signal->live.counter)
		return 0; /* other threads go on */
	status = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code
						   : task->group_leader->exit_code;
	emit_process(PB_EXIT, t->pid, task->pid, 0, status, 0, task, NULL);
	pid = t->pid;
	bpf_map_delete_elem(&targets, &pid); /* makes room, and the PID may be used again */
	return 0;
}

SEC("?tp_btf/cgroup_attach_task")
int BPF_PROG(pb_proc_cgroup, struct cgroup *dst, const char *path, struct task_struct *task)
{
	bool inside = task_in_cgroup(task, config.cgroup_id);
	struct thread *t = thread_of(task);
	__u32 pid = task_pid(task);
	__u64 now_ns;

	if (inside && !t) {
		target_add(pid);
		thread_begin(task, pid, false);
	} else if (!inside && t) {
		now_ns = bpf_ktime_get_ns();
		offcpu_close(t, now_ns);
		spans_drop_all(t);
		thread_end(task, t, now_ns);
		bpf_map_delete_elem(&targets, &pid);
	}
	return 0;
}
