/* SPDX-License-Identifier: GPL-2.0-only */
/* What plugins did. */
#include "trace/harvest_executions.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "pathbpf.skel.h"
#include "trace/allocs.h"
#include "trace/plan.h"
#include "trace/plugins_impl.h"

/* The plugin that a path's last function is an entry of; REPORT_NONE: of none. */
static uint32_t plugin_of_path(const struct plan *plan, const struct report *r, uint32_t path)
{
	uint32_t node = r->paths.v[path].node;

	return node < plan->nodes.n ? plan_node_plugin(&plan->nodes.v[node]) - 1 : REPORT_NONE;
}

/*
 * Of a function that a SPEC has named, calls from within the plugin are spans, too: of those behind
 * another of the plugin's functions, most are.
 */
static bool is_internal(const struct plan *plan, const struct report *r, uint32_t path)
{
	uint32_t parent = r->paths.v[path].parent;

	return plan->nodes.v[r->paths.v[path].node].serves && parent != REPORT_NONE &&
	       plugin_of_path(plan, r, parent) == plugin_of_path(plan, r, path);
}

/* What a goroutine does is not told from what its thread does for others. */
static bool is_go(const struct plan *plan, uint32_t plugin)
{
	vec_foreach (node, &plan->nodes) {
		if (plan_node_plugin(node) == plugin + 1)
			return node->how == PLAN_GOROUTINE;
	}
	return false;
}

static bool is_served(const struct plan *plan, uint32_t plugin)
{
	vec_foreach (node, &plan->nodes) {
		if (node->serves == plugin + 1)
			return true;
	}
	return false;
}

/* Is it within another execution of the same plugin? */
static bool is_nested(const struct plan *plan, const struct report *r, uint32_t path)
{
	uint32_t plugin = plugin_of_path(plan, r, path);

	for (uint32_t up = r->paths.v[path].parent; up != REPORT_NONE; up = r->paths.v[up].parent) {
		if (plugin_of_path(plan, r, up) == plugin)
			return true;
	}
	return false;
}

static int merge_hist(struct call_stats *to, const struct call_stats *from)
{
	if (!from->hist)
		return 0;
	if (!to->hist) {
		to->hist = calloc(1, sizeof(*to->hist));
		to->min_ns = UINT64_MAX;
	}
	if (!to->hist)
		return -ENOMEM;
	hist_add(to->hist, from->hist);
	if (from->min_ns < to->min_ns)
		to->min_ns = from->min_ns;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
	return 0;
}

static bool is_exception(const char *type)
{
	return !strncmp(type, "exception", 9) || !strncmp(type, "panic", 5) ||
	       !strncmp(type, "foreign", 7);
}

static int add_path(const struct plan *plan, struct report *r, uint32_t i)
{
	const struct path *path = &r->paths.v[i];
	struct plugin *p = &r->plugins.v[plugin_of_path(plan, r, i)];
	struct call_stats *stats = p->stats;
	int err = merge_hist(stats, &path->stats);

	/* Looked at for moments, or not at all any more: an estimate as soon as one of them is. */
	stats->observed += path->stats.seen > 0 ? path->stats.observed : path->stats.calls;
	if (path->stats.seen > 0)
		stats->seen = 1;
	stats->calls += path->stats.calls;
	stats->errors += path->stats.errors;
	stats->total_ns += path->stats.total_ns;
	stats->self_ns += path->stats.self_ns;
	if (!is_nested(plan, r, i)) {
		p->cpu_ns += path->cpu_ns;
		p->offcpu_ns += path->offcpu_ns;
	}
	for (size_t k = 0; k < path->stats.error_types.n && !err; k++) {
		const struct error_count *e = &path->stats.error_types.v[k];

		if (is_exception(e->type))
			p->exceptions += e->count;
		err = error_counts_add(r, &stats->error_types, e->type, e->count);
	}
	return err;
}

static void add_kernel(struct pathbpf *skel, struct plugin *p, uint32_t i, uint64_t begin_ns,
		       const struct allocs *allocs)
{
	struct pb_plugin_stats s;

	if (i >= PB_PLUGINS || bpf_map_lookup_elem(bpf_map__fd(skel->maps.plugin_stats), &i, &s))
		return;
	p->timed_out = s.timed_out;
	p->in_flight = s.in_flight;
	p->in_flight_ns = s.in_flight ? s.oldest_ns : 0;
	p->peak = s.peak;
	p->ended = s.ended;
	if (s.last_ns > begin_ns && s.last_ns - begin_ns > p->last_activity_ns)
		p->last_activity_ns = s.last_ns - begin_ns;
	p->has_memory = bpf_program__fd(skel->progs.pb_plugin_fault) >= 0 &&
			bpf_program__fd(skel->progs.pb_sys_exit) >= 0;
	p->has_allocs = allocs_known(allocs, i);
	p->allocs = s.allocs;
	p->alloc_bytes = s.alloc_bytes;
	p->mapped_bytes = s.mapped_bytes;
	p->page_faults = s.page_faults;
}

