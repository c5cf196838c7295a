/* SPDX-License-Identifier: GPL-2.0-only */
/* The few shapes of DWARF expressions (DWARF 5, 2.5) that call frame information is made of. */
#pragma once

#include "sym/cfi.h"
#include "sym/cursor.h"

/* A place in terms of one register: see enum cfi_base, whose REG, DEREF, PLT and BAD it is. */
struct cfi_expression {
	enum cfi_base base;
	uint64_t reg;
	int64_t offset, add;
};

/* c holds the expression's bytes, and no more. */
struct cfi_expression cfi_expression_parse(struct cursor c);
