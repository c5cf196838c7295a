/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened to plugins, made fit for drawing beside recorded traces: for each thread a lane
 * of its own, as loads neither nest in the calls around them to the nanosecond nor need a
 * recorded trace there.
 */
#pragma once

#include "view/timeline.h"

struct timeline_plugins {
	struct strpool names;
	VEC(struct trace) traces; /* owned: a thread's events as slices, by start */
	uint32_t first_lane;      /* index of the lane of the first; the others follow */
};

/*
 * Adds the lanes to those of the traces: TIMELINE_PLUGINS for every thread with events, behind
 * an ordinary one. Plugins that were there at attach are left out. 0 or -ENOMEM; in both cases
 * it is to be released.
 */
int timeline_plugins_init(struct timeline_plugins *p, struct timeline_lanes *lanes,
			  const struct report *r);
void timeline_plugins_done(struct timeline_plugins *p);
