/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Recorded traces. A root span takes one of a few buffers, and everything that begins within it on
 * its thread leaves a slice there. At its end user space is sent the whole if it is worth it: the
 * slowest of a window, a failed one, or one whose turn it was. What is recorded is bounded a
 * thread and window, so that busy threads do not pay for what would be thrown away.
 */
#pragma once

#include "emit.bpf.h"

#define RECORD_WINDOW_SHIFT 27  /* 134 ms */
#define RECORD_SLICES       400 /* a thread and window */
#define SAMPLE_EVERY_NS     250000000ULL
#define NO_PARENT           255

static __always_inline struct pb_timeline *timeline_of(const struct spans *s)
{
	__u32 key;

	if (!s->timeline)
		return NULL;
	key = s->timeline - 1;
	return bpf_map_lookup_elem(&timelines, &key);
}

/* A span has begun: is there anything to record? Most calls of busy threads end here. */
static __always_inline bool timeline_wanted(struct spans *s, struct thread *t)
{
	if (s->timeline)
		return true;
	if (s->depth != 1)
		return false;
	s->why = 0;
	if (s->recorded < RECORD_SLICES ||
	    s->record_window != (__u32)(s->now_ns >> RECORD_WINDOW_SHIFT))
		return true;
	t->cause = PB_CAUSE_NONE; /* not that of a later root */
	return false;
}

/* A root span begins: is it recorded? */
static __subprog int timeline_begin(struct spans *s, struct thread *t, __u64 now_ns)
{
	__u32 window = (__u32)(now_ns >> RECORD_WINDOW_SHIFT), key;
	struct pb_timeline *r;

	s->why = 0;
	if (s->record_window != window) {
		s->record_window = window;
		s->recorded = 0;
	}
	if (s->recorded >= RECORD_SLICES || bpf_map_pop_elem(&timelines_free, &key)) {
		t->cause = PB_CAUSE_NONE; /* not that of a later root */
		return 0;
	}
	s->timeline = (__u8)(key + 1);
	r = timeline_of(s);
	if (!r)
		return 0;
	r->n = 0;
	r->lost = 0;
	r->args_len = 0;
	r->cause = t->cause;
	r->cause_ns = t->cause_ns;
	r->cause_tid = t->cause_tid;
	r->cause_root_ns = t->cause_root_ns;
	if (t->cause && t->cause_why)
		s->why = PB_WHY_LINKED;
	t->cause = PB_CAUSE_NONE;
	if (now_ns >= s->next_sample_ns) {
		s->next_sample_ns = now_ns + (bpf_get_prandom_u32() & 255) * (SAMPLE_EVERY_NS >> 7);
		s->why |= PB_WHY_SAMPLED;
	}
	return 0;
}

/* Adds a slice: its index + 1, or 0: no room. */
static __always_inline __u8 timeline_add(struct spans *s, struct pb_timeline *r, __u8 kind,
					 __u32 what, __u8 parent, __u64 start_ns)
{
	__u32 n = r->n;
	struct pb_slice *slice;

	if (n >= PB_SLICES_MAX) {
		r->lost++;
		return 0;
	}
	s->recorded++;
	r->n = n + 1;
	slice = &r->slices[n & (PB_SLICES_MAX - 1)];
	slice->start_ns = start_ns;
	slice->end_ns = 0;
	slice->value = 0;
	slice->what = what;
	slice->args_len = 0;
	slice->parent = parent;
	slice->kind = kind;
	slice->error = PB_ERROR_NONE;
	return (__u8)(n + 1);
}

/* The root span has ended. */
static __subprog int timeline_end(struct spans *s, struct task_struct *task, __u32 pid)
{
	__u32 key = s->timeline - 1, n;
	struct pb_timeline *r = timeline_of(s);

	s->timeline = 0;
	if (!r)
		return 0;
	if (s->why) {
		n = r->n;
		if (n > PB_SLICES_MAX)
			n = PB_SLICES_MAX;
		n = __builtin_offsetof(struct pb_timeline, slices) + n * sizeof(struct pb_slice);
		r->h.time_ns = bpf_ktime_get_ns();
		r->h.kind = PB_TIMELINE;
		r->h.size = n;
		r->h.pid = pid;
		r->h.tid = task->pid;
		r->why = s->why;
		r->path = s->why_path;
		bpf_get_current_comm(r->comm, sizeof(r->comm));
		if (bpf_ringbuf_output(&records, r, n, wakeup_flags()))
			count(PB_LOST_TIMELINES);
	}
	bpf_map_push_elem(&timelines_free, &key, BPF_ANY);
	return 0;
}

/* The slice of a call that has just begun; of a root, the whole record. */
static __subprog int record_slice(struct task_struct *task, struct thread *t, struct span *f)
{
	struct spans *s = &t->spans;
	struct pb_timeline *r;
	__u8 parent = NO_PARENT;

	if (s->depth == 1) {
		if (s->timeline) /* its root was left without a return */
			timeline_end(s, task, t->pid);
		timeline_begin(s, t, f->start_ns);
	} else {
		parent = span_at(s, (s->depth - 2) & (PB_SPAN_DEPTH - 1))->slice - 1;
	}
	r = timeline_of(s);
	if (!r)
		return 0;
	if (s->depth > 1 && parent == NO_PARENT)
		return 0; /* its caller has no slice: there was no room */
	f->slice = timeline_add(s, r, PB_SLICE_SPAN, f->path, parent, f->start_ns);
	return 0;
}
