/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a piece of x86-64 code does to its stack pointer: where do the values come from that it
 * loads into rsp? Frames of variable size, realigned stacks and unwinding to a handler load what
 * was computed from rsp (or rbp, while that holds the frame); a switch of stacks does not.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spflow_kind {
	SPFLOW_OWN,    /* rsp stays in its stack */
	SPFLOW_JUMP,   /* it is loaded from elsewhere, and the old one forgotten: a longjmp() */
	SPFLOW_CALL,   /* something is called on another stack, and the old one taken up again */
	SPFLOW_SWITCH, /* another stack is taken up, and this one left for later */
};

struct spflow_code {
	const uint8_t *bytes;
	size_t size;
	uint64_t addr; /* where it lies in its object's address space */
	bool is_entry; /* a function begins at addr: no register has an address of its frame */
	bool is_part;  /* or a part of one begins, the rest of which lies elsewhere */
};

struct spflow {
	enum spflow_kind kind;
	uint64_t at;      /* the instruction that loads rsp */
	uint64_t decoded; /* the code up to here was understood */
};

/* 0, -ENOMEM, or -ENOTSUP: the decoder is of no use. */
int spflow_find(const struct spflow_code *code, struct spflow *ret);
