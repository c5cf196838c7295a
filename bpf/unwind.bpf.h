/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Walks up the user's stack by tables made of .eh_frame: which rule holds at an address tells
 * where its frame's base lies, and by that the return address. Where no table tells, rbp is
 * followed as if it were a frame pointer. Each walk ends with a reason: enum pb_end.
 *
 * A file that walks other tasks than the current one defines UNWIND_OTHER_TASK, and UNWIND_READ to
 * read their memory.
 */
#pragma once

#include "filter.bpf.h"

#ifndef UNWIND_READ
#define UNWIND_READ(c, to, size, addr) bpf_probe_read_user(to, size, (void *)(addr))
#endif

/* Places in struct pt_regs, in words: how rules name registers. */
#define REG_BP   4
#define REG_BX   5
#define REG_SP   19
#define REG_MAX  19
#define REG_NONE 0xff

/* As enum cfi_base and enum cfi_where of user space. */
enum unwind_base {
	BASE_NONE,
	BASE_REG,
	BASE_DEREF,
	BASE_PLT,
	BASE_SIGNAL,
	BASE_STOP,
	BASE_BAD,
	BASE_CUT,
	BASE_AWAY,
	BASE_GO_SYSTEM,
	BASE_GO_GROW,
	BASE_GO_C,
	BASE_GO_CALLBACK,
};
enum unwind_where { AT_SAME, AT_BASE, AT_RBP, AT_RSP, IN_REG, AT_NONE };
#define RBX_LOST 32767

/* The registers in a signal's frame, from rsp in its restorer: struct ucontext. */
#define SIGNAL_BP 120
#define SIGNAL_BX 128
#define SIGNAL_SP 160
#define SIGNAL_IP 168

/* What a runtime's code answers: below, or an enum pb_end but PB_END_CHAIN: the stack ends. */
#define WAY_NATIVE -1 /* the native frame at hand follows */
#define WAY_TAKEN  0  /* that too is done: the frame at hand is another now */

#define STACK_WORDS (PB_FRAMES_MAX + PB_USER_WORDS)
#define ROOT_WORDS  (PB_USER_WORDS - PB_HEAD_WORDS) /* a power of two */

#define ROW_STEPS     16 /* halvings of PB_CHUNK_ROWS */
#define RANGE_STEPS   12 /* of a process's ranges */
#define RANGES_MAX    (1 << RANGE_STEPS)
#define RETURNS_STEPS 64 /* return probes that the kernel keeps a thread */

#define TRAMPOLINE_SIZE 64 /* of return probes: a few instructions in a page of their own */

#define CS_64BIT   0x33
#define PF_NO_USER (0x00200000 | 0x00004000 | 0x00000010) /* KTHREAD, USER_WORKER, IO_WORKER */

struct unwind_ctx {
	struct stack_work *w;
	struct task_struct *task;
};

/*
 * ~0 if a < b, else 0, of numbers below 2^63. Without a branch: searches would give the verifier
 * two ways to follow at each step.
 */
static __always_inline __u64 below_mask(__u64 a, __u64 b)
{
	__s64 difference = a - b;

	asm volatile("" : "+r"(difference));
	return difference >> 63;
}

/* Adds a word to the user's side; where there is no room left, over the oldest of the root's. */
static __subprog int unwind_put(struct stack_work *w, __u64 word)
{
	__u32 n = w->u.words++, at = n;

	if (n >= PB_HEAD_WORDS)
		at = PB_HEAD_WORDS + ((n - PB_HEAD_WORDS) & (ROOT_WORDS - 1));
	at += w->s.kernel;
	if (at < STACK_WORDS)
		w->s.ips[at] = word;
	return 0;
}

/* Reads a word into u->word; walks go upwards, so what lies behind is read along with it. */
static __always_inline int unwind_fetch(struct unwind_ctx *c, __u64 addr)
{
	struct unwind *u = &c->w->u;
	__u64 index = (addr - u->window_at) >> 3;

	if (addr >= u->window_at && index < UNWIND_WINDOW && !(addr & 7)) {
		u->word = u->window[index & (UNWIND_WINDOW - 1)];
		return 0;
	}
	if (addr > u->window_at && !(addr & 7)) {
		u->window_at = addr - 8; /* rbp is often saved there */
		if (!UNWIND_READ(c, u->window, sizeof(u->window), u->window_at)) {
			u->word = u->window[1];
			return 0;
		}
		u->window_at = -1ULL >> 1; /* the stack ends before the window does */
	}
	return UNWIND_READ(c, &u->word, sizeof(u->word), addr);
}

