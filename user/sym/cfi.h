/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads call frame information: the records of .eh_frame (Linux Standard Base, "DWARF
 * Extensions") or .debug_frame, and the programs in them (DWARF 5, 6.4), as far as these
 * questions need it: where is the frame's base, where are the caller's rip, rbp and rbx, and is
 * there a caller at all? x86-64 only. Everything is hostile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a frame-pointer walk finds in a function at some instruction. */
enum cfi_frame {
	CFI_NONE,     /* no information */
	CFI_NO_FRAME, /* rbp is still the caller's, or something else */
	CFI_FRAME,    /* rbp points at the saved rbp, under the return address */
	CFI_UNKNOWN,  /* too unusual to tell */
};

/* How the frame's base (CFA) is found; registers by their DWARF numbers. */
enum cfi_base {
	CFI_BASE_NONE,   /* nothing is known of this code */
	CFI_BASE_REG,    /* reg + offset */
	CFI_BASE_DEREF,  /* the word at (reg + offset), + add */
	CFI_BASE_PLT,    /* reg + offset, and a word more where (rip & 15) >= add */
	CFI_BASE_SIGNAL, /* the kernel's frame of a signal: all registers are in it */
	CFI_BASE_STOP,   /* no caller */
	CFI_BASE_BAD,    /* in a way that is not followed */
	/* Go's: see sym/gostack.h */
	CFI_BASE_CUT,  /* reg + offset; no call led here, the caller was interrupted */
	CFI_BASE_AWAY, /* reg + offset, which may lie on another stack than rsp */
	CFI_BASE_GO_SYSTEM,
	CFI_BASE_GO_GROW,
	CFI_BASE_GO_C,
	CFI_BASE_GO_CALLBACK,
};

/* Where the caller's register is. */
enum cfi_where {
	CFI_SAME, /* still in the register */
	CFI_AT_BASE,
	CFI_AT_RBP,
	CFI_AT_RSP,
	CFI_IN_REG, /* words: which */
	CFI_LOST,
};

#define CFI_REG_NONE 0xff

/* One way to find a frame's caller; no padding, so that bytes compare. */
struct cfi_rule {
	uint8_t base; /* enum cfi_base */
	uint8_t reg;
	uint8_t rbp;    /* enum cfi_where */
	uint8_t ra_reg; /* the register that holds the return address; CFI_REG_NONE: base - 8 */
	int32_t offset;
	int16_t add;
	int16_t rbp_words;
	int16_t rbx_words; /* from the base; 0: in rbx still; INT16_MAX: lost */
	uint8_t mark;      /* of code that is special to a walk: see sym/unwindmark.h */
	uint8_t zero;      /* there is no padding */
};

_Static_assert(sizeof(struct cfi_rule) == 16, "cfi_rule has no padding");

struct cfi_state {
	struct cfi_rule rule;
	enum cfi_frame frame;
	bool no_caller; /* the return address is undefined: the stack ends here */
	/* In words of 8 bytes; 0: not known, or more than CFI_WORDS_MAX. */
	uint16_t base_words; /* CFI_NO_FRAME: from rsp up to the frame's base (CFA) */
	uint16_t rbp_words;  /* from the base down to the caller's rbp; 0: it is in rbp still */
};

#define CFI_WORDS_MAX 4095

struct cfi_section {
	const uint8_t *data;
	size_t size;
	uint64_t addr;
	bool ends_at_zero; /* a record of length 0 ends it; otherwise the size does */
	bool debug;        /* of .debug_frame */
};

/* The code that one FDE describes. */
struct cfi_function {
	uint64_t start, end;
};

struct cfi_visitor {
	/* A function; false skips it. */
	bool (*function)(const struct cfi_function *f, void *arg);
	/* From addr on the state is this one; addr rises, from the function's start. 0, -ENOMEM. */
	int (*state)(uint64_t addr, const struct cfi_state *state, void *arg);
	void *arg;
};

/* Visits all functions in the order of the section; 0, or what state() returned. */
int cfi_walk(const struct cfi_section *section, const struct cfi_visitor *visitor);
