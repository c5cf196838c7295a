/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Follows stacks where Go's runtime goes from a goroutine's to the thread's, and back: rules
 * BASE_GO_*, which user/sym/gostack.h describes. To be included by unwind.bpf.h.
 */
#pragma once

/* runtime.g and runtime.m: user space has checked in the program's code that they are these. */
#define GO_G_STACK_LO 0
#define GO_G_STACK_HI 8
#define GO_G_M        48
#define GO_G_SCHED_SP 56
#define GO_G_SCHED_PC 64
#define GO_M_G0       0

#define GO_SWITCHES_MAX 64

/* A word that is not on the stack, into u->word. */
static __subprog int go_read(struct unwind_ctx *c, __u64 addr)
{
	struct unwind *u = &c->w->u;

	if (!addr || addr & 7 || UNWIND_READ(c, &u->word, sizeof(u->word), addr))
		return PB_END_SWITCH;
	return 0;
}

/* What was read of the stack may have been another's. True: there have been too many. */
static __always_inline bool go_leave_stack(struct unwind *u)
{
	u->window_at = 0;
	return ++u->go_switches > GO_SWITCHES_MAX;
}

/* runtime.m of the thread into u->word; 0: the thread has none. */
static __always_inline int go_thread(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	struct task_struct *task = c->task;
	struct unwind *u = &c->w->u;
	__u64 offset = (__s64)r->add;

	if (r->reg) {
		if (go_read(c, u->object + offset))
			return PB_END_SWITCH;
		offset = u->word;
	}
	if (go_read(c, BPF_CORE_READ(task, thread.fsbase) + offset))
		return PB_END_SWITCH;
	return u->word ? go_read(c, u->word + GO_G_M) : 0;
}

/* Does an address lie in the stack of a runtime.g? */
static __subprog int go_on_stack(struct unwind_ctx *c, __u64 g, __u64 addr)
{
	struct unwind *u = &c->w->u;

	if (go_read(c, g + GO_G_STACK_LO) || addr <= u->word)
		return 0;
	return !go_read(c, g + GO_G_STACK_HI) && addr < u->word;
}

/* The goroutine's stack, on which it called the function that is at work here. */
static __always_inline int go_to_goroutine(struct unwind_ctx *c, __u64 g)
{
	struct unwind *u = &c->w->u;

	if (go_read(c, g + GO_G_SCHED_SP))
		return PB_END_SWITCH;
	u->sp = u->word;
	return go_on_stack(c, g, u->sp) ? 0 : PB_END_SWITCH;
}

/* It goes on where its sched says: it called runtime.morestack. */
static __always_inline int go_resume(struct unwind_ctx *c, __u64 g)
{
	struct unwind *u = &c->w->u;

	if (go_read(c, g + GO_G_SCHED_PC) || !u->word)
		return PB_END_SWITCH;
	u->ip = u->word;
	u->regs = 0;
	u->is_return = 1;
	u->lost_bp = u->lost_bx = 1;
	return 0;
}

/* The thread's stack as C left it; what an outer callback finds there was saved at its top. */
static __always_inline int go_to_caller_in_c(struct unwind_ctx *c, __u64 m)
{
	struct unwind *u = &c->w->u;

	if (!u->go_callback) {
		if (go_read(c, m + GO_M_G0) || go_read(c, u->word + GO_G_SCHED_SP))
			return PB_END_SWITCH;
		u->go_callback = u->word;
	}
	u->sp = u->go_callback;
	if (go_read(c, u->sp))
		return PB_END_SWITCH;
	u->go_callback = u->word;
	return 0;
}

/* What C was called from, by what the call left on the thread's stack. */
static __always_inline int go_from_c(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	struct unwind *u = &c->w->u;
	__u64 slot = u->sp + 8 * (__s64)r->rbx_words, g, below;

	if (go_read(c, slot - 8))
		return PB_END_SWITCH;
	below = u->word;
	if (go_read(c, slot))
		return PB_END_SWITCH;
	g = u->word;
	if (!g) { /* it was on the thread's stack already */
		if (below <= u->sp)
			return PB_END_SWITCH;
		u->sp = below;
		return 0;
	}
	if (go_read(c, g + GO_G_STACK_HI))
		return PB_END_SWITCH;
	u->sp = u->word - below;
	return go_on_stack(c, g, u->sp) ? 0 : PB_END_SWITCH;
}

/* Puts rsp onto the stack on which the function's frame is; above 0: the caller is at hand. */
static __subprog int go_find_stack(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	struct unwind *u = &c->w->u;
	__u64 m, g;
	int end;

	if (r->base == BASE_GO_C)
		return go_from_c(c, r);
	if (go_thread(c, r))
		return PB_END_SWITCH;
	m = u->word;
	if (!m)
		return 0;
	if (go_read(c, m + 8 * (__s64)r->rbx_words))
		return PB_END_SWITCH;
	g = u->word;
	if (g && go_on_stack(c, g, u->sp))
		return r->base == BASE_GO_CALLBACK ? go_to_caller_in_c(c, m) : 0;
	if (r->base == BASE_GO_CALLBACK)
		return 0;
	if (!g)
		return r->base == BASE_GO_GROW ? PB_END_DONE : PB_END_SWITCH;
	end = go_to_goroutine(c, g);
	if (!end && r->base == BASE_GO_GROW)
		end = go_resume(c, g) ? PB_END_SWITCH : -1;
	return end;
}

static __subprog int unwind_go(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	struct unwind *u = &c->w->u;
	__u64 base;
	int end;

	if (go_leave_stack(u))
		return PB_END_LOOP;
	end = go_find_stack(c, r);
	if (end)
		return end < 0 ? 0 : end;
	base = u->sp + r->offset;
	if (r->rbp == AT_BASE) {
		u->bp_at = base + 8 * (__s64)r->rbp_words;
		u->lost_bp = 0;
	}
	u->lost_bx = 1;
	if (unwind_read(c, base - 8))
		return PB_END_FAULT;
	return unwind_enter(u, base - 8);
}
