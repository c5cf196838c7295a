/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other traces that run on this machine: do they trace the same processes, and what do these
 * lose to them? Each tells it of itself, on its control socket. One that does not answer costs this
 * trace a few milliseconds once in half a minute, and no more.
 */
#pragma once

#include <stdint.h>

#include "lib/vec.h"
#include "serve/rundir.h"
#include "serve/status.h"

#define PEERS_MAX 64

struct peer_mute {
	uint32_t pid;
	uint64_t until_ns; /* is not asked again before */
};

struct peers {
	VEC(struct peer_mute) mute;
	trace_socket_vec foreign; /* other users', which take longer to find */
	uint64_t foreign_until_ns;
};

struct peers_cost {
	uint32_t n;        /* traces of some of the same processes */
	double target_pct; /* what these lose to them, as far as they know it: a sum */
};

/*
 * Asks all that may trace a process of `own`, for PEERS_BUDGET_MS in all at most. Whoever did not
 * answer in the time is left out.
 */
#define PEERS_BUDGET_MS 20
void peers_ask(struct peers *p, const struct trace_status *own, struct peers_cost *ret);
void peers_done(struct peers *p);
