/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads call frame information: the records of .eh_frame (Linux Standard Base, "DWARF
 * Extensions") and the programs in them (DWARF 5, 6.4), as far as two questions need it: where
 * is the frame's base, and is there a caller at all? x86-64 only. Everything is hostile.
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

struct cfi_state {
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
