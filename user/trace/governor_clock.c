/* SPDX-License-Identifier: GPL-2.0-only */
/* The clocks of the targets. */
#include "lib/clock.h"
#include "trace/costs.h"
#include "trace/governor_impl.h"

#define OWN_MIN                                                                                    \
	0.1 /* of the targets' CPU time is their own, whatever probes are thought to cost          \
	     */

/*
 * Their CPU time less what probes of functions cost of it: while many are probed a target gets on
 * more slowly than it does without, and what it does in that time stands for more.
 *
 * By the governor's thread under the lock, or by the main thread, which alone changes the list of
 * targets.
 */
struct gate_time governor_clock(void *arg)
{
	struct governor *g = arg;
	struct governor_clock *c = &g->clock;
	struct gate_time now = { .wall_ns = clock_monotonic_ns() };
	double cpu_ns, cost_ns, own_ns;

	pthread_mutex_lock(&c->lock);
	cpu_ns = (double)costs_cpu_time(g->pids.v, g->pids.n);
	cost_ns = costs_of_spans(g->parts.costs, g->classes.v, g->classes.n);
	own_ns = cpu_ns - c->cpu_ns - (cost_ns > c->cost_ns ? cost_ns - c->cost_ns : 0);
	if (own_ns < OWN_MIN * (cpu_ns - c->cpu_ns))
		own_ns = OWN_MIN * (cpu_ns - c->cpu_ns);
	if (own_ns > 0) /* processes that end take theirs along */
		c->own_ns += own_ns;
	c->cpu_ns = cpu_ns;
	c->cost_ns = cost_ns;
	now.cpu_ns = (uint64_t)c->own_ns;
	pthread_mutex_unlock(&c->lock);
	return now;
}

struct gate_time governor_now(struct governor *g)
{
	return g ? governor_clock(g) : (struct gate_time){ clock_monotonic_ns(), 0 };
}
