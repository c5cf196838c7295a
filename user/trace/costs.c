/* SPDX-License-Identifier: GPL-2.0-only */
/* What the trace costs its targets. */
#include "trace/costs.h"

#include <errno.h>
#include <linux/types.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "lib/clock.h"
#include "pathbpf.skel.h"
#include "trace/hits.h"
#include "trace/selfcost.h"

/* Guesses, in ns, until something better is known. */
#define GUESS_EMULATED 700
#define GUESS_STEPPED  9000
#define GUESS_RETURN   500
#define GUESS_SYSCALL  130
#define GUESS_RUN      300
#define GUESS_STACK    6000

#define EARLY_NS 35   /* a program's run that finds that it is no target */
#define BASE_NS  130  /* one that does its work, but takes no stack */
#define TIMER_NS 2000 /* a tick's interrupt and the timer behind it */

/* The run time of one kind of program, per event of a target. */
struct unit {
	double base_ns, stack_ns;
};

struct costs {
	struct pathbpf *skel;
	const struct hits *hits;
	struct selfcost *selfcost;
	struct trap_costs traps;
	uint64_t counters[PB_COUNTERS]; /* at the last tick */
	uint64_t tick_ns, self_ns, cpu_ns;
	size_t cpu_pids;
	pthread_mutex_t spans_lock; /* of the next two, at which two threads look */
	VEC(uint64_t) hits_before;  /* by node */
	double spans_ns;            /* what these cost */
	VEC(uint64_t) calls;        /* by node, in the last tick */
	struct unit syscall, change, span, sample;
	uint64_t samples; /* records since losses were asked for */
};

int costs_new(struct pathbpf *skel, const struct hits *hits, struct costs **ret)
{
	struct costs *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->spans_lock, NULL);
	c->skel = skel;
	c->hits = hits;
	c->traps =
	    (struct trap_costs){ GUESS_EMULATED, GUESS_STEPPED, GUESS_RETURN, GUESS_SYSCALL };
	c->syscall = c->change = (struct unit){ BASE_NS, GUESS_STACK };
	c->span = (struct unit){ .base_ns = GUESS_RUN };
	c->sample = (struct unit){ .base_ns = GUESS_STACK };
	c->selfcost = selfcost_start(skel);
	c->tick_ns = clock_monotonic_ns();
	c->self_ns = clock_self_cpu_ns();
	*ret = c;
	return 0;
}

void costs_free(struct costs *c)
{
	if (!c)
		return;
	selfcost_free(c->selfcost);
	pthread_mutex_destroy(&c->spans_lock);
	vec_done(&c->hits_before);
	vec_done(&c->calls);
	free(c);
}

void costs_set_traps(struct costs *c, const struct trap_costs *traps)
{
	if (traps->emulated_ns) {
		c->traps.emulated_ns = traps->emulated_ns;
		c->traps.stepped_ns = traps->stepped_ns;
		c->traps.return_ns = traps->return_ns;
	}
	if (traps->syscall_ns)
		c->traps.syscall_ns = traps->syscall_ns;
}

const struct trap_costs *costs_traps(const struct costs *c)
{
	return &c->traps;
}

static uint64_t counter(const struct costs *c, uint32_t key)
{
	static uint64_t values[4096];
	int cpus = libbpf_num_possible_cpus();
	uint64_t sum = 0;

	if (cpus > 4096 || bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.counters), &key, values))
		return 0;
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}

/* How often since the last tick. */
static uint64_t counted(struct costs *c, uint32_t key)
{
	uint64_t now = counter(c, key), before = c->counters[key];

	c->counters[key] = now;
	return now - before;
}

/*
 * CPU time of living processes. A process that ends takes its time with it: then the sum is smaller
 * than before, and the tick counts as none.
 */
uint64_t costs_cpu_time(const uint32_t *pids, size_t n)
{
	uint64_t sum_ns = 0;

	for (size_t i = 0; i < n; i++) {
		struct timespec t;
		clockid_t clock;

		if (!clock_getcpuclockid((pid_t)pids[i], &clock) && !clock_gettime(clock, &t))
			sum_ns += (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	}
	return sum_ns;
}

/* A measurement of the kernel's becomes the cost of an event, the older one weighing as much. */
static void learn(struct unit *u, double run_ns, double events, double stacks)
{
	double base_ns = run_ns / events < BASE_NS ? run_ns / events : BASE_NS;
	double rest_ns = run_ns - base_ns * events;

	if (stacks >= 8) {
		u->stack_ns = (u->stack_ns + rest_ns / stacks) / 2;
		u->base_ns = (u->base_ns + base_ns) / 2;
	} else {
		u->base_ns = (u->base_ns + run_ns / events) / 2;
	}
}

/* events: of targets, each `runs_each` runs of the programs; the other runs were nobody's. */
static void learn_from(struct costs *c, const char *prefix, struct unit *u, uint64_t events,
		       double runs_each, uint64_t stacks)
{
	uint64_t run_ns = 0, runs = 0;
	double others, ours_ns;

	if (events < 32 || !selfcost_measured(c->selfcost, prefix, &run_ns, &runs))
		return;
	others = (double)runs - runs_each * (double)events;
	ours_ns = (double)run_ns - (others > 0 ? others * EARLY_NS : 0);
	if (ours_ns > 0)
		learn(u, ours_ns, (double)events, (double)stacks);
}

static double spans_tick(struct costs *c, const uint8_t *classes, size_t n, uint64_t *calls)
{
	double sum_ns = 0;

	pthread_mutex_lock(&c->spans_lock);
	while (c->calls.n < n && !vec_push(&c->calls, 0) && !vec_push(&c->hits_before, 0))
		;
	for (uint32_t i = 0; i < n && i < c->hits_before.n; i++) {
		uint64_t now = hits_of(c->hits, i);

		c->calls.v[i] = now - c->hits_before.v[i];
		c->hits_before.v[i] = now;
		*calls += c->calls.v[i];
		if (c->calls.v[i])
			sum_ns += (double)c->calls.v[i] * costs_of_class(c, classes[i]);
	}
	c->spans_ns += sum_ns;
	pthread_mutex_unlock(&c->spans_lock);
	return sum_ns;
}

double costs_of_spans(struct costs *c, const uint8_t *classes, size_t n)
{
	double sum_ns;

	pthread_mutex_lock(&c->spans_lock);
	sum_ns = c->spans_ns;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t calls = costs_pending(c, i);

		if (calls)
			sum_ns += (double)calls * costs_of_class(c, classes[i]);
	}
	pthread_mutex_unlock(&c->spans_lock);
	return sum_ns;
}

