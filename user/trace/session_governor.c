/* SPDX-License-Identifier: GPL-2.0-only */
/* The governor of a session: what it is told, and what is done at its word. */
#include <errno.h>
#include <linux/types.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "trace/costs.h"
#include "trace/governor.h"
#include "trace/hits.h"
#include "trace/session_impl.h"
#include "trace/trapcost.h"

int session_govern_prepare(struct session *s)
{
	int err;

	if (s->plan) {
		err = hits_open(s->skel, &s->hits);
		if (err)
			return err;
	}
	err = costs_new(s->skel, s->hits, &s->costs);
	if (err)
		return err;
	err = trap_trial_begin(&s->trial);
	if (err)
		log_debug("what traps cost cannot be measured: %s", strerror(-err));
	return 0;
}

/* The exit first: an entry without its exit would be a call that never ends. */
int session_set_syscalls(void *arg, bool open)
{
	struct session *s = arg;
	struct pathbpf *skel = s->skel;

	if (!open) {
		bpf_link__destroy(skel->links.pb_sys_enter);
		bpf_link__destroy(skel->links.pb_sys_exit);
		skel->links.pb_sys_enter = skel->links.pb_sys_exit = NULL;
		return 0;
	}
	skel->bss->syscall_epoch++;
	skel->links.pb_sys_exit = bpf_program__attach(skel->progs.pb_sys_exit);
	if (!skel->links.pb_sys_exit)
		return -errno;
	skel->links.pb_sys_enter = bpf_program__attach(skel->progs.pb_sys_enter);
	if (skel->links.pb_sys_enter)
		return 0;
	bpf_link__destroy(skel->links.pb_sys_exit);
	skel->links.pb_sys_exit = NULL;
	return -errno;
}

static void tell_pids(struct session *s)
{
	VEC(uint32_t) pids = {};

	vec_foreach (p, &s->collect->processes.all) {
		if ((*p)->live)
			vec_push(&pids, (*p)->pid);
	}
	governor_set_pids(s->governor, pids.v, pids.n);
	vec_done(&pids);
}

int session_govern_begin(struct session *s)
{
	struct governor_parts parts = {
		.skel = s->skel,
		.costs = s->costs,
		.uprobes = s->uprobes,
		.sampler = s->sampler,
		.set_syscalls = s->skel->links.pb_sys_exit ? session_set_syscalls : NULL,
		.switches = s->opt.offcpu,
		.arg = s,
	};
	int err = governor_new(&s->opt.limits, &parts, &s->governor);

	if (err)
		return err;
	tell_pids(s);
	return governor_start(s->governor);
}

static void *free_trial(void *trial)
{
	trap_trial_free(trial);
	return NULL;
}

void session_govern_measure(struct session *s)
{
	bool functions = bpf_program__fd(s->skel->progs.pb_span_enter) >= 0;
	bool plugins = bpf_program__fd(s->skel->progs.pb_plugin_enter) >= 0;
	struct bpf_program *enter = NULL, *leave = NULL;
	struct trap_costs costs;
	pthread_t thread;

	if (!s->trial)
		return;
	if (functions || plugins) {
		enter = functions ? s->skel->progs.pb_span_enter : s->skel->progs.pb_plugin_enter;
		leave = functions ? s->skel->progs.pb_span_leave : s->skel->progs.pb_plugin_leave;
	}
	if (!trap_trial_finish(s->trial, enter, leave, &costs)) {
		costs_set_traps(s->costs, &costs);
		s->traps_known = enter != NULL;
	}
	/* The kernel takes 0.1 s to remove its probes. */
	if (pthread_create(&thread, NULL, free_trial, s->trial))
		trap_trial_free(s->trial);
	else
		pthread_detach(thread);
	s->trial = NULL;
}

static void tell_node(struct session *s, uint32_t node, enum budget_how now)
{
	const struct plan_node *n = &s->plan->nodes.v[node];

	governor_node(s->governor, &(struct governor_node){ .node = node,
							    .cost_class = trap_class(s->plan, n),
							    .value = n->automatic ? n->value : 1,
							    .inner = n->inner,
							    .now = now });
}

