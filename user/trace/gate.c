/* SPDX-License-Identifier: GPL-2.0-only */
/* A signal that may be off for a part of the time. */
#include "trace/gate.h"

#define CPU_MIN_NS 5000000 /* with less CPU time the other clock tells more */

void gate_time_add(struct gate_time *sum, struct gate_time from, struct gate_time to)
{
	sum->wall_ns += to.wall_ns > from.wall_ns ? to.wall_ns - from.wall_ns : 0;
	sum->cpu_ns += to.cpu_ns > from.cpu_ns ? to.cpu_ns - from.cpu_ns : 0;
}

double gate_time_share(struct gate_time seen, struct gate_time from, struct gate_time to)
{
	struct gate_time all = {};
	double share;

	gate_time_add(&all, from, to);
	if (!all.wall_ns)
		return 1;
	share = all.cpu_ns >= CPU_MIN_NS ? (double)seen.cpu_ns / (double)all.cpu_ns
					 : (double)seen.wall_ns / (double)all.wall_ns;
	return share < 1 ? share : 1;
}

void gate_begin(struct gate *g, int (*set)(void *arg, bool open), struct gate_time (*now)(void *),
		void *arg)
{
	*g = (struct gate){ .set = set, .now = now, .arg = arg, .duty = 1, .open = true };
	g->opened = g->began = now(arg);
}

int gate_set(struct gate *g, bool open)
{
	struct gate_time before;
	int err;

	if (!g->set || g->open == open)
		return 0;
	before = g->now(g->arg); /* either takes milliseconds */
	err = g->set(g->arg, open);
	if (err)
		return err;
	if (open)
		g->opened = g->now(g->arg);
	else
		gate_time_add(&g->seen, g->opened, before);
	g->open = open;
	g->was_closed |= !open;
	return 0;
}

static struct gate_time seen_until_now(const struct gate *g)
{
	struct gate_time seen = g->seen;

	if (g->open)
		gate_time_add(&seen, g->opened, g->now(g->arg));
	return seen;
}

uint64_t gate_seen_ns(const struct gate *g)
{
	return g->set ? seen_until_now(g).wall_ns : 0;
}

double gate_share(const struct gate *g)
{
	if (!g->set || !g->was_closed)
		return 1;
	return gate_time_share(seen_until_now(g), g->began, g->now(g->arg));
}

void gate_resume(struct gate *g, uint64_t paused_ns, bool opened)
{
	if (!g->set)
		return;
	g->began.wall_ns += paused_ns;
	if (!opened) {
		gate_set(g, true);
	} else if (!g->open) {
		g->open = true;
		g->opened = g->now(g->arg);
	}
}
