/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The thread iterator, run by user space: at attach it finds the targets' threads and where they
 * sleep; at the end, or at a pause, it closes what is still open, so that totals cover exactly the
 * time between the two. In between it tells what it would find now.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "offcpu.bpf.h"
#include "spans.bpf.h"
#define UNWIND_OTHER_TASK
#define UNWIND_READ(c, to, size, addr)                                                             \
	bpf_copy_from_user_task(to, size, (void *)(addr), (c)->task, 0)
#include "stack.bpf.h"

static __always_inline bool selected(struct task_struct *task, __u32 pid)
{
	__u32 *flags;

	if (!pid || pid == config.self_tgid)
		return false;
	switch (config.scope) {
	case PB_SCOPE_ALL:
		return true;
	case PB_SCOPE_CGROUP:
		return task_in_cgroup(task, config.cgroup_id);
	default:
		flags = bpf_map_lookup_elem(&targets, &pid);
		return flags && *flags & PB_TARGET_TRACED;
	}
}

/*
 * Is a thread on a CPU right now? Linux 7.2 no longer has task_struct.on_cpu: there whoever is
 * runnable counts as running, or with `unknown` as what the caller prefers.
 */
static __always_inline bool is_running(struct task_struct *task, bool unknown)
{
	if (bpf_core_field_exists(task->on_cpu))
		return BPF_CORE_READ(task, on_cpu);
	return !task->__state && unknown;
}

/* A sleeping thread's frame pointer chain, read as the kernel reads that of a running one. */
static __always_inline void gather_user(struct task_struct *task, struct pb_stack *s)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u32 n = s->kernel & 127;
	__u64 frame[2], bp;

	s->user = s->by_rbp = s->skipped = 0;
	s->end = PB_END_CHAIN;
	s->sp = 0;
	if (!BPF_CORE_READ(task, mm))
		return;
	s->bp = bp = BPF_CORE_READ(regs, bp);
	s->sp = BPF_CORE_READ(regs, sp);
	if (bpf_copy_from_user_task(s->top, sizeof(s->top), (void *)s->sp, task, 0))
		s->sp = 0;
	s->ips[n] = BPF_CORE_READ(regs, ip);
	s->user = 1;
	for (__u32 i = 1; i < PB_FRAMES_MAX; i++) {
		if (!bp || bpf_copy_from_user_task(frame, sizeof(frame), (void *)bp, task, 0) ||
		    !frame[1])
			return;
		s->ips[(n + i) & 255] = frame[1];
		s->user = i + 1;
		if (frame[0] <= bp)
			return;
		bp = frame[0];
	}
}

static __always_inline __u64 sleeper_stack(struct task_struct *task, __u32 pid)
{
	__u32 zero = 0;
	struct stack_work *w = bpf_map_lookup_elem(&iter_scratch, &zero);
	struct pb_stack *s;
	long bytes;

	if (!w)
		return 0;
	s = &w->s;
	bytes = bpf_get_task_stack(task, s->ips, PB_FRAMES_MAX * sizeof(__u64), 0);
	s->kernel = bytes > 0 ? bytes / sizeof(__u64) : 0;
	s->sp = 0;
	if (BPF_CORE_READ(task, mm) && unwind_begin(w, task, pid))
		unwind_run(w, task);
	else
		gather_user(task, s);
	return stack_intern(s, task, pid, false);
}

SEC("?iter.s/task")
int pb_iter_begin(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *self = bpf_get_current_task_btf();
	struct thread *t;
	__u32 pid;

	if (!task)
		return 0;
	pidns_level = BPF_CORE_READ(self, thread_pid, level);
	pid = task_pid(task);
	if (!selected(task, pid))
		return 0;
	t = thread_begin(task, pid, false);
	if (!t || is_running(task, true) || t->off_ns)
		return 0;
	t->off_why = task->__state ? PB_BLOCKED : PB_PREEMPTED;
	t->off_shift = 0;
	t->off_stack = config.offcpu ? sleeper_stack(task, pid) : 0;
	t->off_ns = t->start_ns;
	return 0;
}

/* Goroutines belong to no thread: their calls in progress are counted when all threads are done. */
static long open_goroutine(struct bpf_map *map, struct goroutine_key *key, struct goroutine *g,
			   void *arg)
{
	for (__u32 i = 0; i < PB_GO_DEPTH && i < g->spans.depth; i++)
		path_open(span_at(&g->spans, i)->path, false);
	return 0;
}

/* Calls that a pause cuts off count as lost: their ends will not be seen. */
static long cut_goroutine(struct bpf_map *map, struct goroutine_key *key, struct goroutine *g,
			  void *arg)
{
	for (__u32 i = 0; i < PB_GO_DEPTH && i < g->spans.depth; i++)
		count(PB_LOST_SPANS);
	return 0;
}

