/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON report: plugins, each with what it did, what it cost, and its own stacks. */
#include "view/json_out.h"

#include <errno.h>

#include "analysis/plugin_metrics.h"
#include "data/report.h"
#include "lib/cleanup.h"
#include "view/fold.h"

static json_t *known(bool is_known, uint64_t value)
{
	return is_known ? json_integer(json_u64(value)) : json_null();
}

/* Writes an object's members into the one that is open, and drops it. */
static void put_members(struct json_out *j, json_t *object)
{
	if (!object)
		j->err = -ENOMEM;
	for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it))
		json_put(j, json_object_iter_key(it), json_incref(json_object_iter_value(it)));
	json_decref(object);
}

static json_t *make_identity(const struct plugin *p)
{
	return json_pack(
	    "{s:o, s:o, s:o, s:I, s:s, s:I, s:b, s:o, s:b, s:o, s:I, s:I}", "id", json_text(p->id),
	    "object", json_text(p->path), "build_id", json_optional(p->build_id), "size",
	    json_u64(p->size), "state", plugin_state_name(p->state), "generation",
	    json_u64(p->generation), "at_attach", p->at_attach, "needed_by",
	    json_optional(p->needed_by), "traced", p->traced, "untraced_why",
	    json_optional(p->traced && !p->unprobed ? NULL : p->untraced_why), "entries",
	    json_u64(p->entries), "unprobed_entries", json_u64(p->unprobed));
}

static json_t *make_life(const struct report *r, const struct plugin *p,
			 const struct plugin_metrics *m)
{
	json_t *life = json_pack(
	    "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "loads",
	    json_u64(p->loads), "load_errors", json_u64(p->load_errors), "unloads",
	    json_u64(p->unloads), "reopens", json_u64(p->reopens), "closes", json_u64(p->closes),
	    "load_ns", json_u64(p->load_ns), "load_avg_ns", json_u64(m->load_average_ns),
	    "load_max_ns", json_u64(p->load_max_ns), "constructors_ns",
	    json_u64(p->constructors_ns), "destructors_ns", json_u64(p->destructors_ns), "gap_ns",
	    json_u64(p->gap_ns), "waited_ns", json_u64(p->waited_ns));
	json_t *times =
	    json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:o}", "first_seen",
		      json_time(r->started_ns + p->first_seen_ns), "last_activity",
		      json_time(r->started_ns + p->last_activity_ns), "first_seen_ns",
		      json_u64(p->first_seen_ns), "last_activity_ns", json_u64(p->last_activity_ns),
		      "up_ns", json_u64(p->up_ns), "target_ns", json_u64(p->target_ns),
		      "uptime_pct", json_known(m->uptime_pct));

	if (!life || !times || json_object_update(life, times)) {
		json_decref(life);
		life = NULL;
	}
	json_decref(times);
	return life;
}

static void put_executions(struct json_out *j, const struct plugin *p,
			   const struct plugin_metrics *m)
{
	static const struct call_stats none;
	json_t *stats = json_stats(p->stats ? p->stats : &none);

	json_object_del(stats, "calls");
	json_put(j, "executions", json_integer(json_u64(m->executions)));
	put_members(j, stats);
	put_members(j,
		    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "ok",
			      json_u64(m->ok), "failed", json_u64(m->failed), "timed_out",
			      json_u64(p->timed_out), "in_flight", json_u64(p->in_flight),
			      "in_flight_ns", json_u64(p->in_flight_ns), "peak_concurrency",
			      json_u64(p->peak), "exceptions", json_u64(p->exceptions), "crashes",
			      json_u64(p->crashes), "error_pct", json_known(m->error_pct),
			      "success_pct", json_known(m->success_pct)));
	json_put(j, "avg_ns", json_integer(json_u64(m->average_ns)));
}

static json_t *make_costs(const struct plugin *p, const struct plugin_metrics *m)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "cpu_ns",
			 known(p->has_cpu, p->cpu_ns), "cpu_pct", json_known(m->cpu_pct),
			 "offcpu_ns", known(p->has_cpu, p->offcpu_ns), "memory_bytes",
			 known(p->has_memory || p->has_allocs, m->memory_bytes), "allocs",
			 known(p->has_allocs, p->allocs), "alloc_bytes",
			 known(p->has_allocs, p->alloc_bytes), "mapped_bytes",
			 known(p->has_memory, p->mapped_bytes), "page_faults",
			 known(p->has_memory, p->page_faults), "samples", json_u64(p->samples),
			 "sample_pct", json_known(m->sample_pct));
}

/* Its own flame graphs: stacks cut to begin where it is entered. */
static void put_stacks(struct json_out *j, const struct report *r, const struct plugin *p,
		       const char *key, bool offcpu)
{
	_cleanup_(fold_done) struct fold f = {};

	if (j->err || (j->err = fold_init(&f, r)) || (j->err = fold_object(&f, p->object, offcpu)))
		return;
	json_put_folded(j, key, &f, offcpu);
}

static void put_plugin(struct json_out *j, const struct report *r, const struct plugin *p)
{
	struct plugin_metrics m;

	plugin_metrics(r, p, &m);
	json_open(j, NULL, '{');
	put_members(j, make_identity(p));
	put_members(j, make_life(r, p, &m));
	put_executions(j, p, &m);
	put_members(j, make_costs(p, &m));
	if (r->has_cpu)
		put_stacks(j, r, p, "folded", false);
	if (r->has_offcpu)
		put_stacks(j, r, p, "offcpu_folded", true);
	json_close(j, '}');
}

void json_put_plugins(struct json_out *j, const struct report *r)
{
	if (!r->has_plugins)
		return;
	json_open(j, "plugins", '[');
	vec_foreach (p, &r->plugins)
		put_plugin(j, r, p);
	json_close(j, ']');
	json_put(j, "plugin_timeout_ns", json_integer(json_u64(r->plugin_timeout_ns)));
}
