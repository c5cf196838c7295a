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
#include "trace/harvest_calls.h"
#include "trace/harvest_executions.h"
#include "trace/harvest_plugins.h"
#include "trace/harvest_stacks.h"
#include "trace/mapread.h"
#include "trace/plan.h"
#include "trace/resolve.h"
#include "trace/runtimes.h"
#include "trace/selfcost.h"
#include "trace/session.h"
#include "trace/textwatch.h"
#include "trace/trapcost.h"

struct harvest {
	struct session *session;
	struct collect *collect;
	struct report *report;
	struct resolver *resolver;
	ns_vec offcpu_ns; /* by target: exact, without what was left out on request */
	double syscalls_cost_ns, switches_cost_ns;
};

static int add_target_stats(const void *key, void *value, void *arg)
{
	const struct pb_target_stats *s = value;
	struct harvest *h = arg;
	struct report *r = h->report;
	uint32_t pid, i;

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
	r->offcpu.switches += s->switches;
	r->offcpu.stacks_taken += s->stacks_taken;
	return 0;
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
 * Calls that were made while probes were exchanged for safer ones: how many is not known, so that
 * as many count as lost as were made in as long a time before and after.
 */
static void add_gap(struct harvest *h)
{
	uint64_t gap_ns = session_gap_ns(h->session), calls = 0, lost;
	struct report *r = h->report;
	char note[200];

	if (!gap_ns || gap_ns >= r->duration_ns)
		return;
	vec_foreach (n, &r->nodes)
		calls += n->calls;
	lost = 1 + (uint64_t)((double)calls * (double)gap_ns / (double)(r->duration_ns - gap_ns));
	r->lost.spans += lost;
	snprintf(note, sizeof(note),
		 "function calls of %.0f ms were not seen, about %" PRIu64
		 ": code was loaded that can throw, and the probes were exchanged for safer ones",
		 (double)gap_ns / 1e6, lost);
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

static bool was_called(const struct report *r)
{
	vec_foreach (p, &r->paths) {
		if (p->stats.calls || p->unwound || p->open)
			return true;
	}
	return false;
}

/* The trace is over, so that measuring delays nobody but the user. */
static void add_traps(struct harvest *h, const struct plan *plan)
{
	struct report *r = h->report;
	struct trap_costs costs;
	char note[160];
	int err;

	if (!plan || !was_called(r))
		return;
	err = session_trap_costs(h->session, &costs);
	if (err) {
		snprintf(note, sizeof(note),
			 "The cost of function probes' traps could not be measured (%s): the cost "
			 "below leaves them out.",
			 strerror(-err));
		vec_push(&r->notes, report_str(r, note));
		return;
	}
	r->overhead.trap_emulated_ns = costs.emulated_ns;
	r->overhead.trap_stepped_ns = costs.stepped_ns;
	r->overhead.trap_return_ns = costs.return_ns;
	r->overhead.traps_ns = trap_costs_sum(&costs, plan, r);
}

/*
 * A program that hangs on a tracepoint runs for everybody. The targets pay for their share of its
 * runs, of which our own counts tell the number.
 */
static void add_program(const char *program, double run_ns, double runs, void *arg)
{
	struct harvest *h = arg;
	struct report *r = h->report;
	double ours = runs;

	if (!strncmp(program, "pb_sys_", 7)) {
		ours = 0;
		vec_foreach (s, &r->syscalls)
			ours += (double)s->stats.calls;
	} else if (!strcmp(program, "pb_sched_switch")) {
		ours = 2.0 * (double)r->offcpu.switches;
	} else if (!strcmp(program, "pb_cpu_tick")) {
		ours = (double)r->cpu.samples;
	}
	if (runs > ours)
		run_ns *= ours / runs;
	r->overhead.bpf_ns += (uint64_t)run_ns;
	if (!strncmp(program, "pb_sys_", 7))
		h->syscalls_cost_ns += run_ns;
	if (!strcmp(program, "pb_sched_switch"))
		h->switches_cost_ns += run_ns;
}

/* Says what to leave out when the target lost more than its owner allows. */
static void advise(struct harvest *h, double cost_ns)
{
	struct report *r = h->report;
	const char *what = "stack samples", *how = "-F lowers their rate";
	double worst_ns = 0;
	char note[200];

	if (r->overhead.target_pct <= r->overhead.budget_pct)
		return;
	if (h->switches_cost_ns > worst_ns) {
		worst_ns = h->switches_cost_ns;
		what = "off-CPU time";
		how = "--no-offcpu leaves it out";
	}
	if (h->syscalls_cost_ns > worst_ns) {
		worst_ns = h->syscalls_cost_ns;
		what = "system calls";
		how = "--no-syscalls leaves them out";
	}
	if ((double)r->overhead.traps_ns > worst_ns) {
		worst_ns = (double)r->overhead.traps_ns;
		what = "function probes";
		how = "-t with fewer or rarer functions costs less";
	}
	snprintf(note, sizeof(note), "over the budget of %g %%: %.0f %% of the cost is for %s; %s",
		 r->overhead.budget_pct, 100 * worst_ns / cost_ns, what, how);
	vec_push(&r->notes, report_str(r, note));
}

static void add_cost(struct harvest *h)
{
	struct report *r = h->report;
	uint64_t cpu_ns = 0;
	double cost_ns;

	vec_foreach (t, &r->targets)
		cpu_ns += t->cpu_ns;
	selfcost_each(session_selfcost(h->session), add_program, h);
	r->overhead.bpf_memory = session_bpf_memory(h->session);
	cost_ns = (double)r->overhead.bpf_ns + (double)r->overhead.traps_ns;
	r->overhead.target_pct = cpu_ns ? 100.0 * cost_ns / (double)cpu_ns : 0;
	if (r->overhead.target_pct > 100) /* an estimate: they cannot have lost more than all */
		r->overhead.target_pct = 100;
	advise(h, cost_ns);
}

int harvest(struct session *s, struct collect *c, struct plan *plan, struct report *r)
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
	err = map_each(skel->maps.target_stats, add_target_stats, &h);
	err = err ? err : harvest_stacks(skel, c, resolver, r, &h.offcpu_ns);
	err = err ? err : harvest_plugins(c, session_loaders(s), resolver, r);
	err = err ? err
		  : harvest_calls(skel, c, plan, session_windows(s), resolver, r,
				  session_begin_ns(s));
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
	if (plan) {
		add_gap(&h);
		textwatch_tell(plan, r);
		add_missed_returns(&h);
		add_dropped_traces(&h);
		add_refused_hooks(&h, plan);
	}
	runtimes_tell(c->runtimes, r);
	add_traps(&h, plan);
	add_cost(&h);
	return 0;
}
