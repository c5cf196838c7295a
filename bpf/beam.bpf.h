/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The BEAM's just-in-time compiled code (OTP 24 and later, x86-64). It has rsp on the stack of the
 * Erlang process, where terms lie between return addresses that alone end in two zero bits; r13 at
 * the process and rbx in the scheduler's registers. These lie on the C stack of the scheduler's
 * thread, in the frame of the fragment process_main, and right below them the frames of C
 * functions that the code calls. So a walk goes from the C function to the process's stack, and
 * from its end to process_main's caller. A dirty scheduler is C code that has the process at hand.
 *
 * Part of runtime.bpf.h.
 */
#pragma once

/* In u->at. */
#define BEAM_AT   0 /* the process's stack is being read: what of it is next; 0: it is not */
#define BEAM_RSP  1 /* rsp in process_main; 0: a dirty scheduler's C stack goes on below */
#define BEAM_SEEN 2 /* words without a return address; or the last bytes of code */
#define BEAM_DONE 3 /* this stack's process was told: + BEAM_PIECE for each piece of its stack */

#define BEAM_TOLD    1 /* or is being */
#define BEAM_SKIPPED 2 /* from the stack's leaf to its root, or there was no need to */
#define BEAM_PIECE   4

#define BEAM_LEAF_PIECES 64          /* that are read before something may be left out */
#define BEAM_PIECES      1024        /* the most before it is */
#define BEAM_ROOT_BYTES  (16L << 10) /* that are kept at the root: 1,024 frames of two words */

#define BEAM_WORDS    32   /* of the stack that are read at once: never across the end of a page */
#define BEAM_FRAME    1100 /* words: frames are smaller */
#define BEAM_CODE     128  /* bytes that are searched for a way back to the process's stack */
#define BEAM_NEAR     256  /* bytes: C stack that code uses itself */
#define BEAM_SLOTS    4    /* places where main_return may be, 16 bytes apart */
#define BEAM_TAG_PID  3    /* of the first word of a process: its id */
#define BEAM_TAG_MASK 15
#define REG_R13       2

/* Moves of rsp back to the process's stack, as the last bytes make little-endian numbers. */
#define BEAM_MOV_RSP_RBP  0xec8948 /* mov %rbp,%rsp */
#define BEAM_MOV_RSP_RBP2 0xe58b48 /* the same */
#define BEAM_MOV_RSP_R13  0x658b49 /* mov DISP8(%r13),%rsp */
#define BEAM_MOV_RSP_R132 0xa58b49 /* mov DISP32(%r13),%rsp */

/* Does compiled code lie there? Verified once. */
__weak int beam_is_code(struct stack_work *w, __u64 addr)
{
	struct pb_unwind_range *r;

	if (!w)
		return 0;
	r = unwind_range(&w->u, addr);
	return r && !r->n && r->mark == PB_RUNTIME_BEAM;
}

static __always_inline int beam_read(struct unwind_ctx *c, __u64 addr)
{
	return UNWIND_READ(c, &c->w->u.word, sizeof(c->w->u.word), addr);
}

/* One word of the stack. Ends at the process's first function. */
static long beam_word(__u32 i, struct unwind_ctx *c)
{
	struct unwind *u = &c->w->u;
	__u64 addr = (u->at[BEAM_AT] & ~(8ULL * BEAM_WORDS - 1)) + 8 * i, word;

	word = u->read[i & (BEAM_WORDS - 1)];
	if (addr < u->at[BEAM_AT])
		return 0;
	u->at[BEAM_SEEN]++;
	if (!word || word & 3 || !beam_is_code(c->w, word - 1))
		return 0;
	u->at[BEAM_SEEN] = 0;
	if (word == u->word) {
		u->at[BEAM_AT] = 0;
		return 1;
	}
	unwind_put(c->w, word);
	return 0;
}

