/* SPDX-License-Identifier: GPL-2.0-only */
/* Perf maps: any bytes are read, and what is found agrees with the ends of what was asked. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sym/perfmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *f = size ? fmemopen((void *)data, size, "r") : NULL;
	struct perfmap *m;

	if (!f)
		return 0;
	if (!perfmap_read(f, &m)) {
		for (uint64_t addr = 1; addr; addr <<= 1) {
			const char *name = perfmap_find(m, addr);

			/* A name is part of the input. */
			if (name && !memmem(data, size, name, strlen(name)))
				__builtin_trap();
			perfmap_find(m, addr - 1);
		}
		perfmap_free(m);
	}
	fclose(f);
	return 0;
}
