/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths and system calls: the kernel's statistics become the report's. */
#pragma once

#include <stdint.h>

struct collect;
struct plan;
struct report;
struct resolver;
struct session;

/*
 * Of a session that has been stopped. plan: NULL without spans. The report has its plugins already.
 * syscalls_seen: the part of the time that system calls were looked at. 0 or a negative errno.
 */
int harvest_calls(struct session *session, struct collect *c, struct plan *plan,
		  double syscalls_seen, struct resolver *res, struct report *r);
