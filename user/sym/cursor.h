/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the encodings of DWARF and .eh_frame from bytes that may be damaged: what lies beyond the
 * end reads as 0 and leaves a mark.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *p, *end;
	bool bad; /* something was missing, or of an unknown kind */
};

/* An unsigned number of n <= 8 bytes. */
uint64_t cursor_bytes(struct cursor *c, size_t n);
uint8_t cursor_u8(struct cursor *c);
void cursor_skip(struct cursor *c, uint64_t n);
/* LEB128. */
uint64_t cursor_uleb(struct cursor *c);
int64_t cursor_sleb(struct cursor *c);
/* A pointer of .eh_frame (DW_EH_PE_*); addr is the address of the pointer's own bytes. */
uint64_t cursor_pointer(struct cursor *c, uint8_t encoding, uint64_t addr);
