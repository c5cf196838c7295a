/* SPDX-License-Identifier: GPL-2.0-only */
/* The other traces that run on this machine. */
#include "serve/peers.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "serve/client.h"
#include "serve/rundir.h"

#define ONE_MS  5 /* for one of them to answer: its server has nothing else to do */
#define MUTE_NS 30000000000ULL
#define LIST_NS 30000000000ULL /* for which other users' sockets are remembered */

static bool is_mute(struct peers *p, uint32_t pid, uint64_t now_ns)
{
	vec_foreach (m, &p->mute) {
		if (m->pid == pid && now_ns < m->until_ns)
			return true;
	}
	return false;
}

static void mute(struct peers *p, uint32_t pid, uint64_t now_ns)
{
	struct peer_mute m = { pid, now_ns + MUTE_NS };
	size_t n = 0;

	for (size_t i = 0; i < p->mute.n; i++) {
		if (p->mute.v[i].pid != pid && now_ns < p->mute.v[i].until_ns)
			p->mute.v[n++] = p->mute.v[i];
	}
	p->mute.n = n;
	vec_push(&p->mute, m);
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
	size_t asked = 0;

	*ret = (struct peers_cost){};
	list(p, &all);
	vec_foreach (s, &all) {
		uint64_t now_ns = clock_monotonic_ns();
		struct trace_status status;
		char why[160];

		if (now_ns >= end_ns || asked == PEERS_MAX)
			break;
		if (s->pid == own->pid || is_mute(p, s->pid, now_ns))
			continue;
		asked++;
		if (client_status(s, ONE_MS, &status, why, sizeof(why))) {
			mute(p, s->pid, now_ns);
			continue;
		}
		if (!status_overlaps(own, &status))
			continue;
		ret->n++;
		ret->target_pct += status.cost_pct > 0 ? status.cost_pct : 0;
	}
	vec_done(&all);
}

void peers_done(struct peers *p)
{
	vec_done(&p->mute);
	vec_done(&p->foreign);
}