#ifdef UNWIND_OTHER_TASK
static __subprog int unwind_read(struct unwind_ctx *c, __u64 addr)
{
	return unwind_fetch(c, addr);
}
#else
/* Verified once a program, and not once for each way that leads to it: there are many. */
__weak int unwind_fetch_current(struct stack_work *w, __u64 addr)
{
	struct unwind_ctx c = { .w = w };

	return w ? unwind_fetch(&c, addr) : -1;
}

static __always_inline int unwind_read(struct unwind_ctx *c, __u64 addr)
{
	return unwind_fetch_current(c->w, addr);
}
#endif

static __always_inline bool in_range(const struct pb_unwind_range *r, __u64 addr)
{
	return addr - r->start < r->size;
}

static __always_inline struct pb_unwind_range *unwind_range(struct unwind *u, __u64 addr)
{
	__u32 key = u->range, n = u->ranges, at, half; /* before 6.4 keys must be on the stack */
	struct pb_unwind_range *r = bpf_map_lookup_elem(&unwind_ranges, &key);

	if (r && in_range(r, addr))
		return r;
	at = u->first_range;
	for (int i = 0; i < RANGE_STEPS; i++) {
		half = n >> 1;
		key = at + half;
		r = bpf_map_lookup_elem(&unwind_ranges, &key);
		if (!r)
			return NULL;
		at += half & ~below_mask(addr, r->start);
		n -= half;
	}
	key = u->range = at;
	r = bpf_map_lookup_elem(&unwind_ranges, &key);
	return r && in_range(r, addr) ? r : NULL;
}

static __always_inline struct unwind_found *unwind_found(struct unwind *u, __u64 addr)
{
	return &u->found[(addr ^ addr >> 8) & (UNWIND_FOUND - 1)];
}

/* The rule for the frame at hand; NULL: no table has one. */
static __always_inline struct pb_unwind_rule *unwind_rule(struct unwind *u)
{
	__u64 addr = u->ip - u->is_return, row;
	struct unwind_found *found = unwind_found(u, addr);
	struct pb_unwind_chunk *chunk;
	struct pb_unwind_range *r;
	__u32 zero_key = 0, key, n, half;
	void *map;

	if (found->addr == addr && found->image == u->first_range &&
	    found->generation == u->generation) {
		u->known = 1;
		key = found->rule;
		return bpf_map_lookup_elem(&unwind_rules, &key);
	}
	r = unwind_range(u, addr);
	u->known = r != NULL;
	u->mark = r ? r->mark : u->anon;
	if (!r || !r->n)
		return NULL;
	key = r->chunk;
	map = bpf_map_lookup_elem(&unwind_chunks, &key);
	chunk = map ? bpf_map_lookup_elem(map, &zero_key) : NULL;
	if (!chunk)
		return NULL;
	addr -= r->base;
	row = r->first;
	n = r->n;
	for (int i = 0; i < ROW_STEPS; i++) {
		half = n >> 1;
		row += half & ~below_mask(addr, chunk->addr[(row + half) & (PB_CHUNK_ROWS - 1)]);
		n -= half;
	}
	key = chunk->rule[row & (PB_CHUNK_ROWS - 1)];
	found->addr = u->ip - u->is_return;
	found->image = u->first_range;
	found->generation = u->generation;
	found->rule = key;
	return bpf_map_lookup_elem(&unwind_rules, &key);
}

/* Makes a lazily kept register current; 0 or the reason why it cannot be. */
static __always_inline int unwind_need_bp(struct unwind_ctx *c)
{
	struct unwind *u = &c->w->u;

	if (u->lost_bp)
		return PB_END_REGISTER;
	if (!u->bp_at)
		return 0;
	if (unwind_read(c, u->bp_at))
		return PB_END_FAULT;
	u->bp = u->word;
	u->bp_at = 0;
	return 0;
}

static __always_inline int unwind_need_bx(struct unwind_ctx *c)
{
	struct unwind *u = &c->w->u;

	if (u->lost_bx)
		return PB_END_REGISTER;
	if (!u->bx_at)
		return 0;
	if (unwind_read(c, u->bx_at))
		return PB_END_FAULT;
	u->bx = u->word;
	u->bx_at = 0;
	return 0;
}

