/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source lines and inlined functions of a Go program, stripped or not, by the tables that it
 * carries for its own stack traces (Go 1.16 and later; inlined functions since 1.18).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "sym/source.h"

struct go_lines;

/* The descriptor stays the caller's. 0, -ENODATA (no Go program), -ENOMEM, -ENOEXEC. */
int golines_open(int fd, struct go_lines **ret);
void golines_free(struct go_lines *g);
DEFINE_CLEANUP(struct go_lines *, golines_free)

/*
 * By address in the object, as symbols_source(): names as Go writes them (main.(*T).Method), files
 * as the compiler was told of them: absolute, but for -trimpath. Strings live as long as `g`.
 */
void golines_find(const struct go_lines *g, uint64_t addr, source_frames *ret);
/* Bytes of memory held. */
size_t golines_memory(const struct go_lines *g);
