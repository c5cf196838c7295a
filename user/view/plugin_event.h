/* SPDX-License-Identifier: GPL-2.0-only */
/* Plugin events as they happen: JSON lines, the objects that the report's "plugin_events" lists. */
#pragma once

#include <jansson.h>
#include <stdio.h>

struct report;
struct plugin_event;

/*
 * Writes one event as a line and flushes the stream, so that a reader at the other end of a pipe
 * sees it now. Of the report it needs started_ns, and what the event's indices name: plugins,
 * stacks, targets. 0, or a negative errno: -ENOMEM, or why it could not be written.
 */
int view_plugin_event(FILE *out, const struct report *r, const struct plugin_event *e);

/* The object; NULL when out of memory. */
json_t *plugin_event_json(const struct report *r, const struct plugin_event *e);
