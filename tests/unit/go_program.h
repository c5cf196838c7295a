/* SPDX-License-Identifier: GPL-2.0-only */
/* Go programs for tests: builds a small one where Go is installed, and opens what is stripped. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/buf.h"
#include "sym/symbols.h"

bool go_program_is_possible(void);
/*
 * Builds it with these flags of `go build` (words of a shell), CGO as said, and reads the file.
 * An assertion fails when that does not work.
 */
void go_program_build(const char *flags, bool cgo, struct buf *file);
/* Builds another program, whose source this is. */
void go_program_build_text(const char *text, const char *flags, bool cgo, struct buf *file);
/* Builds another program without CGO, reads its file, and runs it: what it prints. */
FILE *go_program_run(const char *text, const char *flags, struct buf *file);
/* The address of a symbol by nm, which reads the same bytes. */
uint64_t go_program_nm(const struct buf *file, const char *name);
/* Opens a file after taking its section headers away. */
struct symbols *go_program_open_headless(struct buf *file);