static void cpu_tick(struct costs *c, const uint32_t *pids, size_t n, struct cost_tick *t)
{
	uint64_t now_ns = costs_cpu_time(pids, n);

	t->cpu_ns = now_ns > c->cpu_ns && c->cpu_ns ? now_ns - c->cpu_ns : 0;
	/* Processes that came brought their past with them. */
	if (n != c->cpu_pids && t->cpu_ns > t->ns)
		t->cpu_ns = 0;
	c->cpu_ns = now_ns;
	c->cpu_pids = n;
}

static double self_tick(struct costs *c)
{
	uint64_t now_ns = clock_self_cpu_ns(), before_ns = c->self_ns;

	c->self_ns = now_ns;
	return (double)(now_ns - before_ns);
}

void costs_tick(struct costs *c, const uint32_t *pids, size_t pids_n, const uint8_t *classes,
		size_t nodes_n, struct cost_tick *t)
{
	uint64_t now_ns = clock_monotonic_ns();

	*t = (struct cost_tick){ .ns = now_ns - c->tick_ns };
	c->tick_ns = now_ns;
	selfcost_tick(c->selfcost);
	cpu_tick(c, pids, pids_n, t);
	t->syscalls = counted(c, PB_COUNT_SYSCALLS);
	t->syscall_stacks = counted(c, PB_COUNT_SYSCALL_STACKS);
	t->switches = counted(c, PB_COUNT_SWITCHES);
	t->switch_stacks = counted(c, PB_COUNT_SWITCH_STACKS);
	t->samples = counted(c, PB_COUNT_SAMPLES);
	c->samples += t->samples + t->syscall_stacks + t->switch_stacks;
	t->spent_ns[COST_SPANS] = spans_tick(c, classes, nodes_n, &t->spans);
	learn_from(c, "pb_sys_", &c->syscall, t->syscalls, 2, t->syscall_stacks);
	learn_from(c, "pb_sched_switch", &c->change, t->switches, 1, t->switch_stacks);
	learn_from(c, "pb_span_", &c->span, t->spans, 2, 0);
	learn_from(c, "pb_cpu_tick", &c->sample, t->samples, 1, 0);
	t->spent_ns[COST_SYSCALLS] = (double)t->syscalls * costs_syscall(c) +
				     (double)t->syscall_stacks * costs_syscall_stack(c);
	t->spent_ns[COST_SWITCHES] = (double)t->switches * costs_switch(c) +
				     (double)t->switch_stacks * costs_switch_stack(c);
	t->spent_ns[COST_TICKS] = (double)t->samples * costs_sample(c);
	t->spent_ns[COST_SELF] = self_tick(c);
}

uint64_t costs_pending(const struct costs *c, uint32_t node)
{
	return node < c->hits_before.n ? hits_of(c->hits, node) - c->hits_before.v[node]
				       : hits_of(c->hits, node);
}

uint64_t costs_since_tick(const struct costs *c)
{
	return clock_monotonic_ns() - c->tick_ns;
}

double costs_lost_pct(struct costs *c)
{
	static const uint32_t lost_keys[] = { PB_LOST_SAMPLES, PB_LOST_EVENTS, PB_LOST_STACKS };
	uint64_t lost = 0, kept = c->samples;

	for (size_t i = 0; i < sizeof(lost_keys) / sizeof(*lost_keys); i++)
		lost += counted(c, lost_keys[i]);
	c->samples = 0;
	return lost + kept ? 100.0 * (double)lost / (double)(lost + kept) : 0;
}

uint64_t costs_calls(const struct costs *c, uint32_t node)
{
	return node < c->calls.n ? c->calls.v[node] : 0;
}

double costs_of_class(const struct costs *c, uint32_t class)
{
	return (double)trap_costs_of_class(&c->traps, class) + c->span.base_ns;
}

double costs_syscall(const struct costs *c)
{
	return c->syscall.base_ns + (double)c->traps.syscall_ns;
}

double costs_syscall_stack(const struct costs *c)
{
	return c->syscall.stack_ns;
}

/* A switch passes one tracepoint, a system call two. */
double costs_switch(const struct costs *c)
{
	return c->change.base_ns + (double)c->traps.syscall_ns / 2;
}

double costs_switch_stack(const struct costs *c)
{
	return c->change.stack_ns;
}

double costs_sample(const struct costs *c)
{
	return c->sample.base_ns + TIMER_NS;
}

struct selfcost *costs_selfcost(const struct costs *c)
{
	return c->selfcost;
}
