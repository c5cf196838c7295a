/* SPDX-License-Identifier: GPL-2.0-only */
/* Lays out what happened to plugins. */
#include "view/timeline_plugins.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/plugin_metrics.h"
#include "lib/cleanup.h"

/* "load mod.so", "failed load of mod.so", "error in mod.so", … */
static const char *event_name(struct timeline_plugins *p, const struct report *r,
			      const struct plugin_event *e)
{
	static const char *const verbs[] = { [PLUGIN_LOAD] = "load ",
					     [PLUGIN_EXECUTE] = "execute ",
					     [PLUGIN_ERROR] = "error in ",
					     [PLUGIN_UNLOAD] = "unload " };
	_cleanup_(buf_done) struct buf b = {};

	buf_add_str(&b, plugin_event_is_failed_load(e) ? "failed load of " : verbs[e->kind]);
	buf_add_str(&b, plugin_event_subject(r, e));
	if (e->entry)
		buf_printf(&b, ": %s", e->entry);
	return b.err ? NULL : strpool_add(&p->names, buf_str(&b));
}

/* The events of a thread; entered when new. NULL: out of memory. */
static struct trace *trace_of(struct timeline_plugins *p, const struct plugin_event *e)
{
	vec_foreach (t, &p->traces) {
		if (t->pid == e->pid && t->tid == e->tid)
			return t;
	}
	if (vec_push(&p->traces,
		     (struct trace){
			 .pid = e->pid, .tid = e->tid, .path = REPORT_NONE, .cause = REPORT_NONE }))
		return NULL;
	return &p->traces.v[p->traces.n - 1];
}

static int add_event(struct timeline_plugins *p, const struct report *r,
		     const struct plugin_event *e)
{
	struct trace *t = trace_of(p, e);
	struct slice s = { .kind = e->has_duration ? SLICE_SPAN : SLICE_INSTANT,
			   .name = event_name(p, r, e),
			   .parent = REPORT_NONE,
			   .path = REPORT_NONE,
			   .start_ns = e->time_ns,
			   .duration_ns = e->has_duration ? e->duration_ns : 0,
			   .error = e->error };

	if (!s.error && (e->failed || e->kind == PLUGIN_ERROR))
		s.error = "failed";
	if (e->plugin < r->plugins.n)
		s.args = r->plugins.v[e->plugin].path;
	return t && s.name ? vec_push(&t->slices, s) : -ENOMEM;
}

/* What holds others stands before them. */
static int by_start(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return x->duration_ns > y->duration_ns ? -1 : x->duration_ns < y->duration_ns;
}

/* Is there a lane of the thread itself, below which others can stand? */
static bool has_lane(const struct timeline_lanes *l, const struct trace *t)
{
	vec_foreach (lane, &l->v) {
		if (lane->pid == t->pid && lane->tid == t->tid && !lane->number)
			return true;
	}
	return false;
}

static int add_lanes(struct timeline_plugins *p, struct timeline_lanes *l)
{
	vec_foreach (t, &p->traces) {
		if (!has_lane(l, t) &&
		    vec_push(&l->v, (struct timeline_lane){ .pid = t->pid, .tid = t->tid }))
			return -ENOMEM;
	}
	p->first_lane = (uint32_t)l->v.n;
	vec_foreach (t, &p->traces) {
		if (vec_push(&l->v, (struct timeline_lane){
					.pid = t->pid, .tid = t->tid, .number = TIMELINE_PLUGINS }))
			return -ENOMEM;
	}
	return 0;
}

int timeline_plugins_init(struct timeline_plugins *p, struct timeline_lanes *lanes,
			  const struct report *r)
{
	int err = 0;

	*p = (struct timeline_plugins){};
	for (size_t i = 0; i < r->plugin_events.n && !err; i++) {
		const struct plugin_event *e = &r->plugin_events.v[i];

		if (!e->at_attach)
			err = add_event(p, r, e);
	}
	if (err)
		return err;
	vec_foreach (t, &p->traces)
		qsort(t->slices.v, t->slices.n, sizeof(*t->slices.v), by_start);
	return add_lanes(p, lanes);
}

void timeline_plugins_done(struct timeline_plugins *p)
{
	vec_foreach (t, &p->traces)
		vec_done(&t->slices);
	vec_done(&p->traces);
	strpool_done(&p->names);
}
