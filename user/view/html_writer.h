/* SPDX-License-Identifier: GPL-2.0-only */
/* The pieces of the HTML report's data: numbers, names that stand once, statistics. */
#pragma once

#include "data/report.h"
#include "lib/buf.h"
#include "lib/table.h"

struct html_writer {
	const struct report *r;
	struct buf *out;
	struct buf strings; /* the members of "strings" */
	struct buf text;    /* scratch */
	struct table index;
	uint32_t n_strings;
	int err;
};

void html_writer_done(struct html_writer *w);

/* Appends a JSON string; `s` is UTF-8 without control characters. It holds no markup. */
void html_json_text(struct buf *b, const char *s);
/* The number of what stands in w->text. */
uint32_t html_intern(struct html_writer *w);
/* Appends a string's number, -1 for NULL; a number; a comma. */
void html_str(struct html_writer *w, const char *s);
void html_u64(struct html_writer *w, uint64_t value);
void html_comma(struct html_writer *w);
/* [type, count], … */
void html_errors(struct html_writer *w, const error_count_vec *v);
/* calls, errors, p50, p99, max, total, self, [[type, count], …] */
void html_stats(struct html_writer *w, const struct call_stats *s);

/* An object's file name; NULL for none. */
const char *html_object_name(const struct report *r, uint32_t object);

/* Members "plugins" and "findings": see user/view/html/tree.js. 0 or -ENOMEM. */
int html_plugins(struct html_writer *w);
