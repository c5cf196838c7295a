/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Follows stacks where Go's runtime goes from a goroutine's to the thread's, and back: rules
 * BASE_GO_*, which user/sym/gostack.h describes. To be included by unwind.bpf.h.
 */
#pragma once

/* In words: user space has checked in the program's code that runtime.g and runtime.m are so. */
#define GO_G_STACK_LO 0
#define GO_G_STACK_HI 1
#define GO_G_M        6
#define GO_G_SCHED_SP 7
#define GO_G_SCHED_PC 8
#define GO_G_WORDS    9
#define GO_M_G0       0

#define GO_SWITCHES_MAX 64

/*
 * A word that is not on the stack, or 0. As what cannot be read is 0, and nothing lies there, a
 * chain of pointers needs no look at each of them.
 */
static __subprog __u64 go_word(struct unwind_ctx *c, __u64 addr, __u64 index)
{
	struct unwind *u = &c->w->u;

	UNWIND_READ(c, &u->word, sizeof(u->word), addr + 8 * index);
	return u->word;
}

/* A runtime.g into u->read, or zeroes. */
static __subprog int go_read_g(struct unwind_ctx *c, __u64 g)
{
	struct unwind *u = &c->w->u;

	return UNWIND_READ(c, u->read, 8 * GO_G_WORDS, g);
}

/* Does rsp lie in the stack of the runtime.g that was read? */
static __always_inline bool go_on_stack(const struct unwind *u, __u64 sp)
{
	return sp > u->read[GO_G_STACK_LO] && sp < u->read[GO_G_STACK_HI];
}

/* What was read of the stack may have been another's. True: there have been too many. */
static __always_inline bool go_leave_stack(struct unwind *u)
{
	u->window_at = 0;
	return ++u->go_switches > GO_SWITCHES_MAX;
}

/* runtime.m of the thread; 0: it has none. */
static __always_inline __u64 go_thread(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	struct task_struct *task = c->task;
	struct unwind *u = &c->w->u;
	__u64 offset = (__s64)r->offset, g;
	struct pb_unwind_range *range;

	if (r->reg) {
		range = unwind_range(u, u->ip - u->is_return);
		offset = range ? go_word(c, range->base + offset, 0) : 0;
		if (!offset)
			return 0;
	}
	g = go_word(c, BPF_CORE_READ(task, thread.fsbase) + offset, 0);
	return g ? go_word(c, g, GO_G_M) : 0;
}

/* The thread's stack as C left it; what an outer callback finds there was saved at its top. */
static __always_inline void go_to_caller_in_c(struct unwind_ctx *c, __u64 m)
{
	struct unwind *u = &c->w->u;

	u->sp = u->go_callback;
	if (!u->sp)
		u->sp = go_word(c, go_word(c, m, GO_M_G0), GO_G_SCHED_SP);
	u->go_callback = go_word(c, u->sp, 0);
}

/* The goroutine's stack, as it was left by a call of systemstack or, to go on there, morestack. */
static __always_inline int go_to_goroutine(struct unwind *u, bool goes_on)
{
	u->sp = u->read[GO_G_SCHED_SP];
	if (!go_on_stack(u, u->sp))
		return PB_END_SWITCH;
	if (!goes_on)
		return 0;
	u->ip = u->read[GO_G_SCHED_PC];
	u->regs = 0;
	u->is_return = u->lost_bp = u->lost_bx = 1;
	return -1;
}

/* The goroutine's stack, by what the call of C left on the thread's. */
static __always_inline int go_from_c(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	struct unwind *u = &c->w->u;
	__u64 g = go_word(c, u->sp, r->rbx_words), below = go_word(c, u->sp, r->rbx_words - 1);

	if (!g) { /* it was on the thread's stack already */
		g = u->sp;
		u->sp = below;
		return below > g ? 0 : PB_END_SWITCH;
	}
	go_read_g(c, g);
	u->sp = u->read[GO_G_STACK_HI] - below;
	return go_on_stack(u, u->sp) ? 0 : PB_END_SWITCH;
}

/* Puts rsp onto the stack on which the function's frame is; below 0: the caller is at hand. */
static __always_inline int go_find_stack(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	struct unwind *u = &c->w->u;
	__u64 m, g;

	if (r->base == BASE_GO_C)
		return go_from_c(c, r);
	m = go_thread(c, r);
	g = m ? go_word(c, m, r->rbx_words) : 0;
	if (!g)
		return m && r->base == BASE_GO_GROW ? PB_END_DONE : PB_END_SWITCH;
	go_read_g(c, g);
	if (r->base != BASE_GO_CALLBACK)
		return go_to_goroutine(u, r->base == BASE_GO_GROW);
	if (!go_on_stack(u, u->sp))
		return PB_END_SWITCH;
	go_to_caller_in_c(c, m);
	return 0;
}

static __always_inline int go_unwind(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	struct unwind *u = &c->w->u;
	__u64 base;
	int end;

	if (go_leave_stack(u))
		return PB_END_LOOP;
	end = go_find_stack(c, r);
	if (end)
		return end < 0 ? 0 : end;
	base = u->sp + r->add;
	if (r->rbp == AT_BASE) {
		u->bp_at = base + 8 * (__s64)r->rbp_words;
		u->lost_bp = 0;
	}
	u->lost_bx = 1;
	if (unwind_read(c, base - 8))
		return PB_END_FAULT;
	return unwind_enter(c->w, base - 8);
}

#ifdef UNWIND_OTHER_TASK
static __subprog int unwind_go(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	return go_unwind(c, r);
}
#else
/* Verified once a program, and not with all that may have come before. */
int go_unwind_current(struct stack_work *w, const struct pb_unwind_rule *r);

__weak int go_unwind_current(struct stack_work *w, const struct pb_unwind_rule *r)
{
	struct unwind_ctx c = { .w = w, .task = bpf_get_current_task_btf() };

	return w && r ? go_unwind(&c, r) : PB_END_SWITCH;
}

static __always_inline int unwind_go(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	return go_unwind_current(c->w, r);
}
#endif
