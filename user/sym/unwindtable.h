/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An object's call frame information as a sorted table: from which address on which rule tells
 * how a frame's caller is found. Rules are few and numbered. Made to be searched by BPF programs.
 */
#pragma once

#include "lib/cleanup.h"
#include "sym/cfi.h"
#include "sym/elf.h"

/* From this address on, up to the next row's. */
struct unwind_row {
	uint32_t addr; /* minus the table's base */
	uint32_t rule; /* index */
};

struct unwindtable {
	uint64_t base;           /* the lowest address of the object's code */
	struct unwind_row *rows; /* the first at address 0, also in an object without information */
	size_t n;
	struct cfi_rule *rules; /* number 0 is CFI_BASE_NONE */
	size_t rules_n;
	elf_segments segments;
};

/*
 * By .eh_frame, Go's own table, and .debug_frame for what these leave out; x86-64 only: -ENOEXEC
 * otherwise.
 * 0 or a negative errno.
 */
int unwindtable_read(int fd, struct unwindtable **ret);
void unwindtable_free(struct unwindtable *t);
DEFINE_CLEANUP(struct unwindtable *, unwindtable_free)

/* The rule for an address of the file, number 0 where there is none. */
uint32_t unwindtable_rule(const struct unwindtable *t, uint64_t addr);
