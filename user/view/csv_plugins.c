/* SPDX-License-Identifier: GPL-2.0-only */
/* CSV rows of plugins, of what happened to them, and of what follows from paths and plugins. */
#include "view/csv_out.h"

#include <errno.h>

#include "analysis/findings.h"
#include "analysis/plugin_metrics.h"
#include "analysis/subject.h"
#include "analysis/trends.h"
#include "lib/cleanup.h"

static void set_executions(struct csv_row *row, const struct plugin *p,
			   const struct plugin_metrics *m)
{
	csv_set(row, OK, m->ok);
	csv_set(row, TIMED_OUT, p->timed_out);
	csv_set(row, OPEN, p->in_flight);
	csv_set(row, PEAK, p->peak);
	csv_set(row, EXCEPTIONS, p->exceptions);
	csv_set(row, CRASHES, p->crashes);
	if (m->executions)
		csv_set(row, AVG_NS, m->average_ns);
	csv_set_real(row, ERROR_PCT, m->error_pct);
	csv_set_real(row, SUCCESS_PCT, m->success_pct);
	if (p->has_cpu) {
		csv_set(row, CPU_NS, p->cpu_ns);
		csv_set(row, OFFCPU_NS, p->offcpu_ns);
	}
	csv_set_real(row, CPU_PCT, m->cpu_pct);
	csv_set(row, SELF_COUNT, p->samples);
	if (p->has_allocs) {
		csv_set(row, ALLOCS, p->allocs);
		csv_set(row, ALLOC_BYTES, p->alloc_bytes);
	}
	if (p->has_memory) {
		csv_set(row, MAPPED_BYTES, p->mapped_bytes);
		csv_set(row, PAGE_FAULTS, p->page_faults);
	}
}

static void set_life(struct csv_row *row, const struct plugin *p, const struct plugin_metrics *m)
{
	csv_set(row, LOADS, p->loads);
	csv_set(row, LOAD_ERRORS, p->load_errors);
	csv_set(row, UNLOADS, p->unloads);
	csv_set(row, REOPENS, p->reopens);
	csv_set(row, CLOSES, p->closes);
	csv_set(row, LOAD_AVG_NS, m->load_average_ns);
	csv_set(row, LOAD_MAX_NS, p->load_max_ns);
	csv_set(row, CONSTRUCTORS_NS, p->constructors_ns);
	csv_set(row, DESTRUCTORS_NS, p->destructors_ns);
	csv_set(row, GAP_NS, p->gap_ns);
	csv_set(row, WAITED_NS, p->waited_ns);
	csv_set(row, FIRST_SEEN_NS, p->first_seen_ns);
	csv_set(row, LAST_ACTIVITY_NS, p->last_activity_ns);
	csv_set(row, UP_NS, p->up_ns);
	csv_set_real(row, UPTIME_PCT, m->uptime_pct);
}

static int put_plugin(struct csv *c, const struct report *r, const struct plugin *p)
{
	static const struct call_stats none;
	_cleanup_(buf_done) struct buf detail = {};
	struct csv_row row = { .kind = "plugin",
			       .process = plugin_state_name(p->state),
			       .name = p->id,
			       .inside = p->path };
	struct plugin_metrics m;

	plugin_metrics(r, p, &m);
	csv_set_stats(&row, p->stats ? p->stats : &none, &detail);
	set_executions(&row, p, &m);
	set_life(&row, p, &m);
	return detail.err ? detail.err : csv_put(c, &row);
}

static int put_event(struct csv *c, const struct report *r, const struct plugin_event *e)
{
	struct csv_row row = { .kind = "plugin_event",
			       .process =
				   e->target < r->targets.n ? r->targets.v[e->target].comm : NULL,
			       .name = plugin_event_subject(r, e),
			       .detail = plugin_event_name(e->kind),
			       .inside = e->error };

	csv_set(&row, PID, e->pid);
	csv_set(&row, TID, e->tid);
	csv_set(&row, TIME_NS, e->time_ns);
	if (e->has_duration)
		csv_set(&row, TOTAL_NS, e->duration_ns);
	return csv_put(c, &row);
}

int csv_put_plugins(struct csv *c, const struct report *r)
{
	int err = 0;

	for (size_t i = 0; !err && i < r->plugins.n; i++)
		err = put_plugin(c, r, &r->plugins.v[i]);
	for (size_t i = 0; !err && i < r->plugin_events.n; i++)
		err = put_event(c, r, &r->plugin_events.v[i]);
	return err;
}

static int put_findings(struct csv *c, const struct report *r, const finding_vec *findings)
{
	_cleanup_(buf_done) struct buf name = {};
	int err = 0;

	for (size_t i = 0; !err && i < findings->n; i++) {
		const struct finding *f = &findings->v[i];
		struct csv_row row = { .kind = "finding",
				       .detail = finding_rule_name(f->rule),
				       .inside = f->text };

		buf_clear(&name);
		subject_format(&name, r, f->plugin, f->path);
		row.name = buf_str(&name);
		csv_set_real(&row, VALUE, f->value);
		csv_set_real(&row, LIMIT, f->limit);
		err = name.err ? name.err : csv_put(c, &row);
	}
	return err;
}

static int put_trends(struct csv *c, const struct report *r, const trend_vec *trends)
{
	_cleanup_(buf_done) struct buf name = {};
	int err = 0;

	for (size_t i = 0; !err && i < trends->n; i++) {
		const struct trend *t = &trends->v[i];
		struct csv_row row = { .kind = "trend", .detail = trend_metric_name(t->metric) };

		buf_clear(&name);
		subject_format(&name, r, t->plugin, t->path);
		row.name = buf_str(&name);
		csv_set(&row, COUNT, t->calls_before + t->calls_recent);
		csv_set_real(&row, VALUE, t->recent);
		csv_set_real(&row, BEFORE, t->before);
		csv_set_real(&row, CHANGE_PCT, t->change_pct);
		csv_set_real(&row, NOISE_PCT, t->noise_pct);
		err = name.err ? name.err : csv_put(c, &row);
	}
	return err;
}

int csv_put_analysis(struct csv *c, const struct report *r)
{
	finding_vec findings = {};
	trend_vec trends = {};
	int err = findings_make(r, &findings);

	if (!err)
		err = trends_make(r, &trends);
	if (!err)
		err = put_findings(c, r, &findings);
	if (!err)
		err = put_trends(c, r, &trends);
	findings_done(&findings);
	vec_done(&trends);
	return err;
}
