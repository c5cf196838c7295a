/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The breaker: when nothing else keeps a limit, everything is turned off; after a while a little is
 * tried, and when that goes well, all of it again. And what else is looked at once a second: how
 * hard pressed the system is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "trace/governor_impl.h"

#include "pathbpf.skel.h"
#include "trace/sampler.h"
#include "trace/uprobe.h"

#define SEC_NS        1000000000ULL
#define OVER_FACTOR   3.0 /* so many times of what is allowed … */
#define OVER_TICKS    20  /* … for so long */
#define FIRST_TICKS   20  /* in which starting costs what it costs */
#define BACKOFF_NS    (2 * SEC_NS)
#define BACKOFF_MAX   (60 * SEC_NS)
#define HALF_OPEN_NS  (2 * SEC_NS)
#define PRESSURE_HIGH 90.0 /* per cent of the time that somebody waits for a CPU */
#define PRESSURE_LOW  70.0
#define LOAD_HIGH     4.0 /* runnable threads a CPU, where the kernel tells no pressure */
#define LOAD_LOW      3.0

static void set_all(struct governor *g, bool on)
{
	gate_set(&g->syscalls, on && g->syscalls.duty >= 1);
	gate_set(&g->switches, on && g->switches.duty >= 1);
	g->syscalls_close_ns = g->switches_close_ns = 0;
	sampler_enable(g->parts.sampler, on);
	if (!on && g->parts.uprobes) {
		uprobes_cut_all(g->parts.uprobes);
		g->spans_open = false;
	}
}

static void turn(struct governor *g, enum breaker_state state, const char *why)
{
	static const char *const names[] = { "closed", "half-open", "open" };
	struct breaker_event e = { .time_ns = clock_monotonic_ns(), .state = state };

	snprintf(e.why, sizeof(e.why), "%s", why);
	vec_push(&g->events, e);
	log_warn(0, "the breaker is %s: %s", names[state], why);
	if ((state == BREAKER_OPEN) != (g->breaker == BREAKER_OPEN))
		set_all(g, state != BREAKER_OPEN);
	g->breaker = state;
	g->over_ticks = 0;
}

static void trip(struct governor *g, const char *why)
{
	g->backoff_ns = g->backoff_ns ? 2 * g->backoff_ns : BACKOFF_NS;
	if (g->backoff_ns > BACKOFF_MAX)
		g->backoff_ns = BACKOFF_MAX;
	g->breaker_until_ns = clock_monotonic_ns() + g->backoff_ns;
	turn(g, BREAKER_OPEN, why);
}

static uint64_t own_memory(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/statm", "re");
	uint64_t pages = 0;

	if (!f || fscanf(f, "%*u %" SCNu64, &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Is a limit exceeded at this moment? Then why. */
static bool is_over(struct governor *g, char *why, size_t size)
{
	double seconds = (double)g->second.ns / 1e9;
	double allowed_ns = governor_allowed(g) * seconds, spent_ns = governor_spent(&g->second);
	double self_pct = g->second.spent_ns[COST_SELF] / (double)g->second.ns * 100;

	/* What we use ourselves has a limit of its own. */
	spent_ns -= g->second.spent_ns[COST_SELF];
	if (governor_is_limited(g) && spent_ns > OVER_FACTOR * allowed_ns) {
		snprintf(why, size, "tracing cost %.1f ms in a second, %.1f are allowed",
			 spent_ns / 1e6, allowed_ns / 1e6);
		return true;
	}
	if (g->limits.cpu_pct > 0 && self_pct > g->limits.cpu_pct) {
		snprintf(why, size, "pathbpf used %.1f %% of a CPU, the limit is %g %%", self_pct,
			 g->limits.cpu_pct);
		return true;
	}
	return false;
}

/* Limits that do not recover by waiting: once a second. */
static bool is_full(struct governor *g, char *why, size_t size)
{
	double lost_pct = costs_lost_pct(g->parts.costs);
	uint64_t bytes = g->limits.memory_bytes ? own_memory() : 0;

	if (bytes > g->limits.memory_bytes) {
		snprintf(why, size, "pathbpf has %.1f MiB of memory, the limit is %.1f MiB",
			 (double)bytes / (1 << 20), (double)g->limits.memory_bytes / (1 << 20));
		return true;
	}
	if (g->limits.loss_pct > 0 && lost_pct > g->limits.loss_pct) {
		snprintf(why, size, "%.1f %% of the records were lost, the limit is %g %%",
			 lost_pct, g->limits.loss_pct);
		return true;
	}
	return false;
}

/* The kernel's word on how hard pressed the CPUs are, in per cent; negative: it has none. */
static double read_pressure(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/pressure/cpu", "re");
	double pct;

	return f && fscanf(f, "some avg10=%lf", &pct) == 1 ? pct : -1;
}

static bool is_pressed(bool before)
{
	double pct = read_pressure(), load = 0, cpus = (double)sysconf(_SC_NPROCESSORS_ONLN);
	_cleanup_fclose_ FILE *f = NULL;

	if (pct >= 0)
		return pct > (before ? PRESSURE_LOW : PRESSURE_HIGH);
	f = fopen("/proc/loadavg", "re");
	if (!f || fscanf(f, "%lf", &load) != 1)
		return false;
	return load > cpus * (before ? LOAD_LOW : LOAD_HIGH);
}

static void watch_pressure(struct governor *g)
{
	bool pressed = is_pressed(g->pressed);

	if (pressed == g->pressed)
		return;
	g->pressed = pressed;
	sampler_slow(g->parts.sampler, pressed ? 2 : 1);
	log_info("%s", pressed ? "the system is hard pressed: half as many stack samples"
			       : "the system has room again: all stack samples");
}

void governor_check(struct governor *g)
{
	uint64_t now_ns = clock_monotonic_ns();
	char why[120];

	if (g->ticks % LEDGER == 0) {
		if (governor_is_limited(g)) /* else nobody minds */
			watch_pressure(g);
		if (g->breaker != BREAKER_OPEN && is_full(g, why, sizeof(why))) {
			trip(g, why);
			return;
		}
	}
	if (g->breaker == BREAKER_OPEN) {
		if (now_ns < g->breaker_until_ns)
			return;
		turn(g, BREAKER_HALF_OPEN, "trying a part of it");
		g->breaker_until_ns = now_ns + HALF_OPEN_NS;
		return;
	}
	if (g->ticks < FIRST_TICKS)
		return;
	g->over_ticks = is_over(g, why, sizeof(why)) ? g->over_ticks + 1 : 0;
	if (g->over_ticks >= (g->breaker == BREAKER_HALF_OPEN ? LEDGER : OVER_TICKS)) {
		trip(g, why);
	} else if (g->breaker == BREAKER_HALF_OPEN && now_ns >= g->breaker_until_ns) {
		g->backoff_ns = 0;
		turn(g, BREAKER_CLOSED, "that went well");
	}
}
