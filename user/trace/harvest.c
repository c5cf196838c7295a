/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a trace: processes, stacks, events and losses go into the report. */
#include "trace/harvest.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "data/report.h"
#include "lib/path.h"
#include "pathbpf.skel.h"
#include "trace/collect.h"
#include "trace/costs.h"
#include "trace/governor.h"
#include "trace/harvest_calls.h"
#include "trace/harvest_executions.h"
#include "trace/harvest_plugins.h"
#include "trace/harvest_stacks.h"
#include "trace/livesums.h"
#include "trace/mapread.h"
#include "trace/plan.h"
#include "trace/resolve.h"
#include "trace/runtimes.h"
#include "trace/session.h"
#include "trace/session_control.h"
#include "trace/textwatch.h"
#include "trace/trapcost.h"

struct harvest {
	struct session *session;
	struct collect *collect;
	struct report *report;
	struct resolver *resolver;
	ns_vec offcpu_ns; /* by target: exact, without what was left out on request */
	struct governor_status governor;
};

/* Where switches were looked at for a part of the time, the scheduler's own figures tell the sum.
 */
static void use_scheduler(struct pb_target_stats *s)
{
	uint64_t off_ns = s->wall_ns > s->cpu_ns ? s->wall_ns - s->cpu_ns : 0;

	s->preempted_ns = s->runq_ns < off_ns ? s->runq_ns : off_ns;
	s->blocked_ns = off_ns - s->preempted_ns;
	if (s->left_out_ns > off_ns)
		s->left_out_ns = off_ns;
}

static int add_target_stats(const void *key, void *value, void *arg)
{
	struct pb_target_stats *s = value;
	struct harvest *h = arg;
	double share = h->governor.switches_share > 0 ? h->governor.switches_share : 1;
	struct report *r = h->report;
	uint32_t pid, i;

	if (h->governor.switches_share < 1)
		use_scheduler(s);
	memcpy(&pid, key, sizeof(pid));
	i = resolve_target(h->resolver, pid);
	if (i == REPORT_NONE)
		return -ENOMEM;
	r->targets.v[i].threads_seen = (uint32_t)s->threads;
	r->targets.v[i].cpu_ns = s->cpu_ns;
	r->targets.v[i].runq_ns = s->runq_ns;
	r->targets.v[i].blocked_ns =
	    s->wall_ns > s->cpu_ns + s->runq_ns ? s->wall_ns - s->cpu_ns - s->runq_ns : 0;
	while (h->offcpu_ns.n <= i) {
		if (vec_push(&h->offcpu_ns, 0))
			return -ENOMEM;
	}
	h->offcpu_ns.v[i] = s->blocked_ns + s->preempted_ns - s->left_out_ns;
	r->offcpu.total_ns += s->blocked_ns + s->preempted_ns;
	r->offcpu.blocked_ns += s->blocked_ns;
	r->offcpu.preempted_ns += s->preempted_ns;
	r->offcpu.left_out_ns += s->left_out_ns;
	r->offcpu.switches += (uint64_t)((double)s->switches / share);
	r->offcpu.stacks_taken += s->stacks_taken;
	return 0;
}

/* Of threads that have ended; or of all, as they are in a snapshot. */
static int add_targets(struct harvest *h, const struct live_sums *live)
{
	int err = 0;

	if (!live)
		return map_each(session_skeleton(h->session)->maps.target_stats, add_target_stats,
				h);
	for (size_t i = 0; i < live->targets.n && !err; i++) {
		struct live_target t = live->targets.v[i];

		err = add_target_stats(&t.pid, &t.stats, h);
	}
	return err;
}

