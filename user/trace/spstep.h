/* SPDX-License-Identifier: GPL-2.0-only */
/* What an instruction does to the values of the general registers, as trace/spflow.h asks. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/vec.h"

enum {
	SP_RAX,
	SP_RCX,
	SP_RDX,
	SP_RBX,
	SP_RSP,
	SP_RBP,
	SP_RSI,
	SP_RDI,
	SP_R8,
	SP_REGISTERS = 16,
};

enum sp_step_kind {
	SP_OTHER,    /* what it writes is none of the stack's addresses */
	SP_COPY,     /* dst = src */
	SP_CHOOSE,   /* dst = dst or src */
	SP_ADD,      /* dst += src */
	SP_SUBTRACT, /* dst -= src */
	SP_ADJUST,   /* dst: a number added, or aligned */
	SP_ADDRESS,  /* dst = address of the place */
	SP_LOAD,     /* dst = what is at the place */
	SP_STORE,    /* to the place: src */
	SP_TRADE,    /* dst and what is at the place change places */
	SP_TRADE_REGISTERS,
	SP_PUSH,  /* src */
	SP_POP,   /* dst */
	SP_LEAVE, /* or mov %rbp, %rsp */
	SP_CALL,
	SP_END, /* control does not go on behind it */
};

/* Memory: base + index * scale + disp; base and index are registers, or: */
#define SP_NONE     (-1) /* there is none: disp is the address */
#define SP_FS_OR_GS (-2) /* a segment */

struct sp_place {
	int8_t base, index;
	uint8_t scale;
	int64_t disp;
};

struct sp_step {
	enum sp_step_kind kind;
	uint32_t at;      /* bytes from the start of the code */
	int8_t dst, src;  /* registers; SP_NONE: none, or memory */
	uint32_t written; /* registers: a bit each */
	struct sp_place place;
};

typedef VEC(struct sp_step) sp_steps;

/*
 * Appends the steps of code that lies at `addr`, as far as it decodes: up to *ret_decoded. What a
 * jump leads to is marked in `targets`, a byte for each of the code's. 0, -ENOMEM, or -ENOTSUP: the
 * decoder is of no use.
 */
int sp_steps_decode(const uint8_t *bytes, size_t size, uint64_t addr, sp_steps *steps,
		    uint8_t *targets, uint64_t *ret_decoded);
