/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Code without a table, interrupted where its function has not set up the frame pointer yet, or has
 * left it already: rbp is the caller's still, and to follow it would skip the caller. The
 * instructions tell. Part of unwind.bpf.h.
 */
#pragma once

/* As the first bytes make little-endian numbers. */
#define CODE_RET       0xc3
#define CODE_RET_POP   0xc2
#define CODE_REP_RET   0xc3f3
#define CODE_ENDBR     0xfa1e0ff3
#define CODE_PUSH_BP   0x55
#define CODE_PUSH_MOVE 0xe5894855 /* push %rbp; mov %rsp,%rbp */
#define CODE_PUSH_LOAD 0xec8b4855 /* the same */
#define CODE_MOVE      0xe58948
#define CODE_LOAD      0xec8b48

/* Is the mov at hand the one behind a function's push %rbp? */
static __always_inline bool is_frame_move(struct unwind_ctx *c, __u64 code)
{
	struct unwind *u = &c->w->u;

	code &= 0xffffff;
	return (code == CODE_MOVE || code == CODE_LOAD) &&
	       !UNWIND_READ(c, u->bytes, 1, u->ip - 1) && u->bytes[0] == CODE_PUSH_BP;
}

/* On to the caller of an interrupted function that has no frame; WAY_NATIVE: it may have one. */
static __always_inline int unwind_frameless(struct unwind_ctx *c)
{
	struct unwind *u = &c->w->u;
	__u64 slot = u->sp, code;

	if (UNWIND_READ(c, u->read, sizeof(u->read[0]), u->ip))
		return WAY_NATIVE;
	code = u->read[0];
	if ((code & 0xffffffff) == CODE_ENDBR)
		code >>= 32;
	if (is_frame_move(c, code))
		slot += 8;
	else if ((code & 0xff) != CODE_RET && (code & 0xff) != CODE_RET_POP &&
		 (code & 0xffff) != CODE_REP_RET && (code & 0xffffffff) != CODE_PUSH_MOVE &&
		 (code & 0xffffffff) != CODE_PUSH_LOAD)
		return WAY_NATIVE;
	if (unwind_read(c, slot))
		return PB_END_FAULT;
	u->lost_bx = 1;
	return unwind_enter(c->w, slot);
}
