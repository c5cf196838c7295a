/* SPDX-License-Identifier: GPL-2.0-only */
/* Windows in which what is dear is looked at, and storms. */
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/clock.h"
#include "trace/governor_impl.h"

#include "pathbpf.skel.h"
#include "trace/uprobe.h"

#define PERIOD_NS     1000000000.0
#define JITTER        0.2       /* of the period: a fixed one would lock on to the target's own */
#define WINDOW_MIN_NS 5000000.0 /* to open and close one takes a good millisecond of CPU time */
#define WINDOW_MAX_NS 500000000.0
#define TRIAL_NS      4000000.0
#define CREDIT_MAX_NS WINDOW_MAX_NS
#define STORM_REST    0.2 /* of its cost, that may remain */
#define SPANS_STORM   0.3 /* of the allowance, that a storm of functions has spent at least */

/* The next window's length of what may be on for `duty` of the time; 0: none yet. */
static double take_credit(double *credit_ns, double duty)
{
	double length_ns = 0;

	*credit_ns += duty * PERIOD_NS;
	if (*credit_ns > CREDIT_MAX_NS)
		*credit_ns = CREDIT_MAX_NS;
	if (*credit_ns >= WINDOW_MIN_NS) {
		length_ns = *credit_ns < WINDOW_MAX_NS ? *credit_ns : WINDOW_MAX_NS;
		*credit_ns -= length_ns;
	}
	return length_ns;
}

static void open_spans(struct governor *g, double length_ns)
{
	uint32_t n;

	if (g->spans_open || length_ns <= 0 || !g->parts.uprobes)
		return;
	g->parts.skel->bss->window_epoch++;
	__atomic_store_n(&g->parts.skel->bss->window_opening, 1, __ATOMIC_RELEASE);
	n = uprobes_window(g->parts.uprobes, true);
	__atomic_store_n(&g->parts.skel->bss->window_opening, 0, __ATOMIC_RELEASE);
	if (!n)
		return;
	g->spans_open = true;
	g->spans_opened_ns = clock_monotonic_ns(); /* to open them takes its time */
	g->spans_close_ns = g->spans_opened_ns + (uint64_t)length_ns;
}

static void close_spans(struct governor *g)
{
	g->spans_on_ns += clock_monotonic_ns() - g->spans_opened_ns;
	uprobes_window(g->parts.uprobes, false);
	g->spans_open = false;
}

static void open_gate(struct gate *gate, uint64_t *close_ns, double *credit_ns)
{
	double length_ns;

	if (!gate->set || *close_ns)
		return;
	if (gate->duty >= 1) {
		gate_set(gate, true);
		return;
	}
	length_ns = take_credit(credit_ns, gate->duty);
	if (length_ns > 0 && !gate_set(gate, true))
		*close_ns = gate->opened.wall_ns + (uint64_t)length_ns;
}

/* The end of a window, or of the time in which it was always open. */
static void close_gate(struct gate *gate, uint64_t *close_ns, uint64_t now_ns)
{
	if (!gate->set || gate->duty >= 1) {
		*close_ns = 0;
		return;
	}
	if (!gate->open || (*close_ns && now_ns < *close_ns))
		return;
	gate_set(gate, false);
	*close_ns = 0;
}

static void open_all(struct governor *g, uint64_t now_ns)
{
	double spans_ns = take_credit(&g->spans_credit, g->spans_duty);

	if (g->trial && spans_ns < TRIAL_NS) {
		g->spans_credit -= TRIAL_NS - spans_ns; /* others come the later */
		spans_ns = TRIAL_NS;
	}
	g->trial = false;
	open_spans(g, spans_ns);
	open_gate(&g->syscalls, &g->syscalls_close_ns, &g->syscalls_credit);
	open_gate(&g->switches, &g->switches_close_ns, &g->switches_credit);
	g->window_next_ns = now_ns + (uint64_t)(PERIOD_NS * (1 - JITTER + 2 * JITTER * drand48()));
}

void governor_windows(struct governor *g, uint64_t now_ns)
{
	pthread_mutex_lock(&g->lock);
	if (g->spans_open && now_ns >= g->spans_close_ns)
		close_spans(g);
	close_gate(&g->syscalls, &g->syscalls_close_ns, now_ns);
	close_gate(&g->switches, &g->switches_close_ns, now_ns);
	/* After an emergency stop nothing is attached any more. */
	if (now_ns >= g->window_next_ns && g->breaker != BREAKER_OPEN && !g->parts.skel->bss->inert)
		open_all(g, now_ns);
	pthread_mutex_unlock(&g->lock);
}