static void add_event(struct harvest *h, const struct raw_event *raw)
{
	static const enum event_kind kinds[] = {
		[PB_FORK] = EVENT_FORK,
		[PB_EXEC] = EVENT_EXEC,
		[PB_EXIT] = EVENT_EXIT,
		[PB_MMAP] = EVENT_MMAP,
	};
	uint64_t begin_ns = session_begin_ns(h->session);
	struct event e = { .kind = kinds[raw->kind], .pid = raw->pid, .tid = raw->tid };

	e.time_ns = raw->time_ns > begin_ns ? raw->time_ns - begin_ns : 0;
	e.text = report_str(h->report, raw->text);
	if (raw->kind == PB_FORK)
		e.value = raw->child;
	if (raw->kind == PB_EXIT) {
		e.signal = raw->status & 0x7f;
		e.value = (uint32_t)raw->status >> 8 & 0xff;
	}
	if (vec_push(&h->report->events, e))
		h->report->lost.events++;
}

static void add_losses(struct harvest *h)
{
	struct session *s = h->session;
	struct report *r = h->report;

	r->cpu.fired = session_counter(s, PB_COUNT_FIRED);
	r->cpu.other = session_counter(s, PB_COUNT_OTHER);
	r->lost.samples += session_counter(s, PB_LOST_SAMPLES) + session_misses(s, "pb_cpu_");
	r->lost.events += session_counter(s, PB_LOST_EVENTS) + h->collect->lost_events +
			  session_counter(s, PB_LOST_THREADS) + session_misses(s, "pb_sys_") +
			  session_misses(s, "pb_sched_") + session_misses(s, "pb_proc_") +
			  session_counter(s, PB_LOST_TIMELINES) + h->collect->exemplars.broken;
	r->lost.stacks += session_counter(s, PB_LOST_STACKS) + h->collect->lost_stacks;
	r->lost.paths += session_counter(s, PB_LOST_PATHS);
	r->lost.spans += session_counter(s, PB_LOST_SPANS) + session_misses(s, "pb_span_") +
			 session_misses(s, "pb_kernel_enter");
}

/* Recorded traces that made room for later ones: of what was kept, and not of any count. */
static void add_dropped_traces(struct harvest *h)
{
	const struct exemplars *e = &h->collect->exemplars;
	char note[160];

	if (!e->dropped)
		return;
	snprintf(note, sizeof(note),
		 "%" PRIu64 " of %" PRIu64 " recorded traces were given up for later ones",
		 e->dropped, e->received);
	vec_push(&h->report->notes, report_str(h->report, note));
}

/* Returns of calls whose beginning is not on record. */
static void add_missed_returns(struct harvest *h)
{
	uint64_t missed = session_counter(h->session, PB_MISSED_RETURNS);
	char note[160];

	if (!missed)
		return;
	snprintf(note, sizeof(note),
		 "%" PRIu64
		 " returns had no entry on record: calls that began before the trace, or "
		 "deeper than %d",
		 missed, PB_SPAN_DEPTH);
	vec_push(&h->report->notes, report_str(h->report, note));
}

/*
 * Calls that were made while probes were exchanged: how many is not known, so that
 * as many count as lost as were made in as long a time before and after.
 */
static void add_gap(struct harvest *h)
{
	uint64_t gap_ns = session_gap_ns(h->session), calls = 0, lost;
	struct report *r = h->report;
	char note[200];

	if (!gap_ns || gap_ns >= report_traced_ns(r))
		return;
	vec_foreach (n, &r->nodes)
		calls += n->calls;
	lost =
	    1 + (uint64_t)((double)calls * (double)gap_ns / (double)(report_traced_ns(r) - gap_ns));
	r->lost.spans += lost;
	snprintf(note, sizeof(note),
		 "function calls of %.0f ms were not seen, about %" PRIu64
		 ": probes were exchanged, because code was loaded that can throw, or functions "
		 "were taken off",
		 (double)gap_ns / 1e6, lost);
	vec_push(&r->notes, report_str(r, note));
}

