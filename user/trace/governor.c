/* SPDX-License-Identifier: GPL-2.0-only */
/* The governor: its thread, and what it does each tick. */
#include "trace/governor_impl.h"

#include <errno.h>
#include <linux/types.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "pathbpf.skel.h"
#include "trace/sampler.h"
#include "trace/uprobe.h"

#define TICK_NS        100000000ULL
#define FIRST_NS       20000000ULL /* at first, when nobody knows yet what anything costs */
#define FIRST_TICKS    10
#define REST_SHARE     9 /* times as long as a look took is none */
#define SEC_NS         1e9
#define NICE           (-15)
#define BURST_NS       5000000.0 /* of cost within a tick, that is no storm, at least */
#define STORM_SYSCALLS 0.3       /* of a second's budget, spent by one thread in 100 ms */

static int set_switches(void *arg, bool open)
{
	struct governor *g = arg;

	g->parts.skel->bss->switches_off = !open;
	return 0;
}

static int set_syscalls(void *arg, bool open)
{
	struct governor *g = arg;

	return g->parts.set_syscalls(g->parts.arg, open);
}

int governor_new(const struct governor_limits *limits, const struct governor_parts *parts,
		 struct governor **ret)
{
	_cleanup_(governor_freep) struct governor *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->parts = *parts;
	g->limits = *limits;
	pthread_mutex_init(&g->lock, NULL);
	pthread_mutex_init(&g->clock.lock, NULL);
	g->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->wake_fd < 0)
		return -errno;
	g->alarms =
	    ring_buffer__new(bpf_map__fd(parts->skel->maps.alarms), governor_on_alarm, g, NULL);
	if (!g->alarms)
		return -errno;
	*ret = TAKE_PTR(g);
	return 0;
}

void governor_free(struct governor *g)
{
	if (!g)
		return;
	governor_stop(g);
	ring_buffer__free(g->alarms);
	cleanup_close(&g->wake_fd);
	pthread_mutex_destroy(&g->lock);
	pthread_mutex_destroy(&g->clock.lock);
	vec_done(&g->pids);
	vec_done(&g->nodes);
	vec_done(&g->classes);
	vec_done(&g->scratch);
	vec_done(&g->events);
	free(g);
}

bool governor_is_limited(const struct governor *g)
{
	return g->limits.overhead_pct < 100;
}

/* What may be spent on probes of one CPU between two looks at it. */
void governor_set_guard(struct governor *g)
{
	struct pathbpf *skel = g->parts.skel;
	double share = g->limits.overhead_pct / 100, burst_ns = share * SEC_NS;

	for (uint32_t class = 0; class < PB_COST_CLASSES; class ++)
		skel->bss->guard_costs[class] = (uint32_t)costs_of_class(g->parts.costs, class);
	skel->bss->guard_share = (uint32_t)(share * (1 << 20));
	if (burst_ns < BURST_NS)
		burst_ns = BURST_NS;
	skel->bss->guard_burst_ns = governor_is_limited(g) ? (uint64_t)burst_ns : 0;
	skel->bss->syscall_storm =
	    governor_is_limited(g)
		? (uint32_t)(STORM_SYSCALLS * burst_ns / costs_syscall(g->parts.costs))
		: 0;
}

/* The last second's ticks: sums. */
static void sum_ledger(const struct governor *g, struct cost_tick *ret)
{
	*ret = (struct cost_tick){};
	for (size_t i = 0; i < LEDGER; i++) {
		const struct cost_tick *t = &g->ledger[i];

		ret->ns += t->ns;
		ret->cpu_ns += t->cpu_ns;
		for (int k = 0; k < COST_CENTERS; k++)
			ret->spent_ns[k] += t->spent_ns[k];
	}
}

double governor_spent(const struct cost_tick *t)
{
	double sum_ns = 0;

	for (int i = 0; i < COST_CENTERS; i++)
		sum_ns += t->spent_ns[i];
	return sum_ns;
}

/* Takes a tick into the books. Under the lock. */
static void book(struct governor *g, const struct cost_tick *t)
{
	struct governor_status *s = &g->status;
	struct cost_tick second;

	g->ledger[g->ticks++ % LEDGER] = *t;
	sum_ledger(g, &second);
	g->second = second;
	s->cpu_ns += t->cpu_ns;
	for (int i = 0; i < COST_CENTERS; i++)
		s->spent_ns[i] += t->spent_ns[i];
	s->overhead_pct = second.cpu_ns ? 100 * governor_spent(&second) / (double)second.cpu_ns : 0;
	if (g->ticks > 2 * LEDGER && s->overhead_pct > s->worst_pct)
		s->worst_pct = s->overhead_pct;
}