static long cut_step(__u32 i, struct thread **of)
{
	struct thread *t = *of;
	struct span *f;

	if (i >= t->spans.depth)
		return 1;
	f = span_at(&t->spans, i & (PB_SPAN_DEPTH - 1));
	if (!f->unseen)
		count(PB_LOST_SPANS);
	if (config.plugins && f->plugin)
		plugin_cut(f);
	return 0;
}

static __subprog int cut_spans(struct thread *t)
{
	struct thread *of = t;

	bpf_loop(PB_SPAN_DEPTH, cut_step, &of, 0);
	return 0;
}

/* The thread will be another one to us, but for having been counted. */
static __always_inline void thread_forget(struct task_struct *task)
{
	struct thread *t;

	bpf_task_storage_delete(&threads, task);
	t = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (t)
		t->counted = 1;
}

/* What offcpu_close() would add, of an interval that lasts. */
static __always_inline void tell_offcpu(const struct thread *t, struct pb_live *live, __u64 now_ns)
{
	__u64 duration_ns = now_ns > t->off_ns ? now_ns - t->off_ns : 0;
	__u32 shift = t->off_shift & 31;

	if (t->off_why == PB_PREEMPTED)
		live->stats.preempted_ns += duration_ns;
	else
		live->stats.blocked_ns += duration_ns;
	if (!config.offcpu)
		return;
	if (duration_ns < config.offcpu_min_ns) {
		live->stats.left_out_ns += duration_ns;
		return;
	}
	if (t->off_shift < 0)
		return;
	live->off.stack = t->off_stack;
	live->off.pid = t->pid;
	live->off.why = t->off_why;
	live->off_value.count = 1ULL << shift;
	live->off_value.total_ns = duration_ns << shift;
	live->off_value.max_ns = duration_ns;
	live->off_value.exact_ns = shift ? 0 : duration_ns;
}

struct telling {
	struct seq_file *seq;
	struct thread *t;
};

static long tell_step(__u32 i, struct telling *k)
{
	struct pb_live_span span;
	struct span *f;

	/* As many as were announced, whether or not they have ended meanwhile. */
	f = span_at(&k->t->spans, i & (PB_SPAN_DEPTH - 1));
	span.path = f->path;
	span.unseen = f->unseen;
	bpf_seq_write(k->seq, &span, sizeof(span));
	return 0;
}

static __always_inline void tell_live(struct seq_file *seq, struct task_struct *task,
				      struct thread *t, __u64 now_ns)
{
	struct telling k = { .seq = seq, .t = t };
	struct pb_live live = { .pid = t->pid };
	__u32 depth = config.spans ? t->spans.depth : 0;

	live.stats.cpu_ns = task->se.sum_exec_runtime - t->base_cpu_ns;
	live.stats.runq_ns = task->sched_info.run_delay - t->base_runq_ns;
	live.stats.wall_ns = now_ns - t->start_ns;
	live.stats.blocked_ns = t->blocked_ns;
	live.stats.preempted_ns = t->preempted_ns;
	live.stats.left_out_ns = t->left_out_ns;
	live.stats.switches = t->switches;
	live.stats.stacks_taken = t->stacks_taken;
	live.stats.threads = t->counted ? 0 : 1;
	if (t->off_ns && !is_running(task, false))
		tell_offcpu(t, &live, now_ns);
	live.spans = depth < PB_SPAN_DEPTH ? depth : PB_SPAN_DEPTH;
	bpf_seq_write(seq, &live, sizeof(live));
	bpf_loop(live.spans, tell_step, &k, 0);
}

static __always_inline void all_threads_done(void)
{
	if (!config.spans)
		return;
	if (iter_kind == PB_ITER_END)
		bpf_for_each_map_elem(&goroutines, open_goroutine, NULL, 0);
	else if (iter_kind == PB_ITER_PAUSE)
		bpf_for_each_map_elem(&goroutines, cut_goroutine, NULL, 0);
}

static __always_inline void count_open(struct task_struct *task, struct thread *t)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u64 sp = BPF_CORE_READ(regs, sp);

	spans_count_open(t, sp, stack_now(&t->spans, task, sp), task->pid);
}

SEC("?iter/task")
int pb_iter_end(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct thread *t;
	__u64 now_ns;

	if (!task) {
		all_threads_done();
		return 0;
	}
	t = thread_known(task);
	if (!t)
		return 0;
	now_ns = bpf_ktime_get_ns();
	if (iter_kind == PB_ITER_LIVE) {
		tell_live(ctx->meta->seq, task, t, now_ns);
		return 0;
	}
	t->traced = 0;
	if (is_running(task, false))
		t->off_ns = 0; /* left over from a race at attach */
	offcpu_close(t, now_ns);
	if (config.spans)
		spans_now(t, now_ns);
	if (config.spans && iter_kind == PB_ITER_PAUSE)
		cut_spans(t);
	else if (config.spans)
		count_open(task, t);
	thread_end(task, t, now_ns);
	if (iter_kind == PB_ITER_PAUSE)
		thread_forget(task);
	return 0;
}