/* What nobody traced is not in any sum. */
static void add_pauses(struct harvest *h)
{
	struct report *r = h->report;
	char note[200];

	if (!r->pauses)
		return;
	snprintf(note, sizeof(note),
		 "paused on request, %u time%s, for %.3g s in all: what happened then is not in "
		 "this report, and calls that were in progress when a pause began count as lost",
		 r->pauses, r->pauses == 1 ? "" : "s", (double)r->paused_ns / 1e9);
	vec_push(&r->notes, report_str(r, note));
}

/* Without these, calls that exceptions leave count as left, and nobody knows of what they failed.
 */
static void add_refused_hooks(struct harvest *h, const struct plan *plan)
{
	vec_foreach (hook, &plan->hooks) {
		char note[200];

		if (!hook->refused)
			continue;
		snprintf(note, sizeof(note),
			 "%s in %s could not be probed: its errors are not told by name",
			 hook_name(hook->kind),
			 path_last(h->collect->objects.files.v[hook->object]->path));
		vec_push(&h->report->notes, report_str(h->report, note));
	}
}

static void add_missing(struct harvest *h)
{
	const struct session_missing *m;
	size_t n = session_missing(h->session, &m);

	for (size_t i = 0; i < n; i++) {
		struct named_why why = { report_str(h->report, m[i].what),
					 report_str(h->report, m[i].why) };

		vec_push(&h->report->missing, why);
	}
}

/* What a signal is called when it costs too much, and how to have less of it. */
struct advice {
	enum cost_center center;
	const char *what, *how;
};

/* Says what to leave out when the target lost more than its owner allows. */
static void advise(struct harvest *h, const struct governor_status *status)
{
	static const struct advice all[] = {
		{ COST_TICKS, "stack samples", "-F lowers their rate" },
		{ COST_SWITCHES, "off-CPU time", "--no-offcpu leaves it out" },
		{ COST_SYSCALLS, "system calls", "--no-syscalls leaves them out" },
		{ COST_SPANS, "function probes", "-t with fewer or rarer functions costs less" },
	};
	const struct advice *worst = &all[0];
	struct report *r = h->report;
	double sum_ns = 0;
	char note[200];

	if (r->overhead.target_pct <= r->overhead.budget_pct)
		return;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		sum_ns += status->spent_ns[all[i].center];
		if (status->spent_ns[all[i].center] > status->spent_ns[worst->center])
			worst = &all[i];
	}
	snprintf(note, sizeof(note), "over the budget of %g %%: %.0f %% of the cost is for %s; %s",
		 r->overhead.budget_pct, 100 * status->spent_ns[worst->center] / sum_ns,
		 worst->what, worst->how);
	vec_push(&r->notes, report_str(r, note));
}

static void add_detached(struct harvest *h, const char *name, const char *why)
{
	struct report *r = h->report;

	vec_push(&r->overhead.detached,
		 (struct named_why){ report_str(r, name), report_str(r, why) });
}

/* What was looked at for a part of the time only. */
static void add_sampled_signal(struct harvest *h, const char *name, double share)
{
	char why[120];

	if (share >= 1)
		return;
	snprintf(why, sizeof(why),
		 "looked at for %.1f %% of the time, all of it would cost more than is allowed: "
		 "figures are estimates",
		 100 * share);
	add_detached(h, name, why);
}

static void add_trap_costs(struct harvest *h)
{
	const struct trap_costs *costs = costs_traps(session_costs(h->session));
	struct report *r = h->report;

	if (!r->overhead.traps_ns)
		return;
	r->overhead.trap_emulated_ns = costs->emulated_ns;
	r->overhead.trap_stepped_ns = costs->stepped_ns;
	r->overhead.trap_return_ns = costs->return_ns;
}

static void add_breaker(struct harvest *h)
{
	static const char *const states[] = { [BREAKER_CLOSED] = "closed",
					      [BREAKER_HALF_OPEN] = "half-open",
					      [BREAKER_OPEN] = "open" };
	uint64_t begin_ns = session_begin_ns(h->session);
	struct breaker_event e;

	for (size_t i = 0; governor_event(session_governor(h->session), i, &e); i++)
		vec_push(&h->report->overhead.breaker,
			 (struct breaker_change){
			     .time_ns = e.time_ns > begin_ns ? e.time_ns - begin_ns : 0,
			     .state = states[e.state],
			     .why = report_str(h->report, e.why) });
}