/* The value of a register into u->word; 0 or an enum pb_end. */
static __subprog int unwind_register(struct unwind_ctx *c, __u64 reg)
{
	struct unwind *u = &c->w->u;
	int end = 0;

	if (reg == REG_SP) {
		u->word = u->sp;
	} else if (reg == REG_BP) {
		end = unwind_need_bp(c);
		u->word = u->bp;
	} else if (reg == REG_BX) {
		end = unwind_need_bx(c);
		u->word = u->bx;
	} else if (!u->regs || reg > REG_MAX ||
		   bpf_probe_read_kernel(&u->word, sizeof(u->word), (void *)(u->regs + 8 * reg))) {
		end = PB_END_REGISTER;
	}
	return end;
}

/*
 * A function with a return probe: the kernel knows where it really returns to. Verified once a
 * program: its loop is long, and every kind of frame comes here.
 */
__weak int unwind_true_return(struct stack_work *w, __u64 slot)
{
	struct return_instance *ri;

	if (!w)
		return 0;
	ri = (struct return_instance *)w->u.return_probes;
	for (int i = 0; i < RETURNS_STEPS && ri; i++) {
		if (BPF_CORE_READ(ri, stack) == slot) {
			w->u.ip = BPF_CORE_READ(ri, orig_ret_vaddr);
			w->u.return_probes = (__u64)ri;
			return 0;
		}
		ri = BPF_CORE_READ(ri, next);
	}
	return 0;
}

/* The caller is at hand: its return address was read from `slot`, which ends the frame. */
static __always_inline int unwind_enter(struct stack_work *w, __u64 slot)
{
	struct unwind *u = &w->u;

	u->ip = u->word;
	if (u->trampoline && u->ip == u->trampoline)
		unwind_true_return(w, slot);
	u->sp = slot + 8;
	u->regs = 0;
	u->is_return = 1;
	return u->ip ? 0 : PB_END_DONE;
}

/* No table: rbp points at the saved rbp, under the return address, or so one hopes. */
static __subprog int unwind_by_rbp(struct unwind_ctx *c)
{
	struct unwind *u = &c->w->u;
	int none = u->known ? PB_END_NO_TABLE : PB_END_UNKNOWN;
	__u64 frame;

	if (unwind_need_bp(c))
		return none;
	frame = u->bp;
	/* In code that is known Go may be at work, which goes from one stack to another. */
	if (!frame || frame & 7 || (!u->known && frame < u->sp) || unwind_read(c, frame) ||
	    u->word == frame)
		return none;
	u->bp = u->word;
	if (unwind_read(c, frame + 8))
		return none;
	c->w->s.by_rbp++;
	u->lost_bx = 1;
	return unwind_enter(c->w, frame + 8) ? none : 0;
}

/* The kernel's frame of a signal: what was interrupted goes on with all its registers. */
static __subprog int unwind_signal(struct unwind_ctx *c)
{
	struct unwind *u = &c->w->u;
	__u64 frame = u->sp;

	if (unwind_read(c, frame + SIGNAL_IP))
		return PB_END_FAULT;
	u->ip = u->word;
	if (unwind_read(c, frame + SIGNAL_SP))
		return PB_END_FAULT;
	u->sp = u->word;
	u->bp_at = frame + SIGNAL_BP;
	u->bx_at = frame + SIGNAL_BX;
	u->lost_bp = u->lost_bx = 0;
	u->window_at = -1ULL >> 1; /* it may have been another stack */
	u->regs = 0;
	u->is_return = 0;
	return 0;
}

/* Where the frame's base lies, into u->word. */
static __always_inline int unwind_base(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	struct unwind *u = &c->w->u;
	int end = unwind_register(c, r->reg);

	if (end)
		return end;
	u->word += r->offset;
	if (r->base == BASE_PLT) {
		u->word += (__s32)(u->ip & 15) >= r->add ? 8 : 0;
	} else if (r->base == BASE_DEREF) {
		if (unwind_read(c, u->word))
			return PB_END_FAULT;
		u->word += r->add;
	}
	return 0;
}

