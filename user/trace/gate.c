/* SPDX-License-Identifier: GPL-2.0-only */
/* A signal that may be off for a part of the time. */
#include "trace/gate.h"

#include "lib/clock.h"

void gate_begin(struct gate *g, int (*set)(void *arg, bool open), void *arg)
{
	*g = (struct gate){ .set = set, .arg = arg, .duty = 1, .open = true };
	g->opened_ns = g->began_ns = clock_monotonic_ns();
}

int gate_set(struct gate *g, bool open)
{
	int err;

	if (!g->set || g->open == open)
		return 0;
	err = g->set(g->arg, open);
	if (err)
		return err;
	if (open)
		g->opened_ns = clock_monotonic_ns();
	else
		g->seen_ns += clock_monotonic_ns() - g->opened_ns;
	g->open = open;
	return 0;
}

uint64_t gate_seen_ns(const struct gate *g)
{
	return g->seen_ns + (g->open ? clock_monotonic_ns() - g->opened_ns : 0);
}

double gate_share(const struct gate *g)
{
	uint64_t all_ns = clock_monotonic_ns() - g->began_ns;

	if (!g->set || (g->open && !g->seen_ns) || !all_ns)
		return 1;
	return (double)gate_seen_ns(g) / (double)all_ns;
}

void gate_resume(struct gate *g, uint64_t paused_ns, bool opened)
{
	g->began_ns += paused_ns;
	if (!opened) {
		gate_set(g, true);
	} else if (!g->open) {
		g->open = true;
		g->opened_ns = clock_monotonic_ns();
	}
}
