/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The shadow stack of calls in progress. A frame is known by the stack pointer at its function's
 * entry, so that calls which never return (longjmp, exceptions, more pending returns than the
 * kernel keeps) cannot shift those that do.
 *
 * SPANS_MAX is the room of the shadow stack, a power of two; a file defines it, SPANS_TYPE and
 * SPANS_CLOSE for others than threads'. Callers set now_ns and offcpu_ns of the spans before they
 * end any. What is not the common way is a function of its own, so that no program needs much BPF
 * stack: see struct spans.
 */
#pragma once

#include "calls.bpf.h"
#include "executions.bpf.h"

#ifndef SPANS_MAX
#define SPANS_MAX   PB_SPAN_DEPTH
#define SPANS_TYPE  struct thread_spans
#define SPANS_CLOSE thread_span_close
#endif
#define SPAN_KEPT 0x100 /* beside an enum on_stack */

/*
 * Kernel functions are traced, too: a helper that a program calls may run one, whose program then
 * finds the thread's spans half changed. Whoever changes them says so meanwhile. Counted, because
 * programs interrupt each other on one thread, one within the other.
 */
static __always_inline void spans_hold(struct thread *t)
{
	if (config.kernel_spans)
		(*(volatile __u8 *)&t->held)++;
}

static __always_inline void spans_release(struct thread *t)
{
	if (config.kernel_spans)
		(*(volatile __u8 *)&t->held)--;
}

/* The time of what is going on. */
static __always_inline void spans_now(struct thread *t, __u64 now_ns)
{
	t->spans.now_ns = now_ns;
	t->spans.offcpu_ns = t->blocked_ns + t->preempted_ns;
}

static __always_inline __u8 stack_class(struct task_struct *task, __u64 sp)
{
	return sp - task->sas_ss_sp < task->sas_ss_size ? ON_SIGNAL : ON_THREAD;
}

/*
 * A small value by way of memory, where the verifier forgets it: otherwise it would follow all that
 * comes behind once for each value, and for each way in which it came about.
 */
static __always_inline __u8 forget(struct spans *s, __u8 value)
{
	*(volatile __u8 *)&s->flag = value;
	return *(volatile __u8 *)&s->flag;
}

static __always_inline __u8 stack_now(struct spans *s, struct task_struct *task, __u64 sp)
{
	return forget(s, stack_class(task, sp));
}

static __always_inline struct span *span_top(struct spans *s)
{
	return span_at(s, (s->depth - 1) & (SPANS_MAX - 1));
}

/* Fewer spans are open now than when the exceptions on their way were raised. */
__weak int raises_pop(struct spans *s)
{
	for (__u32 i = 0; s && i < RAISES_MAX; i++) {
		if (s->raises[i].depth > s->depth)
			s->raises[i].depth = s->depth;
	}
	return 0;
}

/* Exceptions were caught: by a call that was open when they were raised, and returns. */
__weak int raises_caught(struct spans *s)
{
	for (__u32 i = 0; s && i < RAISES_MAX; i++) {
		if (!s->raising || s->raises[(s->raising - 1) & (RAISES_MAX - 1)].depth < s->depth)
			break;
		s->raising--;
	}
	return 0;
}

/* Takes the top span off. */
static __subprog int span_pop(struct spans *s, struct span *f)
{
	if (f->window && s->windows)
		s->windows--;
	s->over = 0;
	if (f->kept && s->pending)
		s->pending--;
	if (s->depth)
		s->depth--;
	if (s->raising)
		raises_pop(s);
	return 0;
}

/* An exception is raised. */
static __always_inline void raise_begin(struct spans *s, __u32 kind, __u32 name)
{
	struct raise *r;

	if (s->raising < RAISES_MAX)
		s->raising++;
	r = &s->raises[(s->raising - 1) & (RAISES_MAX - 1)];
	r->depth = s->depth;
	r->kind = kind;
	r->name = name;
}