/* Once a second, for -vv. */
static void tell(const struct governor *g)
{
	const double *ns = g->second.spent_ns;

	if (g->ticks % LEDGER)
		return;
	log_debug("governor: of %.1f ms CPU %.2f ms spent (allowed %.2f): spans %.2f, syscalls "
		  "%.2f, switches %.2f, ticks %.2f, self %.2f; duty %.3f %.3f %.3f, levels %u %u",
		  (double)g->second.cpu_ns / 1e6, governor_spent(&g->second) / 1e6,
		  governor_allowed(g) / 1e6, ns[COST_SPANS] / 1e6, ns[COST_SYSCALLS] / 1e6,
		  ns[COST_SWITCHES] / 1e6, ns[COST_TICKS] / 1e6, ns[COST_SELF] / 1e6, g->spans_duty,
		  g->syscalls.duty, g->switches.duty, g->parts.skel->bss->syscall_level,
		  g->parts.skel->bss->switch_level);
}

static void tick(struct governor *g)
{
	struct cost_tick t;

	pthread_mutex_lock(&g->lock);
	costs_tick(g->parts.costs, g->pids.v, g->pids.n, g->classes.v, g->classes.n, &t);
	governor_learn(g, &t);
	book(g, &t);
	governor_owe(g, &t);
	if (governor_is_limited(g))
		governor_decide(g);
	governor_check(g);
	governor_set_guard(g);
	tell(g);
	pthread_mutex_unlock(&g->lock);
	sampler_jitter(g->parts.sampler);
}

/* When something is to be done next. */
static uint64_t next_ns(const struct governor *g)
{
	uint64_t window_ns = governor_next_window(g);

	if (g->parts.skel->bss->inert) /* no window is opened then, however overdue */
		return g->tick_ns;

	return window_ns < g->tick_ns ? window_ns : g->tick_ns;
}

static void wait_until(struct governor *g, uint64_t until_ns)
{
	struct pollfd fds[] = { { .fd = ring_buffer__epoll_fd(g->alarms), .events = POLLIN },
				{ .fd = g->wake_fd, .events = POLLIN } };
	uint64_t now_ns = clock_monotonic_ns(), woken;
	struct timespec left = {};

	if (until_ns > now_ns)
		left = (struct timespec){ (time_t)((until_ns - now_ns) / 1000000000),
					  (long)((until_ns - now_ns) % 1000000000) };
	if (ppoll(fds, 2, &left, NULL) <= 0)
		return;
	if (fds[0].revents)
		ring_buffer__consume(g->alarms);
	if (fds[1].revents && read(g->wake_fd, &woken, sizeof(woken)) < 0)
		return;
}

/* Where a look itself takes long (functions of the kernel are traced, say) they are rarer. */
static uint64_t next_tick(const struct governor *g, uint64_t began_ns)
{
	uint64_t now_ns = clock_monotonic_ns(), rest_ns = (now_ns - began_ns) * REST_SHARE;
	uint64_t wait_ns = g->ticks < FIRST_TICKS && governor_is_limited(g) ? FIRST_NS : TICK_NS;

	return now_ns + (wait_ns > rest_ns ? wait_ns : rest_ns);
}

static void *run(void *arg)
{
	struct governor *g = arg;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	while (!__atomic_load_n(&g->stop, __ATOMIC_ACQUIRE)) {
		uint64_t now_ns = clock_monotonic_ns();

		if (now_ns >= g->tick_ns) {
			tick(g);
			g->tick_ns = next_tick(g, now_ns);
		}
		governor_windows(g, now_ns);
		wait_until(g, next_ns(g));
	}
	return NULL;
}

int governor_start(struct governor *g)
{
	uint64_t now_ns = clock_monotonic_ns();
	int err;

	g->tick_ns = now_ns + FIRST_NS;
	g->window_next_ns = now_ns + (uint64_t)SEC_NS;
	g->began_ns = now_ns;
	if (g->parts.set_syscalls)
		gate_begin(&g->syscalls, set_syscalls, governor_clock, g);
	if (g->parts.switches)
		gate_begin(&g->switches, set_switches, governor_clock, g);
	governor_set_guard(g);
	if (g->parts.uprobes)
		uprobes_set_clock(g->parts.uprobes, governor_clock, g);
	err = pthread_create(&g->thread, NULL, run, g);
	g->running = !err;
	return -err;
}

static void wake(struct governor *g)
{
	uint64_t one = 1;

	if (write(g->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is awake */
}

void governor_stop(struct governor *g)
{
	if (!g || !g->running)
		return;
	__atomic_store_n(&g->stop, true, __ATOMIC_RELEASE);
	wake(g);
	pthread_join(g->thread, NULL);
	g->running = false;
	g->status.syscalls_share = gate_share(&g->syscalls);
	g->status.switches_share = gate_share(&g->switches);
	gate_set(&g->syscalls, false);
}

void governor_set_pids(struct governor *g, const uint32_t *pids, size_t n)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->pids.n = 0;
	for (size_t i = 0; i < n; i++)
		vec_push(&g->pids, pids[i]);
	pthread_mutex_unlock(&g->lock);
}

void governor_node(struct governor *g, const struct governor_node *node)
{
	struct governed *n;

	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	while (g->nodes.n <= node->node) {
		if (vec_push(&g->nodes, (struct governed){ .rate = -1 }) ||
		    vec_push(&g->classes, 0))
			break;
	}
	if (node->node < g->nodes.n && node->node < g->classes.n) {
		n = &g->nodes.v[node->node];
		g->classes.v[node->node] = (uint8_t)node->cost_class;
		n->now = n->want = node->now;
		n->attached = true;
		n->inner = node->inner;
		n->value = node->value;
		n->cut = false;
		n->attached_ns = clock_monotonic_ns();
	}
	pthread_mutex_unlock(&g->lock);
}

void governor_forget(struct governor *g, uint32_t node)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	if (node < g->nodes.n)
		g->nodes.v[node].attached = false;
	pthread_mutex_unlock(&g->lock);
}

