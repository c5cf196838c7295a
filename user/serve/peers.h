/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other traces that run on this machine: do they trace the same processes, and what do these
 * lose to them? Each tells it of itself, on its control socket. One that does not answer costs this
 * trace a few milliseconds three times, and then no more for half a minute; what it said last holds
 * for some seconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"
#include "serve/rundir.h"
#include "serve/status.h"

#define PEERS_MAX       64
#define PEERS_BUDGET_MS 20

struct peer {
	uint32_t pid;
	uint32_t misses;      /* in a row */
	uint64_t muted_ns;    /* is not asked again before */
	uint64_t answered_ns; /* 0: never */
	bool overlaps;        /* traces some of the same processes */
	double target_pct;    /* what these lose to it */
};

struct peers {
	VEC(struct peer) known;
	trace_socket_vec foreign; /* other users', which take longer to find */
	uint64_t foreign_until_ns;
};

struct peers_cost {
	uint32_t n;        /* traces of some of the same processes */
	double target_pct; /* what these lose to them, as far as they know it: a sum */
};

/* Asks all that may trace a process of `own`, for PEERS_BUDGET_MS in all at most. */
void peers_ask(struct peers *p, const struct trace_status *own, struct peers_cost *ret);
void peers_done(struct peers *p);
