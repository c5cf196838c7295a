/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Are the breakpoints still there? The kernel writes them to private copies of the pages of a file.
 * When a process drops a page (MADV_DONTNEED) the next access brings it anew from the file; it may
 * write over its text, or map something else in its place. Nobody tells; calls are no longer seen.
 * And text that is writable or shared at the time of the attach gets no breakpoints at all.
 */
#pragma once

#include "lib/cleanup.h"

struct object_files;
struct plan;
struct processes;
struct report;
struct textwatch;

/* Why functions are not traced whose probes went before they were ever hit. */
#define TEXTWATCH_GONE                                                                             \
	"its probe is missing in memory: the page was dropped or written to, or cannot hold one"

/* All that is given must live as long. 0 or -ENOMEM. */
int textwatch_new(struct plan *plan, const struct object_files *objects,
		  const struct processes *processes, struct textwatch **ret);
void textwatch_free(struct textwatch *w);
DEFINE_CLEANUP(struct textwatch *, textwatch_free)

/* After probes were attached: marks nodes that lack a breakpoint (plan_node.gone). 0 or -ENOMEM. */
int textwatch_attached(struct textwatch *w);
/* The same from time to time: looks at pages only, at most once a second and for little time. */
void textwatch_tick(struct textwatch *w);
/* The same for the last time, before probes are detached. */
void textwatch_last(struct textwatch *w);
/* Functions that were called, and a probe of which was missing: notes them, and a loss each. */
void textwatch_tell(const struct plan *plan, struct report *r);