/* Where the caller's rbp and rbx are. */
static __always_inline void unwind_saved(struct unwind_ctx *c, const struct pb_unwind_rule *r,
					 __u64 base)
{
	struct unwind *u = &c->w->u;
	__s64 offset = 8 * (__s64)r->rbp_words;

	if (r->rbp == AT_BASE) {
		u->bp_at = base + offset;
		u->lost_bp = 0;
	} else if (r->rbp == AT_RBP) {
		u->lost_bp = unwind_need_bp(c) != 0;
		u->bp_at = u->bp + offset;
	} else if (r->rbp == AT_RSP) {
		u->bp_at = u->sp + offset;
		u->lost_bp = 0;
	} else if (r->rbp == IN_REG) {
		u->lost_bp = unwind_register(c, r->rbp_words) != 0;
		u->bp = u->word;
		u->bp_at = 0;
	} else if (r->rbp != AT_SAME) {
		u->lost_bp = 1;
	}
	if (r->rbx_words == RBX_LOST) {
		u->lost_bx = 1;
	} else if (r->rbx_words) {
		u->bx_at = base + 8 * (__s64)r->rbx_words;
		u->lost_bx = 0;
	}
}

#include "go.bpf.h"

static __subprog int unwind_by_rule(struct unwind_ctx *c, const struct pb_unwind_rule *r)
{
	struct unwind *u = &c->w->u;
	__u64 base;
	int end;

	if (r->base == BASE_STOP)
		return PB_END_DONE;
	if (r->base == BASE_SIGNAL)
		return unwind_signal(c);
	if (r->base == BASE_BAD)
		return PB_END_RULE;
	if (r->base >= BASE_GO_SYSTEM)
		return unwind_go(c, r);
	end = unwind_base(c, r);
	if (end)
		return end;
	base = u->word;
	if (r->base == BASE_AWAY && go_leave_stack(u))
		return PB_END_LOOP;
	if (r->base != BASE_AWAY && base <= u->sp && (base != u->sp || r->ra_reg == REG_NONE))
		return PB_END_LOOP;
	unwind_saved(c, r, base);
	if (r->ra_reg != REG_NONE)
		end = unwind_register(c, r->ra_reg);
	else
		end = unwind_read(c, base - 8) ? PB_END_FAULT : 0;
	if (end)
		return end;
	end = unwind_enter(c->w, base - 8);
	u->is_return = r->base != BASE_CUT;
	return end;
}

/* Puts down the frame at hand as native code. */
static __always_inline void unwind_put_ip(struct stack_work *w, bool exact)
{
	__u64 word = w->u.ip & ~(PB_IP_EXACT | PB_WORD_RUNTIME | PB_WORD_SECOND);

	if (w->u.words && exact)
		word |= PB_IP_EXACT;
	if (!config.hide_hosts || !w->u.is_host || !w->u.told)
		unwind_put(w, word);
}

/* The same; the rule may be NULL. */
static __always_inline void unwind_put_native(struct stack_work *w, const struct pb_unwind_rule *r)
{
	unwind_put_ip(w, !w->u.is_return || (r && r->base == BASE_SIGNAL));
}

#include "frameless.bpf.h"
#include "runtime.bpf.h"

static __always_inline int unwind_native(struct unwind_ctx *c, struct pb_unwind_rule *r)
{
	int end = WAY_NATIVE;

	unwind_put_native(c->w, r);
	if (r && r->base != BASE_NONE)
		return unwind_by_rule(c, r);
	if (!c->w->u.is_return)
		end = unwind_frameless(c);
	return end == WAY_NATIVE ? unwind_by_rbp(c) : end;
}

/* One frame. */
static long unwind_step(__u32 i, struct unwind_ctx *c)
{
	struct unwind *u = &c->w->u;
	struct pb_unwind_rule *r;
	int end = WAY_NATIVE;

	if (i >= PB_WALK_MAX) {
		c->w->s.end = PB_END_DEEP;
		return 1;
	}
	r = unwind_rule(u);
	u->is_host = 0;
	if (r) {
		u->mark = r->mark & ~PB_MARK_HOST;
		u->is_host = r->mark & PB_MARK_HOST;
	}
	if (u->mark)
		end = runtime_step(c, r);
	if (end == WAY_NATIVE)
		end = unwind_native(c, r);
	c->w->s.end = end;
	return end != 0;
}

