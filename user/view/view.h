/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A view renders the report in one format. It reads the report only, writes to `out` only, and
 * leaves write errors to the caller, who looks at the stream.
 */
#pragma once

#include <stdio.h>

struct report;

struct view {
	const char *name; /* for --format */
	const char
	    *suffix; /* what file names it serves end in, e.g. ".folded"; matched longest first */
	/* 0, or a negative errno when memory ran out. */
	int (*render)(const struct report *r, FILE *out);
	const struct view *companion; /* written beside it to NAME.offcpu.SUFFIX, or NULL */
};

extern const struct view view_text, view_json, view_csv, view_folded, view_folded_offcpu, view_html,
    view_svg, view_pprof, view_perfetto, view_chrome, view_plugins_folded;

/* By format name, or by a file name's suffix; NULL when there is none. */
const struct view *view_by_name(const char *name);
const struct view *view_by_suffix(const char *file);
/* "text json folded …": for messages. */
const char *view_names(void);