bool governor_changes(struct governor *g, governor_change_vec *ret)
{
	size_t before = ret->n;

	if (!g)
		return false;
	pthread_mutex_lock(&g->lock);
	for (uint32_t i = 0; g->changed && i < g->nodes.n; i++) {
		const struct governed *n = &g->nodes.v[i];
		struct governor_change c = { .node = i, .want = n->want };

		if (!n->attached || n->want == n->now)
			continue;
		snprintf(c.why, sizeof(c.why),
			 "%.0f calls a second at %.1f us each would cost %.1f %% of a CPU", n->rate,
			 costs_of_class(g->parts.costs, g->classes.v[i]) / 1e3,
			 n->rate * costs_of_class(g->parts.costs, g->classes.v[i]) / 1e7);
		vec_push(ret, c);
	}
	g->changed = false;
	pthread_mutex_unlock(&g->lock);
	return ret->n > before;
}

void governor_trial(struct governor *g)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->trial = true;
	g->window_next_ns = 0;
	pthread_mutex_unlock(&g->lock);
	wake(g);
}

void governor_set_limits(struct governor *g, const struct governor_limits *limits)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->limits = *limits;
	if (!governor_is_limited(g))
		governor_release_all(g);
	pthread_mutex_unlock(&g->lock);
}

void governor_limits(struct governor *g, struct governor_limits *ret)
{
	pthread_mutex_lock(&g->lock);
	*ret = g->limits;
	pthread_mutex_unlock(&g->lock);
}

void governor_status(struct governor *g, struct governor_status *ret)
{
	if (!g) {
		*ret = (struct governor_status){ .syscalls_share = 1, .switches_share = 1 };
		return;
	}
	pthread_mutex_lock(&g->lock);
	*ret = g->status;
	if (g->running) {
		ret->syscalls_share = gate_share(&g->syscalls);
		ret->switches_share = gate_share(&g->switches);
	}
	ret->cost_pct = ret->cpu_ns
			    ? 100 *
				  (ret->spent_ns[COST_SPANS] + ret->spent_ns[COST_SYSCALLS] +
				   ret->spent_ns[COST_SWITCHES] + ret->spent_ns[COST_TICKS]) /
				  (double)ret->cpu_ns
			    : 0;
	ret->breaker = g->breaker;
	vec_foreach (n, &g->nodes) {
		if (!n->attached)
			continue;
		ret->always += n->now == BUDGET_ALWAYS;
		ret->windowed += n->now == BUDGET_WINDOW;
		ret->never += n->now == BUDGET_NEVER;
	}
	pthread_mutex_unlock(&g->lock);
}

double governor_rate(struct governor *g, uint32_t node)
{
	double rate = -1;

	if (!g)
		return rate;
	pthread_mutex_lock(&g->lock);
	if (node < g->nodes.n)
		rate = g->nodes.v[node].rate;
	pthread_mutex_unlock(&g->lock);
	return rate;
}

double governor_cost(struct governor *g, uint32_t node)
{
	double ns = 0;

	if (!g)
		return ns;
	pthread_mutex_lock(&g->lock);
	if (node < g->classes.n)
		ns = costs_of_class(g->parts.costs, g->classes.v[node]);
	pthread_mutex_unlock(&g->lock);
	return ns;
}

bool governor_event(struct governor *g, size_t i, struct breaker_event *ret)
{
	bool there;

	if (!g)
		return false;
	pthread_mutex_lock(&g->lock);
	there = i < g->events.n;
	if (there)
		*ret = g->events.v[i];
	pthread_mutex_unlock(&g->lock);
	return there;
}

void governor_set_others(struct governor *g, double pct)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->others_pct = pct;
	pthread_mutex_unlock(&g->lock);
}

void governor_hold(struct governor *g)
{
	if (g)
		pthread_mutex_lock(&g->lock);
}

void governor_let_go(struct governor *g)
{
	if (g)
		pthread_mutex_unlock(&g->lock);
}

void governor_pause(struct governor *g)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->paused_ns = clock_monotonic_ns();
	governor_close_all(g);
	g->parts.sampler = NULL;
	pthread_mutex_unlock(&g->lock);
}

/* The tracepoints are attached again. */
void governor_resume(struct governor *g, struct sampler *sampler)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	gate_resume(&g->syscalls, now_ns - g->paused_ns, true);
	gate_resume(&g->switches, now_ns - g->paused_ns, false);
	g->paused_ns = 0;
	g->parts.sampler = sampler;
	pthread_mutex_unlock(&g->lock);
}
