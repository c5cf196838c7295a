/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recorded traces as they came through the ring: kept up to a bound, the older ones given up
 * first, and of these first the ones that were only sampled.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/vec.h"

struct pb_timeline;

#define EXEMPLARS_BYTES_MAX (32u << 20)

struct exemplar {
	struct pb_timeline *timeline; /* owned; only as long as its header says */
	uint32_t size;
};

struct exemplars {
	VEC(struct exemplar) v;
	size_t bytes;
	uint64_t received, dropped, broken;
};

/* Takes a copy of a record; a damaged one is counted. */
void exemplars_add(struct exemplars *e, const void *data, size_t size);
void exemplars_done(struct exemplars *e);