static __always_inline struct raise *raise_top(struct spans *s)
{
	return &s->raises[(s->raising - 1) & (RAISES_MAX - 1)];
}

/* An exception is on its way, and the top span was open when it was raised. */
static __always_inline bool span_raised(struct spans *s)
{
	return s->raising && raise_top(s)->depth >= s->depth;
}

static __always_inline void slice_end(struct spans *s, const struct span *f)
{
	struct pb_timeline *r = f->slice ? timeline_of(s) : NULL;

	if (r)
		r->slices[(f->slice - 1) & (PB_SLICES_MAX - 1)].end_ns = s->now_ns;
}

/* The rest of span_close() for calls that did not just return. */
static __subprog int span_fail(struct spans *s, struct span *f, struct pb_call_stats *stats,
			       enum span_end end, __s64 signal)
{
	__sync_fetch_and_add(&stats->unwound, 1);
	if (end == SPAN_KILLED && !signal)
		return 0;
	call_failed(s, f, stats);
	if (end == SPAN_RAISED)
		path_error(s, f, raise_top(s)->kind, raise_top(s)->name);
	else
		path_error(s, f, PB_ERROR_SIGNAL, signal);
	return 0;
}

/* A call that ended some time ago, nobody knows when. */
static __always_inline void span_drop(struct spans *s, struct span *f, struct pb_call_stats *stats)
{
	s->stale_kept |= f->kept && !f->unseen;
	/* One that outlasted its moment is as if it had not been seen: others stand for it. */
	if (!stats || f->window)
		return;
	__sync_fetch_and_add(&stats->untimed, 1);
	/* Nothing jumps over the kernel's frames: the kernel missed their return. */
	if (!f->unseen && f->stack != ON_KERNEL)
		__sync_fetch_and_add(&stats->unwound, 1);
}

/* A function of its own for the sake of its caller's stack. */
static __subprog int span_outcome(struct spans *s, struct span *f, struct pb_call_stats *stats,
				  __u32 end, __s64 value)
{
	span_account(s, f, stats);
	if (end == SPAN_RETURNED)
		check_value(s, f, stats, value);
	else if (end != SPAN_TAIL)
		span_fail(s, f, stats, end, value);
	return 0;
}

/* Ends the top span. value: SPAN_RETURNED: what it returned; SPAN_KILLED: the signal, or 0. */
__weak int SPANS_CLOSE(SPANS_TYPE *of, __u32 end, __s64 value)
{
	struct pb_call_stats *stats;
	struct spans *s;
	struct span *f;
	__u32 path;

	if (!of)
		return 0;
	s = &of->spans;
	f = &of->room[(s->depth - 1) & (SPANS_MAX - 1)];
	s->failed = PB_ERROR_NONE;
	path = f->path; /* a key: older kernels want it on the stack, or in a map's value */
	stats = path_stats_of(&path);
	if (end == SPAN_LEFT) {
		span_drop(s, f, stats);
		if (config.plugins && f->plugin)
			plugin_left(s, f, SPAN_LEFT, 0, 0);
		span_pop(s, f);
		return 0;
	}
	if (f->slice)
		slice_end(s, f);
	if (s->depth > 1)
		of->room[(s->depth - 2) & (SPANS_MAX - 1)].child_ns += s->now_ns - f->start_ns;
	if (stats)
		span_outcome(s, f, stats, end, value);
	if (end == SPAN_RETURNED && s->raising)
		raises_caught(s);
	if (config.plugins && f->plugin)
		plugin_left(s, f, end, 0, 0);
	span_pop(s, f);
	return 0;
}

static __always_inline void span_close(struct spans *s, enum span_end end, __s64 value)
{
	SPANS_CLOSE((SPANS_TYPE *)s, end, value);
}

/*
 * Was a span jumped over by whoever runs now? On the same stack, when its frame lies below. What
 * runs on the thread's own stack has left the signal stack for good; a handler on the signal stack
 * leaves the thread's own frames where they are.
 */
