/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Processes: fork, exec and exit, which also decide what is traced, and moves between cgroups. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "glob.bpf.h"
#include "offcpu.bpf.h"
#include "spans.bpf.h"

#define SIGNAL_GROUP_EXIT 0x4

/* Inside a plugin, of which that tells most. */
static __always_inline void tell_crash(struct task_struct *task, struct thread *t, __u32 signal)
{
	struct span *f = span_at(&t->spans, (t->spans.plugin_top - 1) & (SPANS_MAX - 1));
	struct pb_plugin_crash *r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);

	if (!r) {
		count(PB_LOST_EVENTS);
		return;
	}
	r->h.time_ns = bpf_ktime_get_ns();
	r->h.kind = PB_PLUGIN_CRASH;
	r->h.size = sizeof(*r);
	r->h.pid = t->pid;
	r->h.tid = task->pid;
	r->start_ns = f->start_ns;
	r->plugin = f->plugin - 1;
	r->node = f->node;
	r->signal = signal;
	r->pad = 0;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

/* What a thread was in ends with it. signal: that it died of, or 0. */
static __always_inline void thread_leave_spans(struct task_struct *task, struct thread *t,
					       __u32 signal)
{
	if (!config.spans)
		return;
	t->syscall_node = 0;
	if (config.plugins && signal && t->spans.plugin_top)
		tell_crash(task, t, signal);
	spans_hold(t);
	spans_now(t, bpf_ktime_get_ns());
	spans_end_all(&t->spans, signal);
	if (t->spans.timeline)
		timeline_end(&t->spans, task, t->pid);
	spans_release(t);
}

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

/* A forked child has its parent's address space, to begin with. */
static __always_inline void image_copy(__u32 parent, __u32 child)
{
	struct pb_unwind_image *image = bpf_map_lookup_elem(&unwind_images, &parent);

	if (image)
		bpf_map_update_elem(&unwind_images, &child, image, BPF_ANY);
	if (config.plugins) {
		struct pb_system_text *text = bpf_map_lookup_elem(&system_texts, &parent);

		if (text)
			bpf_map_update_elem(&system_texts, &child, text, BPF_ANY);
	}
}

/* A thread in a span makes another: its first root belongs to the same work. */
static __always_inline void thread_made(struct task_struct *parent, struct thread *made)
{
	struct thread *t = thread_of(parent);

	if (!config.timelines || !made || !t || !t->spans.depth)
		return;
	made->cause_ns = bpf_ktime_get_ns();
	made->cause_root_ns = span_at(&t->spans, 0)->start_ns;
	made->cause_tid = parent->pid;
	made->cause_why = t->spans.why;
	made->cause = PB_CAUSE_CLONE;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(pb_proc_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 pid = task_pid(parent), child_pid;

	if (inert)
		return 0;
	if (!thread_of(parent) && !target_traced(pid))
		return 0;
	child_pid = task_pid(child);
	if (child_pid == pid) {
		thread_made(parent, thread_begin(child, pid, true));
		return 0;
	}
	if (config.scope == PB_SCOPE_PIDS && !config.follow)
		return 0;
	target_add(child_pid);
	image_copy(pid, child_pid);
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

	if (inert)
		return 0;
	bpf_map_delete_elem(&unwind_images, &pid);
	if (t) {
		thread_leave_spans(task, t, 0); /* the callers' image is gone */
	} else {
		if (!exec_selects(task, pid))
			return 0;
		target_add(pid);
		thread_begin(task, pid, false);
	}
	emit_process(PB_EXEC, pid, task->pid, 0, 0, 0, task, bprm->filename);
	return 0;
}

/* Signals that are a thread's own fault, and dump core: QUIT ILL TRAP ABRT BUS FPE SEGV XCPU … */
#define SIGNALS_OF_A_THREAD                                                                        \
	(1U << 3 | 1U << 4 | 1U << 5 | 1U << 6 | 1U << 7 | 1U << 8 | 1U << 11 | 1U << 24 |         \
	 1U << 25 | 1U << 31)
#define SIGKILL 9

static __always_inline bool is_of_thread(__u32 signal)
{
	return signal < 32 && 1U << (signal & 31) & SIGNALS_OF_A_THREAD;
}

/*
 * Has a thread died of the signal that its process died of? The other threads are ended by
 * SIGKILL, as are all when the signal was meant for the process.
 */
static __always_inline __u32 died_of(const struct thread *t, __u32 signal)
{
	if (signal == t->last_signal)
		return signal;
	return t->last_signal == SIGKILL && !is_of_thread(signal) ? signal : 0;
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
	signal = task->signal;
	status = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code
						   : task->group_leader->exit_code;
	thread_leave_spans(task, t, died_of(t, status & 127));
	if (signal->live.counter)
		return 0; /* other threads go on */
	emit_process(PB_EXIT, t->pid, task->pid, 0, status, 0, task, NULL);
	pid = t->pid;
	bpf_map_delete_elem(&unwind_images, &pid);
	if (config.plugins)
		bpf_map_delete_elem(&system_texts, &pid);
	bpf_map_delete_elem(&targets, &pid); /* makes room, and the PID may be used again */
	return 0;
}

/* Loaded with spans only: which signal a thread was given last. */
SEC("?tp_btf/signal_deliver")
int BPF_PROG(pb_proc_signal, int sig, struct kernel_siginfo *info, struct k_sigaction *ka)
{
	struct thread *t = thread_of(bpf_get_current_task_btf());

	if (t)
		t->last_signal = sig;
	return 0;
}

/*
 * Loaded with timelines only: a thread in a span wakes another. What that one does next is part of
 * the same work.
 */
SEC("?tp_btf/sched_waking")
int BPF_PROG(pb_proc_waking, struct task_struct *woken)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_of(task), *w;

	if (!t || !t->spans.depth || task == woken)
		return 0;
	w = bpf_task_storage_get(&threads, woken, 0, 0);
	if (!w || !w->traced || w->spans.depth)
		return 0;
	w->cause_ns = bpf_ktime_get_ns();
	w->cause_root_ns = span_at(&t->spans, 0)->start_ns;
	w->cause_tid = task->pid;
	w->cause_why = t->spans.why;
	w->cause = PB_CAUSE_WAKEUP;
	return 0;
}

SEC("?tp_btf/cgroup_attach_task")
int BPF_PROG(pb_proc_cgroup, struct cgroup *dst, const char *path, struct task_struct *task)
{
	bool inside = task_in_cgroup(task, config.cgroup_id);
	struct thread *t = thread_of(task);
	__u32 pid = task_pid(task);
	__u64 now_ns;

	if (inert)
		return 0;
	if (inside && !t) {
		target_add(pid);
		thread_begin(task, pid, false);
	} else if (!inside && t) {
		now_ns = bpf_ktime_get_ns();
		offcpu_close(t, now_ns);
		thread_leave_spans(task, t, 0);
		thread_end(task, t, now_ns);
		bpf_map_delete_elem(&targets, &pid);
	}
	return 0;
}
