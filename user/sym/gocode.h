/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads in the code of Go's runtime what its tables do not tell: where a thread keeps its
 * goroutine, and where frames lie in functions that move from one stack to another.
 */
#pragma once

#include "sym/cfi.h"
#include "sym/gofunc.h"

#define GO_G_STACK_HI 8 /* in all versions, as are these: */
#define GO_G_M        48
#define GO_G_SCHED_SP 56

/* A function's code, as far as it was read. */
struct go_code {
	uint64_t addr;
	const uint8_t *bytes;
	size_t size;
};

/* How a thread finds its goroutine. */
struct go_thread {
	bool by_got;        /* tls is the address of a word that holds the offset */
	int64_t tls;        /* offset from fs, where the pointer to runtime.g is */
	uint32_t goroutine; /* offset of m.curg */
};

/* By the code of runtime.systemstack; false: it is of a kind that nobody knows. */
bool gocode_thread(const struct go_code *code, struct go_thread *ret);

/*
 * Where a function has gone from one stack to another, from `leaves` on, and is back, from
 * `returns` on: behind its moves to rsp. Where it has none these are the end of the code.
 */
void gocode_switch(const struct go_code *code, uint64_t *leaves, uint64_t *returns);

/*
 * By runtime.asmcgocall: where it keeps the goroutine on the thread's stack, in words above rsp;
 * the distance of the goroutine's rsp from the end of its stack stands a word below. 0: unknown.
 */
uint32_t gocode_c_slot(const struct go_code *code);

/* How many words below the frame's base a function saves rbp; 0: it does not begin with that. */
uint32_t gocode_saves_rbp(const struct go_code *code, const struct gopclntab *t,
			  const struct go_record *r);

/*
 * The first register that a function pops, by its DWARF number: where the frame's size is -8 it
 * holds the return address. CFI_REG_NONE: there is none.
 */
uint8_t gocode_return_register(const struct go_code *code);

/* What is known besides of a function that writes rsp in its own way. */
struct go_frames {
	bool ends;       /* it does not come back: there is no caller once it has */
	uint32_t c_slot; /* it calls C: as gocode_c_slot() */
};

/* The rules that hold in such a function, for visitor->state(). 0 or what that returned. */
int gocode_frames(const struct go_code *code, const struct gopclntab *t, const struct go_record *r,
		  const struct go_frames *known, const struct cfi_visitor *visitor);

/* rsp + offset, up to the base; rbp where Go's compiler saves it, or not saved yet. */
struct cfi_rule gocode_rule(int32_t frame_size);
