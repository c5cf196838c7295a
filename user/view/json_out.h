/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes one large JSON document piece by piece, a line an element, so that only one element is
 * in memory at a time. Structure is opened and closed by hand; jansson makes the elements.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_out {
	FILE *out;
	bool more; /* something stands before in this array or object */
	int err;   /* 0 or -ENOMEM; nothing more is written after it */
};

/* Opens '{' or '[' as a member (key) or as an element (NULL); close names the bracket that ends it.
 */
void json_open(struct json_out *j, const char *key, char bracket);
void json_close(struct json_out *j, char bracket);
/* Writes a value and drops the reference; NULL means that making it ran out of memory. */
void json_put(struct json_out *j, const char *key, json_t *value);

/* A string made fit by text_clean(); NULL becomes "". */
json_t *json_text(const char *s);
/* jansson's integers are signed: larger counts are held at the largest. */
static inline json_int_t json_u64(uint64_t v)
{
	return v > INT64_MAX ? INT64_MAX : (json_int_t)v;
}

struct call_stats;
struct fold;
struct report;

/* Wall-clock time, ns since the epoch, as RFC 3339 in UTC. */
json_t *json_time(uint64_t ns);
/* A number; null for NAN and infinities. */
json_t *json_known(double value);
/* A text, or null for NULL. */
json_t *json_optional(const char *s);
/* "calls", "errors", times, percentiles and "error_types". */
json_t *json_stats(const struct call_stats *s);
/* Folded lines as [text, count] or [text, microseconds], sorted by text. */
void json_put_folded(struct json_out *j, const char *key, struct fold *f, bool offcpu);

/* A path's node names from root to leaf; an empty list for REPORT_NONE. */
json_t *json_path_names(const struct report *r, uint32_t path);

/* The parts of the report, each a few members of the top-level object. */
void json_put_paths(struct json_out *j, const struct report *r);
void json_put_traces(struct json_out *j, const struct report *r);
void json_put_syscalls(struct json_out *j, const struct report *r);
void json_put_stacks(struct json_out *j, const struct report *r);
void json_put_plugins(struct json_out *j, const struct report *r);
void json_put_plugin_events(struct json_out *j, const struct report *r);
void json_put_analysis(struct json_out *j, const struct report *r);