/* process_main itself, and on to its caller, which stands at one of a few places. */
static __always_inline int beam_leave(struct unwind_ctx *c, const struct pb_beam_image *b)
{
	struct unwind *u = &c->w->u;
	__u64 slot = u->at[BEAM_RSP] + b->main_slot;

	if (UNWIND_READ(c, u->bytes, 16 * BEAM_SLOTS, slot))
		return PB_END_FAULT;
	for (int i = 0; i < BEAM_SLOTS; i++) {
		if (u->read[2 * i] != b->main_return || !b->main_return)
			continue;
		u->ip = b->main_return;
		u->sp = slot + 16 * i + 8;
		u->is_return = 1;
		u->lost_bp = u->lost_bx = 1;
		u->regs = 0;
		u->window_at = -1ULL >> 1;
		return WAY_TAKEN;
	}
	return PB_END_SWITCH;
}

/*
 * The process that this thread runs; 0: it cannot be told. rsp: in process_main, which its
 * scheduler must agree to; 0 in dirty ones.
 */
static __subprog __u64 beam_process(struct unwind_ctx *c, const struct pb_beam_image *b, __u64 rsp)
{
	struct unwind *u = &c->w->u;
	__u64 scheduler, process;

	if (!b->scheduler || beam_read(c, u->fs_base + b->scheduler))
		return 0;
	scheduler = u->word;
	if (!scheduler)
		return 0;
	if (rsp && (beam_read(c, scheduler + b->scheduler_rsp) || u->word != rsp))
		return 0;
	if (beam_read(c, scheduler + b->scheduler_process) || !u->word)
		return 0;
	process = u->word;
	if (beam_read(c, process) || (u->word & BEAM_TAG_MASK) != BEAM_TAG_PID)
		return 0;
	return process;
}

/* Its stack pointer. */
static __always_inline __u64 beam_stop(struct unwind_ctx *c, const struct pb_beam_image *b,
				       __u64 rsp)
{
	__u64 process = beam_process(c, b, rsp);

	return !process || beam_read(c, process + b->stop) ? 0 : c->w->u.word;
}

/* A word that stands for no frame. */
static long beam_fill(__u32 i, struct unwind_ctx *c)
{
	unwind_put(c->w, PB_WORD_RUNTIME | PB_WORD_SECOND);
	return 0;
}

/* From a deep stack's leaf to its root. There is no room for what lies between. */
static __subprog int beam_skip(struct unwind_ctx *c, const struct pb_beam_image *b)
{
	__u64 process = beam_process(c, b, c->w->u.at[BEAM_RSP]);
	struct unwind *u = &c->w->u;
	__u32 n = ROOT_WORDS;

	u->at[BEAM_DONE] |= BEAM_SKIPPED;
	if (!process || !b->hend || beam_read(c, process + b->hend) || u->word & 7 ||
	    (__s64)(u->word - u->at[BEAM_AT]) <= BEAM_ROOT_BYTES)
		return 0;
	u->at[BEAM_AT] = u->word - BEAM_ROOT_BYTES;
	u->at[BEAM_SEEN] = 0;
	if (u->words < PB_HEAD_WORDS)
		n = PB_USER_WORDS - u->words;
	bpf_loop(n, beam_fill, c, 0);
	return 0;
}

static __always_inline bool beam_is_deep(const struct unwind *u)
{
	__u64 pieces = u->at[BEAM_DONE] / BEAM_PIECE;

	if (u->at[BEAM_DONE] & BEAM_SKIPPED || pieces < BEAM_LEAF_PIECES)
		return false;
	return u->words > PB_HEAD_WORDS || pieces >= BEAM_PIECES / 2;
}

/* A piece of the process's stack. */
static __always_inline int beam_stack(struct unwind_ctx *c, const struct pb_beam_image *b)
{
	struct unwind *u = &c->w->u;
	__u64 piece = u->at[BEAM_AT] & ~(8ULL * BEAM_WORDS - 1);

	if (u->at[BEAM_DONE] > BEAM_PIECE * BEAM_PIECES)
		return PB_END_DEEP;
	u->at[BEAM_DONE] += BEAM_PIECE;
	if (UNWIND_READ(c, u->bytes, sizeof(u->bytes), piece))
		return PB_END_FAULT;
	u->word = b->normal_exit;
	bpf_loop(BEAM_WORDS, beam_word, c, 0);
	if (u->at[BEAM_AT]) {
		u->at[BEAM_AT] = piece + sizeof(u->bytes);
		if (u->at[BEAM_SEEN] > BEAM_FRAME)
			return PB_END_NO_TABLE;
		return beam_is_deep(u) ? beam_skip(c, b) : WAY_TAKEN;
	}
	if (!u->at[BEAM_RSP]) /* the C function at hand follows */
		return WAY_NATIVE;
	u->ip = b->main;
	u->is_return = 0;
	unwind_put_ip(c->w, true);
	return beam_leave(c, b);
}