/* CPU samples with a frame of it, each once. */
static void add_samples(struct report *r, struct plugin *p)
{
	if (p->object == REPORT_NONE)
		return;
	vec_foreach (sample, &r->cpu_samples) {
		const struct stack *stack = &r->stacks.v[sample->stack];

		for (uint32_t i = 0; i < stack->n; i++) {
			if (r->frames.v[stack->frames[i]].object != p->object)
				continue;
			p->samples += sample->count;
			break;
		}
	}
}

/* Entries that cost too much are not probed any more. */
static void add_unprobed(const struct plan *plan, struct report *r)
{
	vec_foreach (node, &plan->nodes) {
		uint32_t plugin = plan_node_plugin(node) - 1;
		struct plugin *p = plugin < r->plugins.n ? &r->plugins.v[plugin] : NULL;

		if (!p || !node->costly)
			continue;
		p->unprobed++;
		p->entries -= p->entries > 0;
		if (!p->untraced_why)
			p->untraced_why =
			    report_str(r, "it cost more than is allowed: see overhead");
	}
}

/* What a plugin did in the whole trace, as an event. */
static int add_sum(struct report *r, uint32_t plugin)
{
	const struct plugin *p = &r->plugins.v[plugin];
	struct plugin_event e = { .kind = PLUGIN_EXECUTE,
				  .plugin = plugin,
				  .time_ns = p->first_seen_ns,
				  .flags = -1,
				  .stack = REPORT_NONE,
				  .target = REPORT_NONE };

	if (!p->stats || !p->stats->calls)
		return 0;
	e.has_duration = p->last_activity_ns > e.time_ns;
	e.duration_ns = e.has_duration ? p->last_activity_ns - e.time_ns : 0;
	e.executions = p->stats->calls;
	e.failures = p->stats->errors;
	e.total_ns = p->stats->total_ns;
	e.failed = e.failures > 0;
	return vec_push(&r->plugin_events, e);
}

int harvest_executions(struct pathbpf *skel, const struct plan *plan, const struct plugins *p,
		       const struct allocs *allocs, struct report *r, uint64_t begin_ns)
{
	int err = 0;

	for (uint32_t i = 0; i < r->plugins.n; i++) {
		struct plugin *plugin = &r->plugins.v[i];

		add_samples(r, plugin);
		if (!plan || i >= p->all.n || !p->all.v[i].planned || !plugin->traced)
			continue;
		plugin->stats = calloc(1, sizeof(*plugin->stats));
		if (!plugin->stats)
			return -ENOMEM;
		plugin->has_cpu = !is_go(plan, i);
		add_kernel(skel, plugin, i, begin_ns, allocs);
		plugin->has_memory &= plugin->has_cpu;
	}
	for (uint32_t i = 0; plan && i < r->paths.n && !err; i++) {
		uint32_t plugin = plugin_of_path(plan, r, i);

		if (plugin < r->plugins.n && r->plugins.v[plugin].stats && !is_internal(plan, r, i))
			err = add_path(plan, r, i);
	}
	for (uint32_t i = 0; plan && plan->specs.n && i < r->plugins.n; i++) {
		struct call_stats *stats = r->plugins.v[i].stats;

		/* The kernel's count knows which calls were executions. */
		if (stats && stats->seen <= 0 && is_served(plan, i))
			stats->calls = r->plugins.v[i].ended;
	}
	if (plan)
		add_unprobed(plan, r);
	vec_foreach (plugin, &r->plugins) {
		struct call_stats *stats = plugin->stats;

		if (stats && stats->min_ns == UINT64_MAX)
			stats->min_ns = 0;
		if (stats && stats->seen > 0 && stats->calls)
			stats->seen = (double)stats->observed / (double)stats->calls;
	}
	for (uint32_t i = 0; i < r->plugins.n && !err && !p->opt.calls; i++)
		err = add_sum(r, i);
	r->plugin_events_dropped += skel->bss->plugin_untold;
	return err;
}