/* Whose calls have a return probe finds another return address on its stack. */
static __always_inline void unwind_find_return_probes(struct unwind *u, struct task_struct *task)
{
	struct uprobe_task *utask;

	u->trampoline = 0;
	if (!bpf_core_field_exists(task->utask))
		return;
	utask = BPF_CORE_READ(task, utask);
	u->return_probes = utask ? (__u64)BPF_CORE_READ(utask, return_instances) : 0;
	if (u->return_probes)
		u->trampoline = BPF_CORE_READ(task, mm, uprobes_state.xol_area, vaddr);
}

/* In the trampoline itself: the function has returned, and its caller is about to go on. */
static __always_inline void unwind_leave_trampoline(struct unwind *u)
{
	struct return_instance *ri = (struct return_instance *)u->return_probes;

	if (!u->trampoline || u->ip - u->trampoline >= TRAMPOLINE_SIZE)
		return;
	u->sp = BPF_CORE_READ(ri, stack) + 8;
	u->ip = BPF_CORE_READ(ri, orig_ret_vaddr);
	u->regs = 0;
	u->is_return = 1;
}

/*
 * Sets out at the registers with which a task left user space. False: it has no user side, or
 * there are no tables for it.
 */
#define SLOT_SIZE  128 /* UPROBE_XOL_SLOT_BYTES of x86 */
#define BREAKPOINT 0xcc

/*
 * In the midst of a probe: its instruction runs in a slot elsewhere, or its breakpoint has just
 * been met and the kernel has not yet taken the address back to it.
 */
static __always_inline void unwind_leave_probe(struct stack_work *w, struct task_struct *task,
					       struct pt_regs *regs)
{
	struct uprobe_task *utask = BPF_CORE_READ(task, utask);
	struct unwind *u = &w->u;
	__u64 slot;

	if (!utask || !bpf_core_field_exists(utask->xol_vaddr))
		return;
	slot = BPF_CORE_READ(utask, xol_vaddr);
	if (slot && u->ip - slot < SLOT_SIZE) {
		u->ip = u->ip - slot + BPF_CORE_READ(utask, vaddr);
		return;
	}
#ifndef UNWIND_OTHER_TASK
	/* By a trap without an error code, and not by the sampler's own interrupt. */
	if (!w->s.kernel || (long)BPF_CORE_READ(regs, orig_ax) != -1)
		return;
	u->word = 0;
	bpf_probe_read_user(&u->word, 1, (void *)(u->ip - 1));
	if (u->word == BREAKPOINT)
		u->ip--;
#endif
}

static __always_inline bool unwind_begin(struct stack_work *w, struct task_struct *task, __u32 pid)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct pb_unwind_image *image;
	struct unwind *u = &w->u;

	if (!config.unwind || task->flags & PF_NO_USER || BPF_CORE_READ(regs, cs) != CS_64BIT)
		return false;
	image = bpf_map_lookup_elem(&unwind_images, &pid);
	if (!image)
		return false;
	u->generation = unwind_generation;
	u->range = u->first_range = image->first;
	u->ranges = image->n;
	u->ip = BPF_CORE_READ(regs, ip);
	u->sp = BPF_CORE_READ(regs, sp);
	u->bp = BPF_CORE_READ(regs, bp);
	u->bx = BPF_CORE_READ(regs, bx);
	u->bp_at = u->bx_at = 0;
	u->regs = (__u64)regs;
	u->is_return = u->lost_bp = u->lost_bx = 0;
	/* The first read fetches a piece of the stack. */
	u->window_at = u->sp - 8 * UNWIND_WINDOW;
	u->go_callback = 0;
	u->go_switches = 0;
	unwind_find_return_probes(u, task);
	unwind_leave_trampoline(u);
	unwind_leave_probe(w, task, regs);
	runtime_begin(u, image, task);
	u->words = 0;
	w->s.by_rbp = 0;
	return u->ip != 0;
}

static __always_inline void unwind_run(struct stack_work *w, struct task_struct *task)
{
	struct unwind_ctx c = { .w = w, .task = task };

	bpf_loop(PB_WALK_MAX + 1, unwind_step, &c, 0);
	w->s.user = w->u.words < PB_USER_WORDS ? w->u.words : PB_USER_WORDS;
	w->s.skipped = w->u.words - w->s.user;
}
