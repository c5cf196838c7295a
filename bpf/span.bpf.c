/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Spans: calls of probed functions, from entry to return, on a shadow stack a thread. A frame is
 * known by the stack pointer at its function's entry, so that calls which never return (longjmp,
 * exceptions, more pending returns than the kernel keeps) cannot shift those that do.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "span.bpf.h"

static __u32 last_path;

/* The path that leads from `parent` to `node`; PATH_LOST when the table is full. */
static __always_inline __u32 path_intern(struct thread *t, __u32 parent, __u32 node)
{
	__u32 *known;

	t->path_key.parent = parent;
	t->path_key.node = node;
	known = bpf_map_lookup_elem(&path_ids, &t->path_key);
	if (known)
		return *known;
	if (parent == PATH_LOST)
		return PATH_LOST;
	t->new_path = __sync_fetch_and_add(&last_path, 1) + 1;
	if (bpf_map_update_elem(&path_ids, &t->path_key, &t->new_path, BPF_NOEXIST)) {
		known = bpf_map_lookup_elem(&path_ids, &t->path_key); /* another CPU was first */
		return known ? *known : PATH_LOST;
	}
	return t->new_path;
}

SEC("?uprobe")
int pb_span_enter(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_of(task);
	struct span *f, *top;
	__u32 node, parent = 0;
	__u64 sp;
	bool alt;

	if (!t || closing)
		return 0;
	count(PB_UPROBE_HITS);
	node = (__u32)bpf_get_attach_cookie(ctx);
	sp = PT_REGS_SP(ctx);
	alt = on_altstack(task, sp);
	spans_drop_stale(t, sp, alt);
	if (t->depth >= PB_SPAN_DEPTH) {
		count(PB_LOST_SPANS);
		return 0;
	}
	f = &t->spans[t->depth & (PB_SPAN_DEPTH - 1)];
	f->folded = 0;
	if (t->depth) {
		top = &t->spans[(t->depth - 1) & (PB_SPAN_DEPTH - 1)];
		parent = top->path;
		f->folded = top->node == node;
	}
	f->path = f->folded ? parent : path_intern(t, parent, node);
	f->node = node;
	f->sp = sp;
	f->altstack = alt;
	f->child_ns = 0;
	f->offcpu_ns = t->blocked_ns + t->preempted_ns;
	t->depth++;
	f->start_ns = bpf_ktime_get_ns();
	return 0;
}

static __always_inline bool is_error(const struct pb_node *n, __s64 value)
{
	switch (n->pred) {
	case PB_PRED_LT:
		return value < n->value;
	case PB_PRED_EQ:
		return value == n->value;
	case PB_PRED_NE:
		return value != n->value;
	default:
		return false;
	}
}

static __always_inline void account_error(struct pb_call_stats *s, struct thread *t,
					  const struct span *f, __s64 value)
{
	struct pb_node *n = bpf_map_lookup_elem(&nodes, &f->node);

	if (!n || !n->pred)
		return;
	if (n->width == 4)
		value = (__s32)value;
	if (!is_error(n, value))
		return;
	t->error_key.value = value;
	t->error_key.path = f->path;
	__sync_fetch_and_add(&s->errors, 1);
	if (!tally(&path_errors, &t->error_key, 1))
		count(PB_LOST_PATHS);
}

/* Closes the top span, which returned `value`, or left by a tail jump without one. */
static __always_inline void span_close(struct thread *t, struct span *f, __u64 now_ns, __s64 value,
				       bool has_value)
{
	__u64 duration_ns = now_ns - f->start_ns;
	struct pb_call_stats *s;

	t->depth--;
	if (t->depth)
		t->spans[(t->depth - 1) & (PB_SPAN_DEPTH - 1)].child_ns += duration_ns;
	s = path_stats_of(&f->path);
	if (!s)
		return;
	__sync_fetch_and_add(&s->calls, 1);
	__sync_fetch_and_add(&s->self_ns,
			     duration_ns > f->child_ns ? duration_ns - f->child_ns : 0);
	/* A repeated call's time is part of its parent's, which is the same path. */
	if (!f->folded)
		__sync_fetch_and_add(&s->offcpu_ns, t->blocked_ns + t->preempted_ns - f->offcpu_ns);
	call_stats_time(s, f->folded ? 0 : duration_ns, duration_ns, true);
	if (has_value)
		account_error(s, t, f, value);
}

SEC("?uprobe")
int pb_span_leave(struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns(), cookie, sp;
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_of(task);
	__u32 node;
	bool alt;

	if (!t || closing)
		return 0;
	count(PB_UPROBE_HITS);
	cookie = bpf_get_attach_cookie(ctx);
	node = (__u32)cookie;
	sp = PT_REGS_SP(ctx);
	if (!(cookie & PB_COOKIE_SITE))
		sp -= 8; /* `ret` has taken the return address off */
	alt = on_altstack(task, sp);
	for (int i = 0; i < PB_SPAN_DEPTH; i++) {
		struct span *f;

		if (!t->depth)
			break;
		f = &t->spans[(t->depth - 1) & (PB_SPAN_DEPTH - 1)];
		if (f->sp == sp && f->node == node) {
			span_close(t, f, now_ns, PT_REGS_RC(ctx), !(cookie & PB_COOKIE_NO_VALUE));
			return 0;
		}
		/* An equal frame of another function is a tail call that did not report its end. */
		if (!span_is_stale(f, sp, alt) && (f->altstack != alt || f->sp != sp))
			break; /* the top span is a caller: this call's entry was not seen */
		span_drop(t, f);
	}
	count(PB_MISSED_RETURNS);
	return 0;
}
