/* SPDX-License-Identifier: GPL-2.0-only */
/* Perf maps: any bytes are read, and what is found agrees with the ends of what was asked. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sym/codemap.h"
#include "sym/perfmap.h"

static void look_up(const struct codemap *m, uint64_t addr, const uint8_t *data, size_t size)
{
	struct code_place place;

	/* A name is part of the input. */
	if (codemap_find(m, addr, UINT64_MAX, &place) &&
	    !memmem(data, size, place.name, strlen(place.name)))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *f = size ? fmemopen((void *)data, size, "r") : NULL;
	struct codemap *m = NULL;
	uint64_t offset = 0;

	if (!f)
		return 0;
	if (!codemap_new(&m)) {
		perfmap_read(f, &offset, m);
		if (offset > size)
			__builtin_trap();
		for (uint64_t addr = 1; addr; addr <<= 1) {
			look_up(m, addr, data, size);
			look_up(m, addr - 1, data, size);
		}
		codemap_free(m);
	}
	fclose(f);
	return 0;
}
