/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source lines and inlined functions of a Go program, stripped or not, by the tables that it
 * carries for its own stack traces (Go 1.16 and later; inlined functions since 1.18).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"

#define GO_FRAMES_MAX 64 /* deeper inlining is cut: the outermost are left out */

struct go_frame {
	const char *name; /* as Go writes it: main.(*T).Method, main.apply[...] */
	const char *file; /* as the compiler was told: absolute, but for -trimpath; NULL: not known */
	uint32_t line;    /* of the instruction, or of the call further in; 0: not known */
	bool inlined;     /* into the next frame */
};

/* Innermost first; the last is the function that has code of its own. */
struct go_frames_at {
	struct go_frame v[GO_FRAMES_MAX];
	uint32_t n; /* 0: no Go function covers the address */
};

struct go_lines;

/* The descriptor stays the caller's. 0, -ENODATA (no Go program), -ENOMEM, -ENOEXEC. */
int golines_open(int fd, struct go_lines **ret);
void golines_free(struct go_lines *g);
DEFINE_CLEANUP(struct go_lines *, golines_free)

/*
 * By address in the object; for a return address the caller asks about the byte before. Strings
 * live as long as `g`.
 */
void golines_find(const struct go_lines *g, uint64_t addr, struct go_frames_at *ret);
/* Bytes of memory held. */
size_t golines_memory(const struct go_lines *g);
