/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is behind sym/symbols.h, for the files that make it: symbols_open.c reads the object,
 * symbols_late.c what waits for the first question about it, symbols.c answers.
 */
#pragma once

#include "sym/goinfo.h"
#include "sym/roots.h"
#include "sym/source_object.h"
#include "sym/symbols.h"
#include "sym/symtab.h"
#include "sym/traits.h"
#include "sym/unwindinfo.h"

/* What is made when first asked for. */
struct symbols_late {
	int fd;       /* owned; -1: there was none to keep */
	int debug_fd; /* owned; of the separate debug file, or -1 */
	char *root;
	bool has_code, has_source; /* made, or they could not be */
	bool has_frames;           /* it is known whether */
	bool keeps_frames;         /* functions without unwind information keep frame pointers */
	struct unwindinfo_place place;
	struct unwindinfo *unwind;
	struct roots roots;
	struct source *source;
};

/* An executable section, in file offsets. */
struct code_section {
	uint64_t start, end;
	bool stubs; /* of the procedure linkage table */
	bool whole; /* one function put together by the linker */
};

struct symbols {
	struct symtab table, plt;
	struct symtab former; /* before a debug file was added: its names are in use */
	elf_segments segments;
	VEC(struct code_section) code;
	struct elf_traits traits;
	struct traits_context context; /* of traits */
	struct go_info go;             /* version 0: not known */
	bool has_entry;
	char *interp;
	struct symbols_late *late;
};

/* Unwind information and stack roots, made at the first call. */
const struct symbols_late *symbols_late(const struct symbols *s);
/* Makes them from an open file, when none can be kept. */
void symbols_late_make(const struct symbols *s, int fd);
void symbols_late_free(struct symbols_late *l);
