/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel symbols: any bytes are read, and a symbol never lies above what was asked for. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sym/ksyms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct ksyms *k, uint64_t addr)
{
	struct ksym sym;

	if (!ksyms_find(k, addr, &sym))
		return;
	if (sym.addr > addr || !*sym.name || (sym.module && !*sym.module) || ksyms_hidden(k))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *f = size ? fmemopen((void *)data, size, "r") : NULL;
	struct ksyms *k;

	if (!f)
		return 0;
	if (!ksyms_read(f, &k)) {
		for (uint64_t addr = 1; addr; addr <<= 1) {
			ask(k, addr - 1);
			ask(k, addr);
			ask(k, ~addr);
		}
		ksyms_free(k);
	}
	fclose(f);
	return 0;
}
