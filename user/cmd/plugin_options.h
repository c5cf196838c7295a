/* SPDX-License-Identifier: GPL-2.0-only */
/* Options of `record` about plugins, findings and trends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/plugin.h"
#include "lib/vec.h"

#define WINDOWS_MAX 100 /* that are kept */

struct plugin_options {
	VEC(const char *) globs; /* --plugin: as given; none: all. See glob_lists_match() */
	uint64_t timeout_ns;     /* of an execution; 0: none */
	uint64_t window_ns;      /* 0: not given, see plugin_options_window() */
	uint64_t events_max;     /* that are kept for the report; 0: none */
	bool calls;              /* --plugin-calls: each execution is an event */
	const char *events_file; /* where they go as they happen; "-": standard output; or NULL */
	struct limits limits;
};

void plugin_options_done(struct plugin_options *o);

/*
 * The windows' length: as given, else a twentieth of the run's length where that is known, in
 * 100 ms … 1 min, else a second.
 */
uint64_t plugin_options_window(const struct plugin_options *o, uint64_t duration_ns);

/*
 * Setters: each reads one value; 0, -ENOMEM, or -EINVAL with a sentence for the user in `why`.
 * Strings are kept, not copied.
 */
int plugin_options_add_glob(struct plugin_options *o, const char *s, char *why, size_t size);
int plugin_options_set_timeout(struct plugin_options *o, const char *s, char *why, size_t size);
int plugin_options_set_window(struct plugin_options *o, const char *s, char *why, size_t size);

/* A number of bytes; 0 or "off" gives 0. As the setters. */
int parse_memory(const char *s, uint64_t *ret, char *why, size_t size);

/*
 * Reads one --limit, NAME=VALUE, into *ret: 0, or -EINVAL with a sentence for the user in `why`.
 * A value of 0 or "off" turns a rule off.
 */
int limits_parse(const char *s, struct limits *ret, char *why, size_t size);
