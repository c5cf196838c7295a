/* SPDX-License-Identifier: GPL-2.0-only */
/* What the governor learns from a tick, and how it shares out what is allowed. */

#include <stdlib.h>

#include "lib/clock.h"
#include "trace/governor_impl.h"

#include "pathbpf.skel.h"
#include "trace/costs.h"
#include "trace/uprobe.h"

#define SEC_NS      1e9
#define FLOOR_NS    5e6 /* a second: half a per cent of a CPU is allowed whatever the targets use */
#define SELF_SHARE  0.4 /* of what is allowed, that our own CPU time may take from the signals */
#define LEFT_SHARE  0.25 /* of it, that the signals have in any case */
#define LEVEL_MAX   6
#define PAY_S       3.0 /* over which what was spent too much is saved again; and no more than that */
#define CALM_TICKS  20 /* before anything becomes dearer */
#define CALM_SHARE  0.7
#define DUTY_MIN    0.001
#define SLOW        0.97 /* of a mean over some three seconds, a tick */
#define RETRY_TICKS 300  /* until it is tried again */
#define ON_MIN_NS   1000000

static double smooth(double old, double new)
{
	return old < 0 ? new : (old + new) / 2;
}

static void learn_nodes(struct governor *g, const struct cost_tick *t)
{
	for (uint32_t i = 0; i < g->nodes.n; i++) {
		struct governed *n = &g->nodes.v[i];
		uint64_t on_ns = n->now == BUDGET_ALWAYS ? t->ns : g->spans_on_ns;

		if (n->attached && on_ns >= ON_MIN_NS && n->now != BUDGET_NEVER)
			n->rate = smooth(n->rate, (double)costs_calls(g->parts.costs, i) * SEC_NS /
						      (double)on_ns);
	}
}

static void learn_rate(double *rate, uint64_t events, uint64_t on_ns)
{
	if (on_ns >= ON_MIN_NS)
		*rate = smooth(*rate, (double)events * SEC_NS / (double)on_ns);
}

/* How long a gate was open in this tick. */
static uint64_t on_time(const struct gate *gate, uint64_t *before_ns)
{
	uint64_t seen_ns = gate_seen_ns(gate), on_ns = seen_ns - *before_ns;

	*before_ns = seen_ns;
	return on_ns;
}

void governor_learn(struct governor *g, const struct cost_tick *t)
{
	uint64_t syscalls_ns = on_time(&g->syscalls, &g->syscalls_on_ns);
	uint64_t switches_ns = on_time(&g->switches, &g->switches_on_ns);

	if (g->spans_open) {
		uint64_t now_ns = clock_monotonic_ns();

		g->spans_on_ns += now_ns - g->spans_opened_ns;
		g->spans_opened_ns = now_ns;
	}
	learn_nodes(g, t);
	g->spans_on_ns = 0;
	learn_rate(&g->syscall_rate, t->syscalls, syscalls_ns);
	learn_rate(&g->syscall_stack_rate, t->syscall_stacks, syscalls_ns);
	learn_rate(&g->switch_rate, t->switches, switches_ns);
	learn_rate(&g->switch_stack_rate, t->switch_stacks, switches_ns);
}

/* What the targets may lose a second, in ns. */
double governor_allowed(const struct governor *g)
{
	double seconds = (double)g->second.ns / SEC_NS, cpu_ns, allowed_ns;

	if (seconds <= 0)
		return FLOOR_NS;
	cpu_ns = (double)g->second.cpu_ns / seconds;
	allowed_ns = g->limits.overhead_pct / 100 * cpu_ns;
	if (allowed_ns < FLOOR_NS)
		allowed_ns = FLOOR_NS;
	allowed_ns -= g->others_pct / 100 * cpu_ns;
	if (g->breaker == BREAKER_HALF_OPEN)
		allowed_ns /= 2;
	return allowed_ns > FLOOR_NS / 4 ? allowed_ns : FLOOR_NS / 4;
}

