/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What .eh_frame tells of an object's code, in eight bytes a change: where functions begin and
 * end, where they keep a frame pointer, where a stack has no caller.
 */
#pragma once

#include "sym/cfi.h"
#include "sym/elf.h"

struct unwindinfo;

/* Where a file keeps its frame information. */
struct unwindinfo_place {
	uint64_t offset, addr, size; /* size 0: it has none */
	bool ends_at_zero;
};

/* By section .eh_frame, or else by PT_GNU_EH_FRAME; x86-64 only. */
struct unwindinfo_place unwindinfo_locate(const struct elf_file *f);
/* 0 or a negative errno; segments tell what is code. */
int unwindinfo_read(int fd, const struct unwindinfo_place *place, const elf_segments *segments,
		    struct unwindinfo **ret);
void unwindinfo_free(struct unwindinfo *u);
size_t unwindinfo_memory(const struct unwindinfo *u);

/* NULL-safe: without information the state is CFI_NONE. */
struct cfi_state unwindinfo_state(const struct unwindinfo *u, uint64_t addr);
/* The function of an FDE that covers addr; false: none. */
bool unwindinfo_function(const struct unwindinfo *u, uint64_t addr, struct cfi_function *ret);
/* The first function that begins at addr or above; false: none. */
bool unwindinfo_next(const struct unwindinfo *u, uint64_t addr, struct cfi_function *ret);