static __always_inline bool span_is_stale(const struct span *f, __u64 sp, __u8 stack)
{
	return f->stack == stack ? f->sp < sp : f->stack > stack;
}

/*
 * A walk down the shadow stack: by bpf_loop(), and all kinds of walks by one step, because the
 * verifier looks at each place anew from where span_close() is called.
 */
enum walk_kind {
	WALK_WINDOW, /* ends what is left of an earlier moment, and what that called */
	WALK_STALE,  /* ends what was jumped over */
	WALK_ENTER,  /* the same for a new call, which may begin where another did */
	WALK_SEARCH, /* ends what stands above the span of `node` */
	WALK_END,    /* ends all, of the signal `node`, or 0 */
};

enum found { FOUND_NONE, FOUND_SPAN, FOUND_UNCOUNTED, FOUND_RESTART };

struct walk {
	struct spans *s;
	__u64 sp;
	__u32 node, kind; /* enum walk_kind */
	__u32 stack;
	__u32 found; /* enum found */
};

#define WALK_STOP 0xff

enum frame { FRAME_LEFT, FRAME_TAIL, FRAME_RESTART };

static __always_inline __u32 search_decide(struct walk *w, const struct span *f)
{
	struct spans *s = w->s;

	if (f->sp == w->sp && f->node == w->node && !f->unseen) {
		w->found = FOUND_SPAN;
		return WALK_STOP;
	}
	if (span_is_stale(f, w->sp, w->stack) || (f->sp == w->sp && f->unseen))
		return SPAN_LEFT;
	/* Another function's equal frame: a tail call that did not report its end. */
	if (f->stack == w->stack && f->sp == w->sp)
		return SPAN_TAIL;
	if (s->over && f->stack == w->stack && w->sp < f->sp) {
		s->over--; /* there was no room for it: it was counted when it began */
		w->found = FOUND_UNCOUNTED;
	}
	return WALK_STOP; /* the top span is a caller: this call's entry was not seen */
}

/*
 * The address of the page through which return probes send a function back: what the stack has in
 * place of a return address.
 */
static __always_inline __u64 trampoline(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!bpf_core_field_exists(task->mm->uprobes_state))
		return 0;
	return BPF_CORE_READ(task, mm, uprobes_state.xol_area, vaddr);
}

/*
 * A new call of `node` begins where the top span's frame does. A tail call leaves the return
 * address as it was; otherwise the top span, and others like it, were jumped out of. The function
 * itself in its own frame: a loop around its first instruction, if it has one; else jumped out of,
 * too.
 */
static __subprog __u32 same_frame(struct spans *s, __u32 node, __u64 sp)
{
	struct span *f = span_top(s);
	bool same = f->node == node;

	if (!s->ret)
		bpf_probe_read_user(&s->ret, sizeof(s->ret), (void *)sp);
	if (!f->kept)
		return f->ret != s->ret ? FRAME_LEFT
		       : !same          ? FRAME_TAIL
		       : s->restarts    ? FRAME_RESTART
					: FRAME_LEFT;
	return s->ret == trampoline() ? FRAME_TAIL : FRAME_LEFT;
}

static __always_inline __u32 enter_decide(struct walk *w)
{
	__u32 frame = forget(w->s, same_frame(w->s, w->node, w->sp));

	if (frame == FRAME_LEFT)
		return SPAN_LEFT;
	if (frame == FRAME_RESTART)
		w->found = FOUND_RESTART;
	return WALK_STOP;
}

/* How the top span ends, or WALK_STOP. */
static __always_inline __u32 walk_decide(struct walk *w, const struct span *f)
{
	if (w->kind == WALK_SEARCH)
		return search_decide(w, f);
	if (w->kind == WALK_END)
		return SPAN_KILLED;
	if (w->kind == WALK_WINDOW)
		return w->s->windows ? SPAN_LEFT : WALK_STOP;
	if (span_is_stale(f, w->sp, w->stack))
		return SPAN_LEFT;
	if (f->stack != w->stack || f->sp != w->sp)
		return WALK_STOP;
	if (span_raised(w->s))
		return SPAN_LEFT;
	return w->kind == WALK_ENTER ? enter_decide(w) : WALK_STOP;
}

