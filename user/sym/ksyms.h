/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel symbols from /proc/kallsyms. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct ksyms;

struct ksym {
	const char *name;
	const char *module; /* or NULL: the kernel itself */
	uint64_t addr;
};

/* Reads a stream in the format of /proc/kallsyms (which may be large); 0 or a negative errno. */
int ksyms_read(FILE *f, struct ksyms **ret);
void ksyms_free(struct ksyms *k);
/* True when every address is 0: kptr_restrict hides them. */
bool ksyms_hidden(const struct ksyms *k);
/* The symbol at or below addr, or NULL; text symbols only. ret is filled when found. */
bool ksyms_find(const struct ksyms *k, uint64_t addr, struct ksym *ret);