/* Our own CPU time, as far as the signals have to make room for it. */
static double self_share(double self_ns, double allowed_ns)
{
	return self_ns < SELF_SHARE * allowed_ns ? self_ns : SELF_SHARE * allowed_ns;
}

/* One moment may cost more than was thought: the next ones are the shorter for it. */
void governor_owe(struct governor *g, const struct cost_tick *t)
{
	double a_second_ns = governor_allowed(g);
	double allowed_ns = a_second_ns * (double)t->ns / SEC_NS;
	double self_ns = t->spent_ns[COST_SELF];

	if (g->ticks <= LEDGER)
		return; /* to begin is dear */
	g->debt_ns += governor_spent(t) - self_ns + self_share(self_ns, allowed_ns) - allowed_ns;
	if (g->debt_ns < 0)
		g->debt_ns = 0;
	if (g->debt_ns > PAY_S * a_second_ns)
		g->debt_ns = PAY_S * a_second_ns;
}

/* What of it is left for spans, system calls and switches. */
static double left_for_signals(const struct governor *g, double allowed_ns)
{
	double seconds = (double)g->second.ns / SEC_NS;
	double self_ns = g->second.spent_ns[COST_SELF] / seconds;
	double left_ns = allowed_ns - g->second.spent_ns[COST_TICKS] / seconds;

	left_ns -= self_share(self_ns, allowed_ns) + g->debt_ns / PAY_S;
	return left_ns > LEFT_SHARE * allowed_ns ? left_ns : LEFT_SHARE * allowed_ns;
}

/* A signal: its cost without stacks and of those, as it is sampled now, a second. */
struct signal_cost {
	double base_ns, stacks_ns;
};

static struct signal_cost syscalls_cost(const struct governor *g)
{
	const struct costs *c = g->parts.costs;

	return (struct signal_cost){ g->syscall_rate * costs_syscall(c),
				     g->syscall_stack_rate * costs_syscall_stack(c) };
}

static struct signal_cost switches_cost(const struct governor *g)
{
	const struct costs *c = g->parts.costs;

	return (struct signal_cost){ g->switch_rate * costs_switch(c),
				     g->switch_stack_rate * costs_switch_stack(c) };
}

/*
 * A signal may be on for `duty` of the time at what it costs now: first its stacks become rarer,
 * then it is looked at for moments. The other way round it goes slowly, and only if its cost in
 * full has room.
 */
static void adapt(struct governor *g, struct gate *gate, uint32_t *level, struct signal_cost cost,
		  double duty, double room_ns)
{
	double full_ns = cost.base_ns + cost.stacks_ns;

	if (!gate->set)
		return;
	if (duty < 1) {
		g->calm = 0;
		if (*level < LEVEL_MAX && gate->duty >= 1 && cost.base_ns < duty * full_ns)
			++*level;
		else
			gate->duty = duty;
		return;
	}
	if (g->calm < CALM_TICKS || full_ns > CALM_SHARE * room_ns)
		return;
	if (gate->duty < 1)
		gate->duty = 1;
	else if (*level && cost.base_ns + 2 * cost.stacks_ns < CALM_SHARE * room_ns)
		--*level;
	else
		return;
	g->calm = 0;
}

static double nodes_cost(const struct governor *g)
{
	double sum_ns = 0;

	for (uint32_t i = 0; i < g->nodes.n; i++) {
		const struct governed *n = &g->nodes.v[i];

		if (n->attached && n->rate > 0 && n->now != BUDGET_NEVER)
			sum_ns += n->rate * costs_of_class(g->parts.costs, g->classes.v[i]);
	}
	return sum_ns;
}

/* What is hopeless stays away for a while. */
static bool is_out(const struct governor *g, const struct governed *n, double full_ns)
{
	return full_ns > HOPELESS_NS ||
	       (n->now == BUDGET_NEVER && g->ticks - n->since < RETRY_TICKS);
}

