/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where code comes from: for an instruction the function as its source has it, with those that
 * the compiler inlined into it, and their files and lines. Read from the object's debug
 * information (DWARF 2 to 5, in the object itself or its debug file), unit by unit as questions
 * come. The files are hostile: sizes, depth and time are bounded, and what there is no time for
 * is unknown.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct symbols;

#define SOURCE_FRAMES_MAX 64 /* deeper inlining is cut: what is called innermost is left out */

struct source_frame {
	const char *name; /* demangled, or as the source has it with what it lies in; NULL */
	const char *file; /* absolute, if that is known; NULL */
	uint32_t line;    /* in file: of the instruction, or of the call further in; 0: none */
	bool inlined;     /* into the next frame */
};

/* Innermost first; the last is the function that has code of its own. */
typedef struct {
	struct source_frame v[SOURCE_FRAMES_MAX];
	uint32_t n; /* 0: nothing is known */
} source_frames;

/*
 * What was inlined where an instruction lies. For a return address the caller asks about the byte
 * before. Strings live as long as the symbols. Returns 0 or -ENOMEM; ret is set on success only.
 * The function itself has a symbol, too, whose name may say more (".cold"); or only a line is
 * known of it, its name is NULL then.
 */
int symbols_source(const struct symbols *s, uint64_t offset, source_frames *ret);

/* Did reading this object's debug information take so long that it was given up? */
bool symbols_source_given_up(const struct symbols *s);