/* Begins to read the stack of a process, at the pointer to it that was read into u->word. */
static __always_inline int beam_begin(struct unwind_ctx *c, __u64 at, __u64 rsp)
{
	struct unwind *u = &c->w->u;

	if (!at || at & 7)
		return PB_END_REGISTER;
	u->at[BEAM_AT] = at;
	u->at[BEAM_RSP] = rsp;
	u->at[BEAM_SEEN] = 0;
	u->at[BEAM_DONE] = BEAM_TOLD;
	return WAY_TAKEN;
}

/* One byte of code; ends behind a move to rsp. */
static long beam_code_byte(__u32 i, struct unwind_ctx *c)
{
	struct unwind *u = &c->w->u;
	__u64 last = u->at[BEAM_SEEN] >> 8 | (__u64)u->bytes[i & (BEAM_CODE - 1)] << 16;

	u->at[BEAM_SEEN] = last;
	return last == BEAM_MOV_RSP_RBP || last == BEAM_MOV_RSP_RBP2 || last == BEAM_MOV_RSP_R13 ||
	       last == BEAM_MOV_RSP_R132;
}

/*
 * Where the process's stack goes on, while rsp is on the C stack: in rbp, or in the process. Which
 * of them, the code tells that will go back there: the other one is an old value.
 */
static __always_inline __u64 beam_saved(struct unwind_ctx *c, const struct pb_beam_image *b,
					__u64 rsp)
{
	struct unwind *u = &c->w->u;

	if (UNWIND_READ(c, u->bytes, BEAM_CODE, u->ip))
		return 0;
	u->at[BEAM_SEEN] = 0;
	bpf_loop(BEAM_CODE, beam_code_byte, c, 0);
	if (u->at[BEAM_SEEN] == BEAM_MOV_RSP_RBP || u->at[BEAM_SEEN] == BEAM_MOV_RSP_RBP2)
		return unwind_need_bp(c) ? 0 : u->bp;
	return beam_stop(c, b, rsp);
}

/* Compiled code: interrupted, or that which called a C function. */
static __always_inline int beam_enter(struct unwind_ctx *c, const struct pb_beam_image *b)
{
	struct unwind *u = &c->w->u;
	__u64 rsp = u->sp, at = u->sp;

	unwind_put_ip(c->w, !u->is_return);
	if (!unwind_need_bx(c))
		rsp = u->bx - b->registers;
	else if (!u->is_return)
		return PB_END_REGISTER;
	if (u->is_return || rsp - u->sp < BEAM_NEAR) { /* on the C stack */
		if (u->ip - b->main < b->main_size) {
			u->at[BEAM_RSP] = rsp;
			return beam_leave(c, b);
		}
		at = beam_saved(c, b, rsp);
	} else if (u->ip - b->shared < b->shared_size && !beam_read(c, at) && u->word & 3 &&
		   beam_is_code(c->w, u->word)) {
		/* Called by a function that never looks at return addresses: anywhere. */
		unwind_put(c->w, u->word);
		at += 8;
	}
	return beam_begin(c, at, rsp);
}

/* The rule may be NULL: of compiled code. Otherwise it is the C code that runs dirty schedulers. */
static __subprog int beam_step(struct unwind_ctx *c, struct pb_unwind_rule *r)
{
	struct unwind *u = &c->w->u;
	union pb_runtime_image *image = runtime_image(u, PB_RUNTIME_BEAM);
	__u64 at;

	if (!image)
		return WAY_NATIVE;
	if (u->at[BEAM_AT])
		return beam_stack(c, &image->beam);
	if (!r)
		return beam_enter(c, &image->beam);
	at = u->at[BEAM_DONE] ? 0 : beam_stop(c, &image->beam, 0);
	return at && !(at & 7) ? beam_begin(c, at, 0) : WAY_NATIVE;
}
