/* SPDX-License-Identifier: GPL-2.0-only */
/* BPF numbers paths as they come up; the report lists them, callers before callees. */
#pragma once

#include <stdint.h>

#include "lib/table.h"
#include "lib/vec.h"

struct bpf_map;
struct report;

/* A path as BPF numbers it. */
struct raw_path {
	uint32_t id, parent, node;
	uint32_t index; /* in the report, once there */
};

struct path_table {
	struct report *report;
	VEC(struct raw_path) paths;
	struct table index; /* id → paths */
};

/* Reads the map path_ids. 0 or a negative errno. */
int path_table_read(struct path_table *t, struct bpf_map *path_ids);
void path_table_done(struct path_table *t);
/* The report's path for an id, entered when new; REPORT_NONE: unknown, or no memory. */
uint32_t path_table_get(struct path_table *t, uint32_t id);