/* Whoever costs too much stops at once; everything else can wait for the main thread. */
static void want(struct governor *g, struct governed *n, enum budget_how how)
{
	if (n->want == how)
		return;
	n->want = how;
	if (how != BUDGET_ALWAYS)
		n->storm_until = g->ticks + (STORM_TICKS << (n->storms < 6 ? n->storms++ : 6));
	if (n->now == BUDGET_ALWAYS && how != BUDGET_ALWAYS && g->parts.uprobes)
		n->cut = uprobes_cut(g->parts.uprobes, (uint32_t)(n - g->nodes.v));
	n->since = g->ticks;
	g->changed = true;
}

static void choose_nodes(struct governor *g, double allowed_ns)
{
	g->scratch.n = 0;
	for (uint32_t i = 0; i < g->nodes.n; i++) {
		struct governed *n = &g->nodes.v[i];
		double full_ns = n->rate * costs_of_class(g->parts.costs, g->classes.v[i]);

		if (!n->attached)
			continue;
		if (n->rate < 0) { /* what it costs is not known yet */
			g->trial = true;
			continue;
		}
		if (is_out(g, n, full_ns)) {
			want(g, n, BUDGET_NEVER);
			continue;
		}
		if (g->ticks < n->storm_until && full_ns < allowed_ns)
			full_ns = allowed_ns; /* it looks calm, and was not */
		vec_push(&g->scratch, (struct budget_node){ .node = i,
							    .full_ns = full_ns,
							    .value = n->value,
							    .inner = n->inner,
							    .now = n->now });
	}
	/* What is allowed goes up and down; nobody shall go to and fro with it. */
	g->nodes_ns = g->nodes_ns > 0 ? SLOW * g->nodes_ns + (1 - SLOW) * allowed_ns : allowed_ns;
	g->spans_duty = budget_choose(g->scratch.v, g->scratch.n, g->nodes_ns, DUTY_MIN);
	vec_foreach (b, &g->scratch)
		want(g, &g->nodes.v[b->node], b->want);
}

/* What one of them could have besides what the others need, or take. */
static double room(const struct budget_share *v, size_t n, size_t of, double allowed_ns)
{
	for (size_t i = 0; i < n; i++)
		allowed_ns -= i == of ? 0 : v[i].duty * v[i].full_ns;
	return allowed_ns;
}

void governor_decide(struct governor *g)
{
	struct pathbpf *skel = g->parts.skel;
	struct signal_cost syscalls = syscalls_cost(g), switches = switches_cost(g);
	struct budget_share shares[] = {
		{ .full_ns = nodes_cost(g), .weight = 2 },
		{ .full_ns = syscalls.base_ns + syscalls.stacks_ns, .weight = 1 },
		{ .full_ns = switches.base_ns + switches.stacks_ns, .weight = 1 },
	};
	double left_ns = left_for_signals(g, governor_allowed(g));
	uint32_t syscall_level = skel->bss->syscall_level, switch_level = skel->bss->switch_level;

	if (g->breaker == BREAKER_OPEN)
		return;
	g->calm++;
	budget_share(shares, 3, left_ns);
	adapt(g, &g->syscalls, &syscall_level, syscalls, shares[1].duty,
	      room(shares, 3, 1, left_ns));
	adapt(g, &g->switches, &switch_level, switches, shares[2].duty,
	      room(shares, 3, 2, left_ns));
	skel->bss->syscall_level = syscall_level;
	skel->bss->switch_level = switch_level;
	if (shares[0].duty < 1 || g->ticks % LEDGER == 0)
		choose_nodes(g, room(shares, 3, 0, left_ns));
}

void governor_release_all(struct governor *g)
{
	g->syscalls.duty = g->switches.duty = 1;
	g->parts.skel->bss->syscall_level = g->parts.skel->bss->switch_level = 0;
	vec_foreach (n, &g->nodes)
		want(g, n, BUDGET_ALWAYS);
}
