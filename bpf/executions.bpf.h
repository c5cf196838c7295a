/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How calls end, and what becomes then of those that are executions of a plugin. */
#pragma once

#include "emit.bpf.h"

/* How a call ended. */
enum span_end {
	SPAN_RETURNED, /* with a value */
	SPAN_TAIL,     /* without one: by a tail jump, or its end stands for another's */
	SPAN_LEFT,     /* some time ago, jumped over */
	SPAN_RAISED,   /* now, by an exception */
	SPAN_KILLED,   /* now, with its thread */
};

static __always_inline bool timed_out(const struct spans *s, const struct span *f)
{
	return config.plugin_timeout_ns && s->now_ns - f->start_ns > config.plugin_timeout_ns;
}

/* May one more execution be told? Programs that race for a new window may tell a few more. */
static __always_inline bool may_tell(__u64 now_ns)
{
	__u32 window = (__u32)(now_ns >> PB_TOLD_WINDOW_SHIFT);

	if (plugin_told_window != window) {
		plugin_told_window = window;
		plugin_told = 0;
	}
	if (__sync_fetch_and_add(&plugin_told, 1) <
	    (config.plugin_calls ? PB_TOLD_CALLS : PB_TOLD_FAILURES))
		return true;
	__sync_fetch_and_add(&plugin_untold, 1);
	return false;
}

/* An execution of a plugin has ended, now, on a thread (`tid`) of a process. */
__weak int plugin_tell(struct spans *s, struct span *f, __u32 flags, __u32 pid, __u32 tid)
{
	struct pb_plugin_call *r;

	if (!s || !f || !may_tell(s->now_ns))
		return 0;
	r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
	if (!r) {
		count(PB_LOST_EVENTS);
		return 0;
	}
	r->h.time_ns = s->now_ns;
	r->h.kind = PB_PLUGIN_CALL;
	r->h.size = sizeof(*r);
	r->h.pid = pid;
	r->h.tid = tid;
	r->start_ns = f->start_ns;
	r->value = s->failed_value;
	r->plugin = f->plugin - 1;
	r->node = f->node;
	r->error = s->failed;
	r->flags = flags;
	bpf_ringbuf_submit(r, wakeup_flags());
	return 0;
}

/* The PID of the current task's process, if it is traced. */
static __always_inline __u32 current_pid(void)
{
	struct thread *t = thread_of(bpf_get_current_task_btf());

	return t ? t->pid : 0;
}

/*
 * An execution of a plugin ends, now, as `end` says; pid, tid: on another thread than the current
 * one, or 0. Of a thread's death in it tells struct pb_plugin_crash.
 */
__weak int plugin_left(struct spans *s, struct span *f, __u32 end, __u32 pid, __u32 tid)
{
	__u32 key, flags = end == SPAN_LEFT ? 0 : PB_CALL_TIMED;
	struct pb_plugin_stats *p;

	if (!s || !f)
		return 0;
	s->plugin_top = f->below;
	key = f->plugin - 1;
	p = bpf_map_lookup_elem(&plugin_stats, &key);
	if (!p)
		return 0;
	__sync_fetch_and_add(&p->in_flight, -1);
	__sync_fetch_and_add(&p->ended, 1);
	p->last_ns = s->now_ns;
	if (flags && timed_out(s, f)) {
		flags |= PB_CALL_TIMED_OUT;
		__sync_fetch_and_add(&p->timed_out, 1);
	}
	if (config.plugin_calls || flags & PB_CALL_TIMED_OUT || (s->failed && end != SPAN_KILLED))
		plugin_tell(s, f, flags, pid ? pid : current_pid(),
			    pid ? tid : (__u32)bpf_get_current_pid_tgid());
	return 0;
}

/* A pause begins within an execution: nobody will see its end. */
__weak int plugin_cut(struct span *f)
{
	struct pb_plugin_stats *p;
	__u32 key;

	if (!f)
		return 0;
	key = f->plugin - 1;
	p = bpf_map_lookup_elem(&plugin_stats, &key);
	if (p)
		__sync_fetch_and_add(&p->in_flight, -1);
	return 0;
}

/* The trace ends within an execution. */
__weak int plugin_open(struct spans *s, struct span *f)
{
	struct pb_plugin_stats *p;
	__u32 key;

	if (!s || !f)
		return 0;
	key = f->plugin - 1;
	p = bpf_map_lookup_elem(&plugin_stats, &key);
	if (!p)
		return 0;
	raise_to(&p->oldest_ns, s->now_ns - f->start_ns);
	if (timed_out(s, f))
		__sync_fetch_and_add(&p->timed_out, 1);
	return 0;
}
