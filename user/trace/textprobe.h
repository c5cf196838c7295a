/* SPDX-License-Identifier: GPL-2.0-only */
/* What a plan probes, by place, and the text that must be as its file has it for that. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/vec.h"

struct object_files;
struct plan;

#define TEXT_NO_NODE UINT32_MAX

#define TEXT_BREAKPOINT_BYTE 0xcc /* int3 */
#define TEXT_CALL_BYTE       0xe8 /* with an offset of 32 bits */

/* A place that is probed. */
struct text_probe {
	uint64_t offset; /* file offset */
	uint32_t object;
	uint32_t node; /* or TEXT_NO_NODE: a hook */
	bool attached; /* when the list was made */
	bool nop5;     /* may be one, which the kernel turns into a call */
	bool covered;  /* for the user of the list: mapped from its file by a process */
};

/* A piece of text on which the probes of a node (or hook) that is not attached yet rely. */
struct text_range {
	uint64_t offset, size;
	uint32_t object;
	uint32_t node; /* or TEXT_NO_NODE */
	uint32_t hook; /* then: index into plan.hooks */
	bool covered;  /* likewise */
};

#define TEXT_RANGE_MAX (1UL << 20)

/* Both are sorted by object, then offset. */
struct text_probes {
	VEC(struct text_probe) probes;
	VEC(struct text_range) ranges;
};

void text_probes_done(struct text_probes *t);
/*
 * Lists what a plan probes, or will; lists on what its nodes and hooks rely that are not attached.
 * What was listed before is dropped. 0 or -ENOMEM.
 */
int text_probes_list(struct text_probes *t, const struct plan *plan,
		     const struct object_files *objects);
int text_ranges_list(struct text_probes *t, const struct plan *plan,
		     const struct object_files *objects);
/* Index of the first probe, or range, of an object at an offset or behind it. */
size_t text_probes_from(const struct text_probes *t, uint32_t object, uint64_t offset);
size_t text_ranges_from(const struct text_probes *t, uint32_t object, uint64_t offset);

enum text_difference {
	TEXT_SAME,       /* but for breakpoints at places that are probed */
	TEXT_BREAKPOINT, /* there is one elsewhere: a debugger's, or another tracer's */
	TEXT_CHANGED,
};

/*
 * Compares memory with what an object's file has from `offset` on. In a process that is being
 * debugged, breakpoints are ours only where we are attached.
 */
enum text_difference text_compare(const struct text_probes *t, uint32_t object, uint64_t offset,
				  const uint8_t *memory, const uint8_t *file, size_t size,
				  bool debugged);