static long walk_step(__u32 i, struct walk *w)
{
	__u32 end;

	if (!w->s->depth)
		return 1;
	end = walk_decide(w, span_top(w->s));
	if (end == WALK_STOP)
		return 1;
	if (end == SPAN_LEFT && w->kind != WALK_WINDOW && span_raised(w->s))
		end = SPAN_RAISED;
	span_close(w->s, end, end == SPAN_KILLED ? w->node : 0);
	return 0;
}

static __subprog __u32 walk(struct spans *s, __u32 kind, __u32 node, __u64 sp, __u32 stack)
{
	struct walk w = { .s = s, .sp = sp, .node = node, .kind = kind, .stack = stack };

	bpf_loop(SPANS_MAX, walk_step, &w, 0);
	return w.found;
}

/*
 * Spans that were jumped over end. Equal stack pointers are a tail call, where both return; but
 * not while an exception is on its way, when they are a frame left and a cleanup called.
 */
static __always_inline void spans_drop_stale(struct spans *s, __u64 sp, __u8 stack)
{
	if (forget(s, s->depth && (s->raising || span_is_stale(span_top(s), sp, stack))))
		walk(s, WALK_STALE, 0, sp, stack);
}

/*
 * The same before a new call of `node`, whose return address is in s->ret where it is compared.
 * True: it is no call, but the function's beginning once more.
 */
static __always_inline bool spans_enter(struct spans *s, __u32 node, __u64 sp, __u8 stack)
{
	struct span *top = span_top(s);

	bool odd = s->raising | (top->sp <= sp) | (top->stack != stack);

	if (!forget(s, s->depth && odd))
		return false;
	return walk(s, WALK_ENTER, node, sp, stack) == FOUND_RESTART;
}

/* What is open of an earlier moment has ended unseen, or will. */
static __always_inline void window_sync(struct spans *s, __u32 *thread_epoch)
{
	if (*thread_epoch == window_epoch)
		return;
	*thread_epoch = window_epoch;
	if (s->windows)
		walk(s, WALK_WINDOW, 0, 0, 0);
}

/*
 * May a call of a node that is probed for moments become a span? Not while its moment begins, when
 * some of the probes are there and others are not, nor as the outermost one if it always has traced
 * callers: one of these began before.
 */
static __subprog bool window_takes(struct spans *s, __u32 *thread_epoch, __u32 node)
{
	struct pb_node *n;

	s->new_path = node; /* a key, off the stack */
	window_sync(s, thread_epoch);
	if (window_opening)
		return false;
	if (s->depth)
		return true;
	n = bpf_map_lookup_elem(&nodes, &s->new_path);
	return n && !n->inner;
}

/* A call of such a node has become a span. */
static __always_inline void window_span(struct spans *s, struct span *f)
{
	f->window = 1;
	s->windows++;
}

/* The thread ends, or its image: whatever it was in never returns. signal: that it died of, or 0.
 */
static __always_inline void spans_end_all(struct spans *s, __u32 signal)
{
	if (s->depth)
		walk(s, WALK_END, signal, 0, 0);
}

enum path_open_how { OPEN_STILL, OPEN_UNSEEN, OPEN_LEFT };

/* The trace ends. One whose return cannot be seen may have ended long ago. */
__weak int path_open(__u32 path, __u32 how)
{
	struct pb_call_stats *stats = path_stats_of(&path);

	if (!stats)
		return 0;
	__sync_fetch_and_add(how == OPEN_STILL ? &stats->open : &stats->untimed, 1);
	if (how == OPEN_LEFT)
		__sync_fetch_and_add(&stats->unwound, 1);
	return 0;
}

struct open_walk {
	struct spans *s;
	__u64 sp; /* of the thread, when it entered the kernel last */
	__u32 stack;
	__u32 pid, tid;
};

