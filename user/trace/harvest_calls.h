/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths and system calls: the kernel's statistics become the report's. */
#pragma once

#include <stdint.h>

struct collect;
struct live_sums;
struct plan;
struct report;
struct resolver;
struct session;

/*
 * plan: NULL without spans. The report has its plugins already. syscalls_seen: the part of the time
 * that system calls were looked at. live: NULL unless it is a snapshot. 0 or a negative errno.
 */
int harvest_calls(struct session *session, struct collect *c, struct plan *plan,
		  double syscalls_seen, struct resolver *res, struct report *r,
		  const struct live_sums *live);