void session_govern_nodes(struct session *s)
{
	for (uint32_t i = 0; s->plan && i < s->plan->nodes.n; i++) {
		const struct plan_node *n = &s->plan->nodes.v[i];

		if (!n->attached && !n->refused && !n->costly && n->how != PLAN_KERNEL &&
		    n->how != PLAN_SYSCALL)
			tell_node(s, i, n->windowed ? BUDGET_WINDOW : BUDGET_ALWAYS);
	}
}

void session_govern_refused(struct session *s)
{
	for (uint32_t i = 0; s->plan && i < s->plan->nodes.n; i++) {
		if (!s->plan->nodes.v[i].attached && !s->plan->nodes.v[i].costly)
			governor_forget(s->governor, i);
	}
}

static struct governed_node *governed_of(struct session *s, uint32_t node)
{
	vec_foreach (g, &s->governed) {
		if (g->node == node)
			return g;
	}
	if (vec_push(&s->governed, (struct governed_node){ .node = node }))
		return NULL;
	return &s->governed.v[s->governed.n - 1];
}

/* Marks a node for what it shall become; told in the report. */
static void take_change(struct session *s, const struct governor_change *c)
{
	struct plan_node *n = &s->plan->nodes.v[c->node];
	struct governed_node *g = governed_of(s, c->node);

	n->windowed = c->want == BUDGET_WINDOW;
	n->costly = c->want == BUDGET_NEVER;
	n->regroup = true;
	if (!g)
		return;
	g->never = n->costly;
	snprintf(g->why, sizeof(g->why), "%s", c->why);
	log_info("%s: %s: %s", n->name,
		 n->costly     ? "not probed any more"
		 : n->windowed ? "probed for moments"
			       : "probed all the time",
		 c->why);
	if (n->costly)
		tell_node(s, c->node, BUDGET_NEVER);
}

static bool is_changing(const struct plan_node *n, const void *arg)
{
	(void)arg;
	return n->regroup;
}

int session_govern_tick(struct session *s)
{
	governor_change_vec changes = {};
	struct governor_status status;
	int err = 0;

	if (!s->governor)
		return 0;
	tell_pids(s);
	governor_status(s->governor, &status);
	if (!s->uprobes || status.breaker == BREAKER_OPEN || s->paused_at_ns)
		return 0;
	governor_changes(s->governor, &changes);
	vec_foreach (c, &changes)
		take_change(s, c);
	if (changes.n || uprobes_have_cut(s->uprobes)) {
		uprobes_release(s->uprobes, s->plan, is_changing, NULL);
		vec_foreach (n, &s->plan->nodes)
			n->regroup = false;
		err = session_attach_functions(s);
	}
	vec_done(&changes);
	return err;
}

/* Of a path's node, seen only while all its callers' nodes are. */
double session_node_share(const struct session *s, uint32_t node, bool of_trace)
{
	bool changed = s->plan->nodes.v[node].automatic;
	struct gate_time end = s->ended;

	end.wall_ns -= s->paused_ns;
	vec_foreach (g, &s->governed)
		changed |= g->node == node;
	return changed ? uprobes_share(s->uprobes, node, of_trace ? &s->began : NULL, end) : 1;
}

size_t session_governed(const struct session *s, const struct governed_node **ret)
{
	*ret = s->governed.v;
	return s->governed.n;
}

struct governor *session_governor(const struct session *s)
{
	return s->governor;
}

const struct costs *session_costs(const struct session *s)
{
	return s->costs;
}

int session_trap_costs(struct session *s, struct trap_costs *ret)
{
	const struct pathbpf *skel = s->skel;
	bool functions = bpf_program__fd(skel->progs.pb_span_enter) >= 0;

	if (s->traps_known) {
		*ret = *costs_traps(s->costs);
		return 0;
	}
	return trap_costs_measure(
	    functions ? skel->progs.pb_span_enter : skel->progs.pb_plugin_enter,
	    functions ? skel->progs.pb_span_leave : skel->progs.pb_plugin_leave, ret);
}
