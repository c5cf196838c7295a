/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a trace: everything that the kernel added up becomes the report. */
#pragma once

struct collect;
struct live_sums;
struct plan;
struct report;
struct session;

/*
 * After session_stop(); or, with what is still going on in `live`, after session_pretend_end().
 * plan: NULL without spans. 0 or a negative errno.
 */
int harvest(struct session *s, struct collect *c, struct plan *plan, const struct live_sums *live,
	    struct report *r);
