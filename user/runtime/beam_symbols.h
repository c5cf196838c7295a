/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names and lines of code that the BEAM compiled, from the list at __jit_debug_descriptor (GDB
 * manual, "JIT Compilation Interface"). Each entry's "symfile" is one module's, in the format of
 * erts/emulator/beam/jit/beam_jit_metadata.cpp, which has not changed from OTP 24 to 28: packed,
 * little-endian, strings with their NUL.
 *
 *	module:   u32 type (1), at 8 u64 base, u32 ranges, u32 code size, u16 length, name at 26;
 *	          the first range at 32 + length
 *	range:    u32 start, end (from the base), u32 lines, u16 length, name; 16 + length bytes,
 *	          then its lines
 *	line:     u32 start (from the base), u32 line, u16 length, file; 12 + length bytes
 *
 * The process changes and frees all of it while it is read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"

/* Memory of a process: all `size` bytes at an address, or a negative errno. */
struct beam_memory {
	int (*read)(void *arg, uint64_t addr, void *ret, size_t size);
	void *arg;
};

struct beam_symbols;

/* Strings live as long as no beam_symbols_read() follows. */
struct beam_place {
	const char *name; /* MODULE:FUNCTION/ARITY; of shared fragments "global::NAME" */
	const char *file; /* NULL: unknown */
	uint32_t line;    /* 0: unknown */
	bool shared;      /* a fragment that all modules use: no function of a program */
	uint64_t start, end;
};

/* Nothing is read yet. 0 or -ENOMEM. */
int beam_symbols_new(const struct beam_memory *memory, uint64_t descriptor,
		     struct beam_symbols **ret);
void beam_symbols_free(struct beam_symbols *s);
DEFINE_CLEANUP(struct beam_symbols *, beam_symbols_free)

/* Has a module come since the last reading? A few words are read. */
bool beam_symbols_changed(const struct beam_symbols *s);
/*
 * Reads what is new, forgets what is gone. 0; what could not be read is left out, or kept if it
 * was known. -EAGAIN: there is no list yet; -EPROTO: it is of an unknown version.
 */
int beam_symbols_read(struct beam_symbols *s);
/* What lies at an address; false: not known. */
bool beam_symbols_find(const struct beam_symbols *s, uint64_t addr, struct beam_place *ret);
/* The shared fragment of that name ("global::process_main"), and where all of them lie. */
bool beam_symbols_shared(const struct beam_symbols *s, const char *name, struct beam_place *ret,
			 uint64_t *ret_start, uint64_t *ret_end);