/* What lies below the stack pointer has been jumped out of, and nobody has noticed yet. */
static long open_step(__u32 i, struct open_walk *k)
{
	struct spans *s = k->s;
	struct span *f = span_top(s);
	bool left;

	if (!s->depth)
		return 1;
	left = f->stack != ON_KERNEL && span_is_stale(f, k->sp, k->stack);
	path_open(f->path, f->unseen ? OPEN_UNSEEN : left ? OPEN_LEFT : OPEN_STILL);
	if (config.plugins && f->plugin) {
		if (left)
			plugin_left(s, f, SPAN_LEFT, k->pid, k->tid);
		else
			plugin_open(s, f);
	}
	s->depth--;
	return 0;
}

/* The trace ends: counts a thread's calls as open. sp: 0: not known. */
static __subprog int spans_count_open(struct thread *t, __u64 sp, __u32 stack, __u32 tid)
{
	struct open_walk k = { .s = &t->spans, .sp = sp, .stack = stack, .tid = tid };

	k.pid = t->pid;
	bpf_loop(SPANS_MAX, open_step, &k, 0);
	return 0;
}

/* A call for which there is no room: counted if its path is known, which is its caller's. */
static __subprog int span_overflow(struct spans *s, __u32 node)
{
	struct span *top = span_top(s);
	struct pb_call_stats *stats;

	s->over++;
	stats = top->node == node ? path_stats_of(&top->path) : NULL;
	if (!stats) {
		count(PB_LOST_SPANS);
		return 0;
	}
	__sync_fetch_and_add(&stats->untimed, 1);
	raise_to(&stats->depth_max, top->folded + 1ULL + s->over);
	return 0;
}

/*
 * The kernel refuses more return probes than it keeps before it looks which of them are of frames
 * that are gone.
 */
static __subprog bool kernel_is_full(struct spans *s)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 kept = 0;

	if (bpf_core_field_exists(task->utask))
		kept = BPF_CORE_READ(task, utask, depth);
	if (kept <= s->pending)
		s->stale_kept = 0;
	return kept >= PB_PENDING_MAX;
}

/* Opens a span, now; NULL: no room. kept: the kernel keeps a return probe for it. */
static __subprog struct span *span_open(struct spans *s, __u32 node, __u64 sp, __u32 stack_kept)
{
	__u32 parent = 0;
	struct span *f;

	if (s->depth >= SPANS_MAX) {
		span_overflow(s, node);
		return NULL;
	}
	f = span_at(s, s->depth & (SPANS_MAX - 1));
	f->node = node;
	f->sp = sp;
	f->stack = stack_kept & ~SPAN_KEPT;
	f->kept = stack_kept & SPAN_KEPT ? 1 : 0;
	f->slice = 0;
	f->window = 0;
	f->plugin = 0;
	f->ret = s->ret;
	f->child_ns = 0;
	f->offcpu_ns = s->offcpu_ns;
	f->start_ns = s->now_ns;
	f->unseen =
	    f->kept && (s->pending >= PB_PENDING_MAX || (s->stale_kept && kernel_is_full(s)));
	s->pending += f->kept;
	f->folded = 0;
	if (s->depth) {
		struct span *top = span_top(s);

		parent = top->path;
		if (top->node == node)
			f->folded = top->folded + 1;
	}
	f->path = f->folded ? parent : path_intern(s, parent, f->node);
	s->depth++;
	return f;
}

/*
 * The end of a call of `node` whose frame begins at sp. Whatever was open above it ends too. True:
 * its span is on top now, to be closed.
 */
static __always_inline bool span_find(struct spans *s, __u32 node, __u64 sp, __u8 stack)
{
	struct span *f = span_top(s);
	int found;

	if (s->depth && f->sp == sp && f->node == node && !f->unseen)
		return true;
	found = walk(s, WALK_SEARCH, node, sp, stack);
	if (found == FOUND_NONE)
		count(PB_MISSED_RETURNS);
	return found == FOUND_SPAN;
}
