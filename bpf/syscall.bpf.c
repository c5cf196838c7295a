/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * System calls: exact counts, errors and latencies by (number, path), sampled stacks, and new
 * executable mappings, which are seen as they are made.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "guard.bpf.h"
#include "hist.bpf.h"
#include "sampling.bpf.h"
#include "spans.bpf.h"
#include "stack.bpf.h"

#define PROT_EXEC   4
#define NR_MMAP     9
#define NR_MPROTECT 10
#define NR_BRK      12
#define NR_MREMAP   25
/* Of the kernel's own trampolines for return probes (6.11) and probes (6.18): no call of the
 * target's. */
#define NR_URETPROBE 335
#define NR_UPROBE    336

/* System calls that were asked for by -t are spans, below whatever made them. */
static __always_inline void syscall_span_begin(struct thread *t, struct task_struct *task,
					       struct pt_regs *regs, __u32 nr)
{
	__u32 *node = bpf_map_lookup_elem(&syscall_nodes, &nr);
	__u64 sp = regs->sp;
	struct span *f;
	__u8 stack;

	t->syscall_node = 0;
	if (!node || !*node || closing)
		return;
	stack = stack_now(&t->spans, task, sp);
	spans_hold(t);
	spans_now(t, t->syscall_ns);
	spans_drop_stale(&t->spans, sp, stack);
	f = span_open(&t->spans, *node - 1, sp - 1, stack);
	if (f)
		t->syscall_node = *node;
	if (f && config.timelines && timeline_wanted(&t->spans, t))
		record_slice(task, t, f);
	spans_release(t);
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(pb_sys_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_of(task);

	if (!t)
		return 0;
	t->forked = 0;
	t->trampoline = nr == NR_URETPROBE || nr == NR_UPROBE;
	if (t->trampoline)
		return 0;
	if (config.plugins && nr == NR_BRK && t->spans.plugin_top)
		t->brk = BPF_CORE_READ(task, mm, brk);
	t->syscall_nr = nr;
	t->syscall_epoch = syscall_epoch;
	t->syscall_ns = bpf_ktime_get_ns();
	if (config.syscall_spans)
		syscall_span_begin(t, task, regs, nr);
	return 0;
}

/* As path_stats_make(), but there is a spare table to turn to. */
#define SYSCALL_TRIES 16

static long syscall_stats_try(__u32 i, const struct pb_syscall_key *key)
{
	return bpf_map_update_elem(&syscall_stats, key, &no_calls, BPF_NOEXIST) != -ENOMEM;
}

__weak int syscall_stats_make(__u32 nr, __u32 path)
{
	struct pb_syscall_key key = { .nr = nr, .path = path };

	bpf_loop(SYSCALL_TRIES, syscall_stats_try, &key, 0);
	return bpf_map_lookup_elem(&syscall_stats, &key) != NULL;
}

static __always_inline struct pb_call_stats *syscall_stats_of(const struct pb_syscall_key *key,
							      bool *shared)
{
	struct pb_call_stats *s;

	*shared = false;
	if (!key->path && key->nr < hot_syscalls) {
		s = bpf_map_lookup_elem(&syscall_stats_hot, &key->nr);
		if (s && !s->min_ns)
			s->min_ns = -1ULL;
		return s;
	}
	s = bpf_map_lookup_elem(&syscall_stats, key);
	if (!s && syscall_stats_make(key->nr, key->path))
		s = bpf_map_lookup_elem(&syscall_stats, key);
	if (s)
		return s;
	*shared = true;
	return entry_of(&syscall_stats_spare, key, &no_calls);
}

static __always_inline void account(const struct pb_syscall_key *key, __u32 error,
				    __u64 duration_ns)
{
	struct pb_syscall_error_key error_key = { .nr = key->nr,
						  .path = key->path,
						  .error = error };
	bool shared;
	struct pb_call_stats *s = syscall_stats_of(key, &shared);

	if (!s) {
		count(PB_LOST_PATHS);
		return;
	}
	if (duration_ns) {
		stat_add(&s->total_ns, duration_ns, shared);
		call_stats_time(s, duration_ns, shared);
	} else {
		stat_add(&s->untimed, 1, shared);
	}
	if (!error)
		return;
	stat_add(&s->errors, 1, shared);
	if (!tally(&syscall_errors, &error_key, 1))
		count(PB_LOST_PATHS);
}

static __always_inline void sample(void *ctx, struct task_struct *task, struct thread *t, __u32 nr,
				   __u32 error, __u64 now_ns)
{
	__s32 shift = sampling_choose(now_ns, &t->syscall_window_ns, &t->syscall_n, syscall_level);
	struct pb_syscall_stack_key key = { .pid = t->pid, .nr = nr, .error = error };

	if (t->syscall_n == syscall_storm && !guard_alarm)
		guard_wake();
	if (shift < 0)
		return;
	count(PB_COUNT_SYSCALL_STACKS);
	/* Of the kernel's side there is but the way out. */
	key.stack = stack_take(ctx, SCRATCH_SYSCALL, task, t->pid, false);
	if (key.stack && !tally(&syscall_stacks, &key, 1ULL << (shift & 31)))
		count(PB_LOST_STACKS);
}

static __subprog __u32 goroutine_path(struct thread *t, __u64 g)
{
	struct goroutine *found;

	t->goroutine.g = g;
	t->goroutine.pid = t->pid;
	found = bpf_map_lookup_elem(&goroutines, &t->goroutine);
	if (!found || !found->spans.depth)
		return 0;
	return span_at(&found->spans, (found->spans.depth - 1) & (PB_GO_DEPTH - 1))->path;
}

/* The innermost path on whose behalf a call is made: the thread's, or its goroutine's. */
static __always_inline __u32 current_path(struct thread *t, struct pt_regs *regs)
{
	if (t->spans.depth)
		return span_top(&t->spans)->path;
	return t->has_goroutines ? goroutine_path(t, regs->r14) : 0;
}

static __always_inline void syscall_span_end(struct thread *t, struct task_struct *task,
					     __u64 now_ns, __u32 error)
{
	struct spans *s = &t->spans;
	struct span *f = span_top(s);
	__u32 node = t->syscall_node - 1;

	t->syscall_node = 0;
	if (!s->depth || f->node != node || closing)
		return;
	spans_now(t, now_ns);
	if (error) {
		struct pb_call_stats *stats = path_stats_of(&f->path);

		if (stats)
			call_failed(s, f, stats);
		path_error(s, f, PB_ERROR_ERRNO, error);
	}
	span_close(s, SPAN_TAIL, 0);
	if (s->timeline && !s->depth)
		timeline_end(s, task, t->pid);
}

/* A call inside a recorded trace. */
static __always_inline void record_syscall(struct thread *t, __u32 nr, __u64 now_ns, __u32 error)
{
	struct spans *s = &t->spans;
	struct pb_timeline *r = timeline_of(s);
	__u8 parent, slice;

	if (!r || !s->depth || !t->syscall_ns)
		return;
	parent = span_top(s)->slice;
	slice = parent ? timeline_add(s, r, PB_SLICE_SYSCALL, nr, parent - 1, t->syscall_ns) : 0;
	if (!slice)
		return;
	r->slices[(slice - 1) & (PB_SLICES_MAX - 1)].end_ns = now_ns;
	if (error) {
		r->slices[(slice - 1) & (PB_SLICES_MAX - 1)].error = PB_ERROR_ERRNO;
		r->slices[(slice - 1) & (PB_SLICES_MAX - 1)].value = error;
	}
}

/* By how much more a system call has mapped. */
static __always_inline __u64 newly_mapped(struct thread *t, struct pt_regs *regs, __u32 nr,
					  __u64 ret)
{
	if (nr == NR_MMAP)
		return regs->si;
	if (nr == NR_BRK)
		return ret > t->brk ? ret - t->brk : 0;
	return nr == NR_MREMAP && regs->dx > regs->si ? regs->dx - regs->si : 0;
}

/* Memory that a plugin maps, or whoever works for it. */
static __subprog int plugin_mapped(struct thread *t, struct pt_regs *regs, __u32 nr, __u64 ret)
{
	__u64 bytes = newly_mapped(t, regs, nr, ret);
	__u32 key = span_at(&t->spans, (t->spans.plugin_top - 1) & (SPANS_MAX - 1))->plugin - 1;
	struct pb_plugin_stats *p = bytes ? bpf_map_lookup_elem(&plugin_stats, &key) : NULL;

	if (p)
		__sync_fetch_and_add(&p->mapped_bytes, bytes);
	return 0;
}

/*
 * Who called the dynamic loader is seen at its first system call: programs on uprobes have too
 * little BPF stack to walk the user's.
 */
static __always_inline void take_loader_stack(void *ctx, struct task_struct *task, struct thread *t)
{
	struct loader_thread *w = bpf_task_storage_get(&loader_threads, task, 0, 0);

	__u64 id;

	t->loading = 0;
	if (!w || !w->depth)
		return;
	id = stack_take(ctx, SCRATCH_SYSCALL, task, t->pid, false);
	w->calls[(w->depth - 1) & (LOADER_DEPTH - 1)].r.stack = id;
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
	if (t->trampoline) {
		t->trampoline = 0;
		return 0;
	}
	count(PB_COUNT_SYSCALLS);
	start_ns = t->syscall_epoch == syscall_epoch ? t->syscall_ns : 0;
	now_ns = bpf_ktime_get_ns();
	/* The number on record: rt_sigreturn has overwritten the one in the registers. */
	key.nr = start_ns ? t->syscall_nr : (__u32)regs->orig_ax;
	error = ret < 0 && ret >= -MAX_ERRNO ? -ret : 0;
	spans_hold(t);
	if (config.kernel_spans && t->spans.depth) {
		/* What the call was served by has ended. */
		spans_now(t, now_ns);
		spans_drop_stale(&t->spans, regs->sp - 1, stack_class(task, regs->sp));
	}
	if (config.syscall_spans && t->syscall_node)
		syscall_span_end(t, task, now_ns, error);
	else if (config.timelines && t->spans.timeline)
		record_syscall(t, key.nr, now_ns, error);
	spans_release(t);
	t->syscall_ns = 0;
	if (config.spans)
		key.path = current_path(t, regs);
	if (config.plugins && !error && t->spans.plugin_top)
		plugin_mapped(t, regs, key.nr, ret);
	if (config.plugins && t->loading)
		take_loader_stack(ctx, task, t);
	account(&key, error, start_ns ? now_ns - start_ns : 0);
	sample(ctx, task, t, key.nr, error, now_ns);
	if (!error && (key.nr == NR_MMAP || key.nr == NR_MPROTECT) && regs->dx & PROT_EXEC)
		emit_process(PB_MMAP, t->pid, task->pid, 0, 0, key.nr == NR_MMAP ? ret : regs->di,
			     task, NULL);
	return 0;
}
