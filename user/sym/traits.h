/* SPDX-License-Identifier: GPL-2.0-only */
/* What kind of code an object holds, from its headers, its dependencies and its symbols' names. */
#pragma once

#include "sym/elf.h"
#include "sym/symbols.h"

/* What traits_see() needs to know, and what roots are looked for. */
struct traits_context {
	struct elf_traits *traits;
	bool is_libc; /* SONAME libc.so.6 */
};

/* Fills all that needs no symbols; interp on the heap is the caller's. 0 or -ENOMEM. */
int traits_read(const struct elf_file *f, struct traits_context *ctx, char **ret_interp);
/* Learns from one symbol; a symtab_see_fn, arg is a struct traits_context. */
void traits_see(const char *name, bool defined, void *arg);
/* Is the entry point that of a program (or of the dynamic loader), not a leftover of linking? */
bool traits_has_entry(const struct elf_file *f);
