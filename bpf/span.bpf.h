/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The shadow stack of open spans, as spans themselves and the end of a thread need it. */
#pragma once

#include "hist.bpf.h"
#include "filter.bpf.h"

#define PATH_LOST 0xffffffffU

/* path: in the thread's state, not on the stack. */
static __always_inline struct pb_call_stats *path_stats_of(const __u32 *path)
{
	struct pb_call_stats *s = NULL;

	if (*path != PATH_LOST)
		s = entry_of(&path_stats, path, &no_calls);
	if (!s)
		count(PB_LOST_PATHS);
	return s;
}

static __always_inline bool on_altstack(struct task_struct *task, __u64 sp)
{
	return sp - task->sas_ss_sp < task->sas_ss_size;
}

/* The top span was left without a return. */
static __always_inline void span_drop(struct thread *t, const struct span *f)
{
	struct pb_call_stats *s = path_stats_of(&f->path);

	if (s)
		__sync_fetch_and_add(&s->unwound, 1);
	t->depth--;
}

/*
 * Was a span jumped over by a call whose stack pointer is sp? On the same stack, when its frame
 * lies below. What runs on the thread's own stack has left the signal stack for good; a handler on
 * the signal stack leaves the thread's own frames where they are.
 */
static __always_inline bool span_is_stale(const struct span *f, __u64 sp, bool alt)
{
	return f->altstack == alt ? f->sp < sp : f->altstack;
}

/*
 * Spans whose frame lies below a new one's on the same stack were jumped over. Equal stack
 * pointers are a tail call: both return.
 */
static __always_inline void spans_drop_stale(struct thread *t, __u64 sp, bool alt)
{
	for (int i = 0; i < PB_SPAN_DEPTH; i++) {
		struct span *f;

		if (!t->depth)
			return;
		f = &t->spans[(t->depth - 1) & (PB_SPAN_DEPTH - 1)];
		if (!span_is_stale(f, sp, alt))
			return;
		span_drop(t, f);
	}
}

/* The thread ends: whatever it was in never returns. */
static __always_inline void spans_drop_all(struct thread *t)
{
	for (int i = 0; i < PB_SPAN_DEPTH; i++) {
		if (!t->depth)
			return;
		span_drop(t, &t->spans[(t->depth - 1) & (PB_SPAN_DEPTH - 1)]);
	}
}

/* The trace ends: counts them as open. */
static __always_inline void spans_count_open(struct thread *t)
{
	for (int i = 0; i < PB_SPAN_DEPTH; i++) {
		struct pb_call_stats *s;

		if (!t->depth)
			return;
		t->depth--;
		s = path_stats_of(&t->spans[t->depth & (PB_SPAN_DEPTH - 1)].path);
		if (s)
			__sync_fetch_and_add(&s->open, 1);
	}
}
