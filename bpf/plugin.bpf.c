/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Executions of plugins: calls of their entry points from outside are spans like any; others end
 * after a few instructions.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "args.bpf.h"
#include "guard.bpf.h"
#include "outside.bpf.h"

static __always_inline struct pb_node *plugin_node(__u64 cookie)
{
	__u32 node = (__u32)cookie;
	struct pb_node *n = bpf_map_lookup_elem(&nodes, &node);

	return n && n->plugin && n->later == !!(cookie & PB_COOKIE_LATER) ? n : NULL;
}

/* What is open of an earlier moment ends. Verified once, on its own. */
__weak int plugin_sync(struct thread *t, __u64 now_ns)
{
	if (!t)
		return 0;
	spans_hold(t);
	spans_now(t, now_ns);
	window_sync(&t->spans, &t->window_epoch);
	spans_release(t);
	return 0;
}

/* May a call of an entry that is probed for moments be looked at? As window_takes(). */
static __always_inline bool plugin_takes(struct thread *t)
{
	if (t->window_epoch != window_epoch)
		plugin_sync(t, t->spans.now_ns);
	return !window_opening;
}

SEC("?uprobe")
int pb_plugin_enter(struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns(), cookie = bpf_get_attach_cookie(ctx), sp;
	struct thread *t = thread_of(bpf_get_current_task_btf());
	struct pb_node *n;
	struct span *f;
	__u8 stack;

	guard_hit(cookie, now_ns);
	if (!t || closing)
		return 0;
	spans_now(t, now_ns); /* here, so that no stack is needed to keep it */
	if (cookie & PB_COOKIE_WINDOW && !plugin_takes(t))
		return 0;
	n = plugin_node(cookie);
	if (!n)
		return 0;
	sp = PT_REGS_SP(ctx) + (cookie >> PB_COOKIE_MOVED);
	t->spans.ret = 0;
	bpf_probe_read_user(&t->spans.ret, sizeof(t->spans.ret), (void *)sp);
	if (is_internal(ctx, t, n, (__u32)cookie, sp))
		return 0;
	spans_hold(t);
	stack = stack_now(&t->spans, bpf_get_current_task_btf(), sp);
	t->spans.restarts = !!(cookie & PB_COOKIE_RESTARTS);
	if (!spans_enter(&t->spans, (__u32)cookie, sp, stack)) {
		f = span_open(&t->spans, (__u32)cookie, sp, stack);
		if (f)
			plugin_entered(&t->spans, f, n->plugin);
		if (f && cookie & PB_COOKIE_WINDOW)
			window_span(&t->spans, f);
		if (f && config.timelines && timeline_wanted(&t->spans, t))
			record_span(ctx, bpf_get_current_task_btf(), t, f);
	}
	spans_release(t);
	return 0;
}

SEC("?uprobe")
int pb_plugin_leave(struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns(), cookie, sp;
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_of(task);
	struct pb_node *n;
	struct span *f;
	__u8 stack;

	if (!t || closing)
		return 0;
	if (t->spans.windows && t->window_epoch != window_epoch)
		plugin_sync(t, now_ns);
	if (!t->spans.plugin_top)
		return 0;
	cookie = bpf_get_attach_cookie(ctx);
	sp = PT_REGS_SP(ctx);
	f = plugin_span(&t->spans);
	if (f->sp != sp)
		return 0;
	n = plugin_node(cookie);
	if (!n || n->plugin != f->plugin)
		return 0;
	spans_hold(t);
	spans_now(t, now_ns);
	stack = stack_now(&t->spans, task, sp);
	if (span_find(&t->spans, f->node, sp, stack))
		span_close(&t->spans, cookie & PB_COOKIE_NO_VALUE ? SPAN_TAIL : SPAN_RETURNED,
			   PT_REGS_RC(ctx));
	if (t->spans.timeline && !t->spans.depth)
		timeline_end(&t->spans, task, t->pid);
	spans_release(t);
	return 0;
}

static __always_inline __u64 alloc_size(struct pt_regs *ctx, __u32 size)
{
	switch (size) {
	case PB_ALLOC_SECOND:
		return PT_REGS_PARM2(ctx);
	case PB_ALLOC_THIRD:
		return PT_REGS_PARM3(ctx);
	case PB_ALLOC_FIRST_TIMES_SECOND:
		return PT_REGS_PARM1(ctx) * PT_REGS_PARM2(ctx);
	case PB_ALLOC_SECOND_TIMES_THIRD:
		return PT_REGS_PARM2(ctx) * PT_REGS_PARM3(ctx);
	default:
		return PT_REGS_PARM1(ctx);
	}
}

/* The plugin's own code is about to call an allocator. */
SEC("?uprobe")
int pb_plugin_alloc(struct pt_regs *ctx)
{
	struct thread *t = thread_of(bpf_get_current_task_btf());
	struct pb_plugin_stats *p;
	__u64 cookie;
	__u32 key;

	if (!t || closing)
		return 0;
	cookie = bpf_get_attach_cookie(ctx);
	key = (__u32)cookie;
	p = bpf_map_lookup_elem(&plugin_stats, &key);
	if (!p)
		return 0;
	__sync_fetch_and_add(&p->allocs, 1);
	__sync_fetch_and_add(&p->alloc_bytes, alloc_size(ctx, cookie >> PB_COOKIE_ALLOC));
	return 0;
}

/* Loaded where the kernel has this tracepoint (x86). */
SEC("?tp_btf/page_fault_user")
int BPF_PROG(pb_plugin_fault)
{
	struct thread *t = thread_of(bpf_get_current_task_btf());
	struct pb_plugin_stats *p;
	__u32 key;

	if (!t || !t->spans.plugin_top)
		return 0;
	key = plugin_span(&t->spans)->plugin - 1;
	p = bpf_map_lookup_elem(&plugin_stats, &key);
	if (p)
		__sync_fetch_and_add(&p->page_faults, 1);
	return 0;
}
