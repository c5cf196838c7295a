/* SPDX-License-Identifier: GPL-2.0-only */
/* What an error that BPF has counted is called in reports. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/table.h"
#include "lib/vec.h"

struct bpf_map;
struct collect;
struct plan;
struct report;

/* A type of exceptions, under the id that BPF gave it. */
struct error_type {
	char *name; /* owned; readable */
	char *what; /* owned; what the first said, or "" */
};

struct error_names {
	struct collect *collect;
	const struct plan *plan;
	VEC(struct error_type) types;
	struct table index; /* id → types */
	struct table go;    /* address → types, of Go's errors */
};

/* Reads the map error_names: what is new in it. 0 or a negative errno. */
int error_names_read(struct error_names *e, struct bpf_map *map);
/* Is the name of such an error there, or does it need none of the map? */
bool error_names_know(const struct error_names *e, uint32_t kind, int64_t value);
void error_names_done(struct error_names *e);
/*
 * "ret=-1", "EAGAIN", "exception std::runtime_error", "panic", "signal SIGSEGV",
 * "error *errors.errorString", "python ValueError". kind: enum pb_error_kind; node: that has
 * failed. Cut to size.
 */
void error_name(struct error_names *e, uint32_t kind, int64_t value, uint32_t node, char *buf,
		size_t size);
/* Remarks about what exceptions said. */
void error_names_notes(const struct error_names *e, struct report *r);
