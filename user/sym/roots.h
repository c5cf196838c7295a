/* SPDX-License-Identifier: GPL-2.0-only */
/* Which functions of an object begin a stack: found by name, or by the code of a stripped libc. */
#pragma once

#include "sym/symtab.h"
#include "sym/unwindinfo.h"

/* What is known of the object. */
struct roots_object {
	int fd;
	const struct symtab *symtab;
	const elf_segments *segments;
	const struct unwindinfo *unwind; /* or NULL */
	const struct elf_traits *traits;
	bool has_entry; /* its entry point is that of a program */
};

/* Ranges of addresses. */
struct roots {
	VEC(struct cfi_function) ranges;
};

/* 0 or -ENOMEM. */
int roots_find(const struct roots_object *o, struct roots *ret);
void roots_done(struct roots *r);
bool roots_cover(const struct roots *r, uint64_t addr);
