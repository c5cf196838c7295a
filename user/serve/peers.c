/* SPDX-License-Identifier: GPL-2.0-only */
/* The other traces that run on this machine. */
#include "serve/peers.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "serve/client.h"
#include "serve/rundir.h"

#define ONE_MS     5 /* for one of them to answer: its server has nothing else to do */
#define MISSES_MAX 3
#define MUTE_NS    30000000000ULL
#define HOLDS_NS   10000000000ULL /* what one has said, when it does not answer */
#define LIST_NS    30000000000ULL /* for which other users' sockets are remembered */

/* Entered when new; NULL: there are too many. */
static struct peer *peer_of(struct peers *p, uint32_t pid)
{
	vec_foreach (peer, &p->known) {
		if (peer->pid == pid)
			return peer;
	}
	if (p->known.n >= PEERS_MAX || vec_push(&p->known, (struct peer){ .pid = pid }))
		return NULL;
	return &p->known.v[p->known.n - 1];
}

/* Those whose socket is gone. */
static void forget_gone(struct peers *p, const trace_socket_vec *all)
{
	size_t n = 0;

	for (size_t i = 0; i < p->known.n; i++) {
		bool there = false;

		vec_foreach (s, all)
			there |= s->pid == p->known.v[i].pid;
		if (there)
			p->known.v[n++] = p->known.v[i];
	}
	p->known.n = n;
}

static void ask(struct peer *peer, const struct trace_socket *s, const struct trace_status *own)
{
	uint64_t now_ns = clock_monotonic_ns();
	struct trace_status status;
	char why[160];

	if (now_ns < peer->muted_ns)
		return;
	if (client_status(s, ONE_MS, &status, why, sizeof(why))) {
		if (++peer->misses >= MISSES_MAX)
			peer->muted_ns = now_ns + MUTE_NS;
		return;
	}
	peer->misses = 0;
	peer->answered_ns = clock_monotonic_ns();
	peer->overlaps = status_overlaps(own, &status);
	peer->target_pct = status.cost_pct > 0 ? status.cost_pct : 0;
}

/* Everybody's sockets: this user's as they are now, others' as they were a while ago. */
static void list(struct peers *p, trace_socket_vec *ret)
{
	uint64_t now_ns = clock_monotonic_ns();
	size_t n = 0;

	rundir_list(ret, false);
	if (now_ns >= p->foreign_until_ns) {
		p->foreign_until_ns = now_ns + LIST_NS;
		p->foreign.n = 0;
		rundir_list(&p->foreign, true);
		for (size_t i = 0; i < p->foreign.n; i++) {
			if (p->foreign.v[i].owner != geteuid())
				p->foreign.v[n++] = p->foreign.v[i];
		}
		p->foreign.n = n;
	}
	vec_foreach (s, &p->foreign)
		vec_push(ret, *s);
}

void peers_ask(struct peers *p, const struct trace_status *own, struct peers_cost *ret)
{
	uint64_t end_ns = clock_monotonic_ns() + PEERS_BUDGET_MS * 1000000ULL;
	trace_socket_vec all = {};

	list(p, &all);
	forget_gone(p, &all);
	vec_foreach (s, &all) {
		struct peer *peer = s->pid != own->pid ? peer_of(p, s->pid) : NULL;

		if (clock_monotonic_ns() >= end_ns)
			break;
		if (peer)
			ask(peer, s, own);
	}
	vec_done(&all);
	*ret = (struct peers_cost){};
	vec_foreach (peer, &p->known) {
		if (!peer->overlaps || clock_monotonic_ns() - peer->answered_ns > HOLDS_NS)
			continue;
		ret->n++;
		ret->target_pct += peer->target_pct;
	}
}

void peers_done(struct peers *p)
{
	vec_done(&p->known);
	vec_done(&p->foreign);
}
