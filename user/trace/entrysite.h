/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a function's entry is probed. A breakpoint costs several times as much on an instruction
 * that the kernel has to single-step as on one that it emulates, so the probe goes to the first
 * emulated instruction that stands for the entry as the very first one does:
 *   - every call of the function executes it exactly once: it is reached in a straight line, and
 *     nothing leads to it, or to what is skipped, other than through the first instruction. (A jump
 *     back to the first instruction passes it once more; a probe there would see that jump, too.)
 *   - what is skipped leaves the registers alone that the caller is going to read: those of the
 *     arguments, if they are asked for. What it writes to memory is written when the probe is hit.
 *   - it is known how far the stack pointer has moved, and only a little is skipped: what happens
 *     there is missing in the time of the call.
 * Where there is none, the probe goes to the first instruction, whatever it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/entrybounds.h"
#include "trace/retsites.h"

/* What the kernel does when a probe on the instruction is hit. */
enum site_class {
	SITE_STEPPED, /* all others: the CPU single-steps it, at the price of a second trap */
	SITE_PUSH,
	SITE_NOP,
	SITE_NOP5, /* Linux 6.18 turns it into a call, which writes below the stack pointer */
	SITE_JUMP, /* also a conditional one */
	SITE_CALL,
};

/* Registers: bit n is general register n as instructions number them, bit 16 + n is xmm n. */
#define ENTRY_REG(n) (1U << (n))
#define ENTRY_XMM(n) (1U << (16 + (n)))
/* rdi, rsi, rdx, rcx, r8, r9, xmm0 to xmm7 */
#define ENTRY_ARGS_C                                                                               \
	(ENTRY_REG(7) | ENTRY_REG(6) | ENTRY_REG(2) | ENTRY_REG(1) | ENTRY_REG(8) | ENTRY_REG(9) | \
	 0xff0000U)
/* rax, rbx, rcx, rdi, rsi, r8 to r11, xmm0 to xmm14 */
#define ENTRY_ARGS_GO                                                                              \
	(ENTRY_REG(0) | ENTRY_REG(3) | ENTRY_REG(1) | ENTRY_REG(7) | ENTRY_REG(6) | 0xf00U |       \
	 0x7fff0000U)
#define ENTRY_GOROUTINE ENTRY_REG(14)

/* What the probe's program needs. */
struct entry_wants {
	/*
	 * The stack pointer may differ from that at the entry. A return probe must find the return
	 * address on top of the stack, so not with one.
	 */
	bool sp_may_move;
	uint32_t registers; /* to be as at the entry */
	/*
	 * For Go: a function that finds its stack too small has it grown and begins again. The
	 * probe goes behind that check if it can, where each call comes once.
	 */
	bool past_stack_check;
};

struct entry_site {
	uint64_t skip;     /* bytes from the function's first */
	uint32_t sp_moved; /* bytes that rsp lies below its value at the entry */
	enum site_class class;
	bool
	    restarts; /* past_stack_check: a call whose stack is grown is seen twice all the same */
	const char *why; /* of a stepped one: what stood in the way (static); else NULL */
};

/*
 * Chooses a site in the piece that was added first. -ENOTSUP: no instruction begins there that
 * could be probed.
 */
int entry_site_choose(const struct ret_code *code, const struct entry_bounds *b,
		      const struct entry_wants *wants, struct entry_site *ret);
