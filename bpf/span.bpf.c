/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Spans of functions: calls from entry to return, on the shadow stack of their thread. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "args.bpf.h"
#include "guard.bpf.h"
#include "outside.bpf.h"

static __always_inline __u64 return_address(struct thread *t, __u64 sp)
{
	t->words[0] = 0;
	bpf_probe_read_user(&t->words[0], sizeof(t->words[0]), (void *)sp);
	return t->words[0];
}

/*
 * A call of a function that was named, and that may be an entry of a plugin, has begun. Where the
 * kernel has put its own address in place of the return address, another function jumped here.
 */
static __subprog int serve_plugin(struct pt_regs *ctx, struct thread *t, struct span *f)
{
	__u32 node = f->node;
	struct pb_node *n = bpf_map_lookup_elem(&nodes, &node);

	if (!n || !n->plugin)
		return 0;
	t->spans.ret = return_address(t, f->sp);
	if (t->spans.ret != trampoline() && !is_internal(ctx, t, n, node, f->sp))
		plugin_entered(&t->spans, f, n->plugin);
	return 0;
}

/* A call begins. Is its return of interest? */
static __always_inline bool span_begin(struct pt_regs *ctx, __u64 now_ns, __u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_of(task);
	struct span *f;
	__u64 sp;
	__u8 stack;

	guard_hit(cookie, now_ns);
	if (!t || closing)
		return false;
	spans_hold(t);
	spans_now(t, now_ns);
	if (cookie & PB_COOKIE_WINDOW &&
	    !window_takes(&t->spans, &t->window_epoch, (__u32)cookie)) {
		spans_release(t);
		return false;
	}
	sp = PT_REGS_SP(ctx) + (cookie >> PB_COOKIE_MOVED);
	stack = stack_now(&t->spans, task, sp);
	t->spans.ret = cookie & PB_COOKIE_SITES ? return_address(t, sp) : 0;
	t->spans.restarts = !!(cookie & PB_COOKIE_RESTARTS);
	if (!spans_enter(&t->spans, (__u32)cookie, sp, stack)) {
		f = span_open(&t->spans, (__u32)cookie, sp,
			      cookie & PB_COOKIE_SITES ? stack : stack | SPAN_KEPT);
		if (f && cookie & PB_COOKIE_WINDOW)
			window_span(&t->spans, f);
		if (f && config.plugins && *(volatile __u32 *)&plugin_serving)
			serve_plugin(ctx, t, f);
		if (f && config.timelines && timeline_wanted(&t->spans, t))
			record_span(ctx, task, t, f);
	}
	spans_release(t);
	return true;
}

/* A call ends, at sp. */
static __always_inline void span_end(struct pt_regs *ctx, __u64 now_ns, __u64 cookie, __u64 sp)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_of(task);
	__u8 stack;

	if (!t || closing)
		return;
	spans_hold(t);
	spans_now(t, now_ns);
	stack = stack_now(&t->spans, task, sp);
	window_sync(&t->spans, &t->window_epoch);
	if (span_find(&t->spans, (__u32)cookie, sp, stack))
		span_close(&t->spans, cookie & PB_COOKIE_NO_VALUE ? SPAN_TAIL : SPAN_RETURNED,
			   PT_REGS_RC(ctx));
	if (t->spans.timeline && !t->spans.depth)
		timeline_end(&t->spans, task, t->pid);
	spans_release(t);
}

SEC("?uprobe")
int pb_span_enter(struct pt_regs *ctx)
{
	span_begin(ctx, bpf_ktime_get_ns(), bpf_get_attach_cookie(ctx));
	return 0;
}

SEC("?uprobe")
int pb_span_leave(struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns(), cookie = bpf_get_attach_cookie(ctx);
	__u64 sp = PT_REGS_SP(ctx);

	if (!(cookie & PB_COOKIE_SITE))
		sp -= 8; /* `ret` has taken the return address off */
	span_end(ctx, now_ns, cookie, sp);
	return 0;
}

/*
 * Both ends by one probe (Linux 6.13): half of the work to attach and remove it, and no return
 * probe where nobody waits for the return. It is at the function where it fires at its entry only.
 */
SEC("?uprobe")
int pb_span_session(struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns(), cookie = bpf_get_attach_cookie(ctx);

	if (bpf_get_func_ip(ctx) == PT_REGS_IP(ctx))
		return !span_begin(ctx, now_ns, cookie);
	span_end(ctx, now_ns, (__u32)cookie, PT_REGS_SP(ctx) - 8);
	return 0;
}
