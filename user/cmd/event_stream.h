/* SPDX-License-Identifier: GPL-2.0-only */
/* --events: plugin events go to a file or a pipe as they happen, a JSON object a line. */
#pragma once

#include <stdint.h>
#include <stdio.h>

struct plugins_options;
struct report;

struct event_stream {
	FILE *out;             /* NULL: none was asked for */
	struct report *report; /* owned; what a line's names are looked up in */
	int err;               /* the first failure to write; nothing is written after it */
};

/* file: "-" is standard output, NULL: nothing. Sets the callback. 0 or a negative errno. */
int event_stream_open(struct event_stream *s, const char *file, struct plugins_options *opt);
/* When the trace began, by the wall clock. Events before it are not expected. */
void event_stream_begin(struct event_stream *s, uint64_t started_ns);
/* Closes it; 0, or a negative errno: not everything was written. */
int event_stream_close(struct event_stream *s);
