/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs the programs of call frame information (DWARF 5, 6.4.2). */
#pragma once

#include "sym/cfi.h"
#include "sym/cursor.h"

/* What functions have in common. */
struct cfi_cie {
	const uint8_t *record; /* identifies it; NULL: none */
	const uint8_t *program, *program_end;
	uint64_t code_align;
	int64_t data_align;
	uint64_t return_reg;
	uint8_t encoding;
	bool augmented; /* FDEs carry a length of augmentation data */
	bool signal;    /* describes the kernel's frame of a signal */
};

/*
 * Runs the programs of a CIE and of one FDE, whose bytes c holds, and tells the visitor about
 * each change of state. data_addr is the section's address minus that of its bytes here.
 */
int cfi_run(const struct cfi_cie *cie, const struct cfi_function *f, struct cursor *c,
	    uint64_t data_addr, const struct cfi_visitor *visitor);
