/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Spans of kernel functions, below whatever the thread is in: a user function, a system call or
 * another kernel function. Two pairs of programs do the same: on kprobes (one each, or thousands
 * by kprobe_multi) and on the kernel's function trampolines (fentry, fexit).
 *
 * A frame is known by a place on the kernel's stack: the stack pointer at entry for kprobes, the
 * program's context, which lies in the trampoline's frame, for trampolines. What kprobes call the
 * stack pointer at a return differs by kernel: the return address taken off, or the frame of the
 * code that stands in for it. Hence the window below.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "args.bpf.h"
#include "spans.bpf.h"

#define KERNEL_STACK_MAX 32768 /* with KASAN; 16384 else, and a guard page behind it */
#define RETURN_ABOVE     16
#define RETURN_BELOW     512

/* include/linux/preempt.h */
#define PF_EXITING 0x4 /* include/linux/sched.h */

#define SOFTIRQ_SERVED 0x000100
#define HARDIRQ_OFFSET 0x010000
#define HARDIRQ_MASK   0x0f0000
#define NMI_OFFSET     0x100000
#define NMI_MASK       0xf00000

/* Linux 6.2 to 6.14 (commit 64701838bf05, undone by 46e8fff6d45f) keep it among other things. */
struct pcpu_hot {
	int preempt_count;
} __attribute__((preserve_access_index));

extern const struct pcpu_hot pcpu_hot __ksym __weak;
extern const int __preempt_count __ksym __weak;

static __always_inline __u32 preempt_count(void)
{
	const struct pcpu_hot *hot;
	const int *count;

	if (&__preempt_count) {
		count = bpf_this_cpu_ptr(&__preempt_count);
		return *count;
	}
	if (&pcpu_hot) {
		hot = bpf_this_cpu_ptr(&pcpu_hot);
		return hot->preempt_count;
	}
	return 0;
}

/*
 * Does an interrupt run, which the thread has nothing to do with? A kprobe's own breakpoint counts
 * as an NMI in a hard interrupt; a real NMI has a stack of its own.
 */
static __subprog bool in_interrupt(void)
{
	__u32 n = preempt_count();

	if (n & NMI_MASK)
		n -= NMI_OFFSET + HARDIRQ_OFFSET;
	return n & (HARDIRQ_MASK | SOFTIRQ_SERVED);
}

static __always_inline bool on_own_stack(const struct task_struct *task, __u64 sp)
{
	return sp - (__u64)task->stack < KERNEL_STACK_MAX;
}

/* Is a span's frame the one that returns with this stack pointer? */
static __always_inline bool is_frame(const struct span *f, __u64 sp)
{
	return f->sp - sp + RETURN_ABOVE < RETURN_ABOVE + RETURN_BELOW;
}

static __always_inline int kernel_enter(void *ctx, struct task_struct *task, struct thread *t,
					__u64 sp, __u64 cookie)
{
	struct span *f;

	spans_now(t, bpf_ktime_get_ns());
	spans_drop_stale(&t->spans, sp, ON_KERNEL);
	f = span_open(&t->spans, (__u32)cookie, sp, ON_KERNEL);
	if (f && config.timelines)
		record_span(ctx, task, t, f);
	return 0;
}

/* Looks down the kernel's frames for the one that returns; found: how many are open from it on. */
static long kernel_search_step(__u32 i, struct walk *w)
{
	struct spans *s = w->s;
	struct span *f = span_at(s, (s->depth - 1 - i) & (SPANS_MAX - 1));

	if (i >= s->depth || f->stack != ON_KERNEL)
		return 1;
	if (f->node != w->node || !is_frame(f, w->sp))
		return 0;
	w->found = i + 1;
	return 1;
}

static long kernel_drop_step(__u32 i, struct walk *w)
{
	span_close(w->s, SPAN_LEFT, 0);
	return 0;
}

/* What is open above it has ended without a return that was seen. */
static __subprog bool kernel_search(struct spans *s, __u32 node, __u64 sp)
{
	struct walk w = { .s = s, .sp = sp, .node = node };

	bpf_loop(SPANS_MAX, kernel_search_step, &w, 0);
	if (!w.found)
		return false;
	bpf_loop(w.found - 1, kernel_drop_step, &w, 0);
	return true;
}

/* A return without a span: its call began before the trace, or was not counted or lost already. */
static __always_inline int kernel_leave(struct task_struct *task, struct thread *t, __u64 sp,
					__u64 cookie, __u64 value)
{
	struct spans *s = &t->spans;
	struct span *f = span_top(s);
	__u32 node = (__u32)cookie;

	spans_now(t, bpf_ktime_get_ns());
	if (!s->depth || f->stack != ON_KERNEL)
		return 0;
	if ((f->node == node && is_frame(f, sp)) || kernel_search(s, node, sp))
		span_close(s, SPAN_RETURNED, value);
	if (s->timeline && !s->depth)
		timeline_end(s, task, t->pid);
	return 0;
}

/*
 * The state of the thread on whose behalf the kernel runs a function; NULL: there is none, or it
 * is not traced.
 */
static __always_inline struct thread *kernel_thread(struct task_struct *task)
{
	struct thread *t = thread_of(task);

	return t && !closing && !(task->flags & PF_EXITING) && !in_interrupt() ? t : NULL;
}

SEC("?kprobe")
int pb_kernel_enter(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = kernel_thread(task);
	__u64 sp = PT_REGS_SP(ctx);

	if (!t || !on_own_stack(task, sp))
		return 0;
	if (t->held) { /* a function that a program of ours makes the kernel call */
		count(PB_LOST_SPANS);
		return 0;
	}
	spans_hold(t);
	kernel_enter(ctx, task, t, sp, bpf_get_attach_cookie(ctx));
	spans_release(t);
	return 0;
}

SEC("?kprobe")
int pb_kernel_leave(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = kernel_thread(task);
	__u64 sp = PT_REGS_SP(ctx);

	if (!t || t->held || !on_own_stack(task, sp))
		return 0;
	spans_hold(t);
	kernel_leave(task, t, sp, bpf_get_attach_cookie(ctx), PT_REGS_RC(ctx));
	spans_release(t);
	return 0;
}

/* The address of the context as a number: what was stored is a pointer to the verifier no more. */
static __always_inline __u64 trampoline_sp(struct thread *t, void *ctx)
{
	*(volatile __u64 *)&t->kernel_word = (__u64)ctx;
	return *(volatile __u64 *)&t->kernel_word;
}

/* The sections' names are user/trace/kprobe.c's, which loads these programs once a function. */
SEC("?pb.fentry")
int pb_fentry(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = kernel_thread(task);
	__u64 sp;

	if (!t)
		return 0;
	if (t->held) {
		count(PB_LOST_SPANS);
		return 0;
	}
	spans_hold(t);
	sp = trampoline_sp(t, ctx);
	if (on_own_stack(task, sp))
		kernel_enter(ctx, task, t, sp, bpf_get_attach_cookie(ctx));
	spans_release(t);
	return 0;
}

SEC("?pb.fexit")
int pb_fexit(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = kernel_thread(task);
	__u64 sp;

	if (!t || t->held)
		return 0;
	spans_hold(t);
	sp = trampoline_sp(t, ctx);
	t->kernel_word = 0;
	bpf_get_func_ret(ctx, &t->kernel_word);
	if (on_own_stack(task, sp))
		kernel_leave(task, t, sp, bpf_get_attach_cookie(ctx), t->kernel_word);
	spans_release(t);
	return 0;
}