void governor_close_all(struct governor *g)
{
	if (g->spans_open)
		close_spans(g);
	gate_set(&g->syscalls, false);
	gate_set(&g->switches, false);
	g->syscalls_close_ns = g->switches_close_ns = 0;
}

uint64_t governor_next_window(const struct governor *g)
{
	uint64_t next_ns = g->window_next_ns;

	if (g->spans_open && g->spans_close_ns < next_ns)
		next_ns = g->spans_close_ns;
	if (g->syscalls_close_ns && g->syscalls_close_ns < next_ns)
		next_ns = g->syscalls_close_ns;
	if (g->switches_close_ns && g->switches_close_ns < next_ns)
		next_ns = g->switches_close_ns;
	return next_ns;
}

/* The allowance is full again. */
static void refill(struct governor *g)
{
	int cpus = libbpf_num_possible_cpus();
	struct guard_fill {
		int64_t left_ns;
		uint64_t filled_ns;
	} *fill = calloc((size_t)(cpus > 0 ? cpus : 1), sizeof(*fill));
	uint32_t key = 0;

	for (int i = 0; fill && i < cpus; i++)
		fill[i] = (struct guard_fill){ (int64_t)g->parts.skel->bss->guard_burst_ns,
					       clock_monotonic_ns() };
	if (fill)
		bpf_map_update_elem(bpf_map__fd(g->parts.skel->maps.guards), &key, fill, BPF_ANY);
	free(fill);
	__atomic_store_n(&g->parts.skel->bss->guard_alarm, 0, __ATOMIC_RELEASE);
}

static int by_cost(const void *x, const void *y)
{
	const struct budget_node *a = x, *b = y;

	return a->full_ns > b->full_ns ? -1 : a->full_ns < b->full_ns;
}

/* What nodes have cost since the last tick, the dearest first; the sum. */
static double list_costs(struct governor *g)
{
	double sum_ns = 0;

	g->scratch.n = 0;
	for (uint32_t i = 0; i < g->nodes.n; i++) {
		struct governed *n = &g->nodes.v[i];
		double ns = (double)costs_pending(g->parts.costs, i) *
			    costs_of_class(g->parts.costs, g->classes.v[i]);

		if (!n->attached || n->cut || ns <= 0)
			continue;
		vec_push(&g->scratch, (struct budget_node){ .node = i, .full_ns = ns });
		sum_ns += ns;
	}
	qsort(g->scratch.v, g->scratch.n, sizeof(*g->scratch.v), by_cost);
	return sum_ns;
}

/* For how long its hits were counted since the last tick. */
static double counted_seconds(const struct governor *g, const struct governed *n)
{
	uint64_t now_ns = clock_monotonic_ns(), ns = costs_since_tick(g->parts.costs);

	return (double)(now_ns - n->attached_ns < ns ? now_ns - n->attached_ns : ns) / 1e9;
}

static void cut(struct governor *g, const struct budget_node *b)
{
	struct governed *n = &g->nodes.v[b->node];
	double seconds = counted_seconds(g, n), rate;

	if (n->now != BUDGET_ALWAYS || seconds <= 0)
		return; /* its window ends */
	if (!uprobes_cut(g->parts.uprobes, b->node))
		return;
	rate = (double)costs_pending(g->parts.costs, b->node) / seconds;
	n->rate = rate > n->rate ? rate : n->rate;
	n->cut = true;
	n->want = b->full_ns / seconds > HOPELESS_NS ? BUDGET_NEVER : BUDGET_WINDOW;
	n->since = g->ticks;
	n->storm_until = g->ticks + (STORM_TICKS << (n->storms < 6 ? n->storms : 6));
	n->storms++;
	g->changed = true;
	g->status.storms++;
}

int governor_on_alarm(void *ctx, void *data, size_t size)
{
	struct governor *g = ctx;
	double left_ns, sum_ns;

	(void)data, (void)size;
	pthread_mutex_lock(&g->lock);
	sum_ns = left_ns = list_costs(g);
	if (sum_ns < SPANS_STORM * (double)g->parts.skel->bss->guard_burst_ns)
		g->tick_ns = 0; /* of system calls: a look at everything tells */
	vec_foreach (b, &g->scratch) {
		if (!g->tick_ns || left_ns <= STORM_REST * sum_ns || !g->parts.uprobes)
			break;
		cut(g, b);
		left_ns -= b->full_ns;
	}
	if (g->spans_open)
		close_spans(g);
	refill(g);
	pthread_mutex_unlock(&g->lock);
	return 0;
}
