/* SPDX-License-Identifier: GPL-2.0-only */
/* Fuzzes the parser of /proc/PID/maps. What it keeps is sorted, not empty, and found again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "target/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const mapping_vec *maps)
{
	for (size_t i = 0; i < maps->n; i++) {
		const struct mapping *m = &maps->v[i], *found;

		if (m->start >= m->end || !m->path || (i && m[-1].start > m->start))
			abort();
		found = maps_find(maps, m->start);
		/* Mappings that overlap hide each other; only a hostile file has them. */
		if (found && (m->start < found->start || m->start >= found->end))
			abort();
		if (i + 1 == maps->n && found != m)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mapping_vec maps = {};
	FILE *f;

	if (!size)
		return 0;
	f = fmemopen((void *)(uintptr_t)data, size, "r");
	if (!f)
		return 0;
	if (!maps_read(f, &maps))
		check(&maps);
	maps_find(&maps, 0);
	maps_find(&maps, UINT64_MAX);
	maps_done(&maps);
	fclose(f);
	return 0;
}