/* What the governor did, and what it knows of the cost. */
static void add_cost(struct harvest *h, const struct plan *plan)
{
	const struct governed_node *governed;
	size_t n = session_governed(h->session, &governed);
	struct report *r = h->report;
	const struct governor_status *status = &h->governor;
	uint64_t cpu_ns = 0;

	vec_foreach (t, &r->targets)
		cpu_ns += t->cpu_ns;
	r->overhead.bpf_memory = session_bpf_memory(h->session);
	r->overhead.traps_ns = (uint64_t)status->spent_ns[COST_SPANS];
	r->overhead.bpf_ns =
	    (uint64_t)(status->spent_ns[COST_SYSCALLS] + status->spent_ns[COST_SWITCHES] +
		       status->spent_ns[COST_TICKS]);
	r->overhead.target_pct =
	    cpu_ns ? 100.0 * (double)(r->overhead.traps_ns + r->overhead.bpf_ns) / (double)cpu_ns
		   : 0;
	if (r->overhead.target_pct > 100) /* an estimate: they cannot have lost more than all */
		r->overhead.target_pct = 100;
	for (size_t i = 0; plan && i < n; i++)
		if (!plan->nodes.v[governed[i].node].automatic) /* nobody misses these */
			add_detached(h, plan->nodes.v[governed[i].node].name, governed[i].why);
	add_trap_costs(h);
	add_breaker(h);
	add_sampled_signal(h, "system calls", status->syscalls_share);
	add_sampled_signal(h, "off-CPU stacks", status->switches_share);
	advise(h, status);
}

int harvest(struct session *s, struct collect *c, struct plan *plan, const struct live_sums *live,
	    struct report *r)
{
	struct pathbpf *skel = session_skeleton(s);
	_cleanup_(resolver_freep) struct resolver *resolver = NULL;
	struct harvest h = { .session = s, .collect = c, .report = r };
	int err;

	/* Room for one empty stack a process: the resolver's tables do not grow. */
	for (size_t i = 0; i < c->processes.all.n; i++)
		collect_empty_stack(c, c->processes.all.v[i]->pid);
	err = resolver_new(c, r, session_native(s), &resolver);
	if (err)
		return err;
	h.resolver = resolver;
	r->duration_ns = session_end_ns(s) - session_begin_ns(s);
	governor_status(session_governor(s), &h.governor);
	r->paused_ns = session_paused_ns(s);
	r->pauses = session_pauses(s);
	err = add_targets(&h, live);
	err = err ? err : harvest_plugins(c, session_loaders(s), resolver, r);
	err = err ? err : harvest_calls(s, c, plan, h.governor.syscalls_share, resolver, r, live);
	/* Stacks want names, which takes its time, in which a snapshot's counts would go on. */
	err = err ? err
		  : harvest_stacks(skel, c, resolver, r, &h.offcpu_ns, h.governor.switches_share,
				   live);
	vec_done(&h.offcpu_ns);
	if (err)
		return err;
	err = err || !c->plugins ? err
				 : harvest_executions(skel, plan, c->plugins, session_allocs(s), r,
						      session_begin_ns(s));
	if (err)
		return err;
	vec_foreach (e, &c->events)
		add_event(&h, e);
	add_losses(&h);
	add_missing(&h);
	add_pauses(&h);
	if (plan) {
		add_gap(&h);
		textwatch_tell(plan, r);
		add_missed_returns(&h);
		add_dropped_traces(&h);
		add_refused_hooks(&h, plan);
	}
	runtimes_tell(c->runtimes, r);
	add_cost(&h, plan);
	return 0;
}
