/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Static probes: points in a path, counted, with their arguments in recorded traces. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "args.bpf.h"
#include "guard.bpf.h"
#include "spans.bpf.h"

static __always_inline void record_point(struct pt_regs *ctx, struct spans *s, __u32 path,
					 __u8 parent)
{
	struct pb_timeline *r = timeline_of(s);
	__u8 slice;

	if (!r || !parent)
		return;
	slice = timeline_add(s, r, PB_SLICE_POINT, path, parent - 1, s->now_ns);
	if (!slice)
		return;
	r->slices[(slice - 1) & (PB_SLICES_MAX - 1)].end_ns = s->now_ns;
	if (s->new_path)
		record_args(ctx, r, &r->slices[(slice - 1) & (PB_SLICES_MAX - 1)], &s->new_path);
}

SEC("?uprobe")
int pb_usdt(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 now_ns = bpf_ktime_get_ns(), cookie = bpf_get_attach_cookie(ctx), sp;
	struct thread *t = thread_of(task);
	struct pb_call_stats *stats;
	__u8 parent = 0;
	__u32 path = 0;

	guard_hit(cookie, now_ns);
	if (!t || closing)
		return 0;
	sp = PT_REGS_SP(ctx);
	/* Frames below it have ended; one at the same place is the function that it stands in. */
	spans_hold(t);
	spans_now(t, now_ns);
	spans_drop_stale(&t->spans, sp, stack_now(&t->spans, task, sp));
	if (t->spans.depth) {
		path = span_top(&t->spans)->path;
		parent = span_top(&t->spans)->slice;
	}
	path = path_intern(&t->spans, path, (__u32)cookie);
	t->spans.new_path = path;
	stats = path_stats_of(&t->spans.new_path);
	if (stats)
		__sync_fetch_and_add(&stats->untimed, 1);
	t->spans.new_path = cookie >> PB_COOKIE_ARGS; /* a key, off the stack */
	if (config.timelines && t->spans.timeline)
		record_point(ctx, &t->spans, path, parent);
	spans_release(t);
	return 0;
}
