/* SPDX-License-Identifier: GPL-2.0-only */
/* What follows from a plugin's counts. */
#include "analysis/plugin_metrics.h"

#include "analysis/percent.h"

double targets_cpu_ns(const struct report *r)
{
	double sum = 0;

	vec_foreach (t, &r->targets)
		sum += (double)t->cpu_ns;
	return sum;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static void add_executions(const struct call_stats *s, struct plugin_metrics *m)
{
	m->executions = s->calls;
	m->failed = s->errors;
	m->ok = s->calls > s->errors ? s->calls - s->errors : 0;
	m->total_ns = s->total_ns;
	m->error_pct = percent((double)m->failed, (double)m->executions);
	m->success_pct = percent((double)m->ok, (double)m->executions);
	if (!s->calls)
		return;
	m->average_ns = s->total_ns / s->calls;
	m->min_ns = s->min_ns;
	m->max_ns = s->max_ns;
	if (!s->hist)
		return;
	m->p50_ns = hist_quantile(s->hist, 0.5, s->min_ns, s->max_ns);
	m->p90_ns = hist_quantile(s->hist, 0.9, s->min_ns, s->max_ns);
	m->p99_ns = hist_quantile(s->hist, 0.99, s->min_ns, s->max_ns);
	m->p999_ns = hist_quantile(s->hist, 0.999, s->min_ns, s->max_ns);
}

void plugin_metrics(const struct report *r, const struct plugin *p, struct plugin_metrics *ret)
{
	struct plugin_metrics m = { .error_pct = NAN, .success_pct = NAN, .cpu_pct = NAN };

	if (p->stats)
		add_executions(p->stats, &m);
	m.failures = add(m.failed, p->load_errors);
	m.longest_ns = p->in_flight && p->in_flight_ns > m.max_ns ? p->in_flight_ns : m.max_ns;
	m.load_average_ns = p->loads ? p->load_ns / p->loads : 0;
	if (p->has_memory)
		m.memory_bytes = p->mapped_bytes;
	if (p->has_allocs && p->alloc_bytes > m.memory_bytes)
		m.memory_bytes = p->alloc_bytes;
	if (p->has_cpu)
		m.cpu_pct = percent_within((double)p->cpu_ns, targets_cpu_ns(r));
	m.sample_pct = percent_within((double)p->samples, (double)r->cpu.samples);
	m.uptime_pct = percent_within((double)p->up_ns, (double)p->target_ns);
	*ret = m;
}

const char *plugin_state_name(enum plugin_state state)
{
	static const char *const names[] = { [PLUGIN_LOADED] = "loaded",
					     [PLUGIN_UNLOADED] = "unloaded",
					     [PLUGIN_FAILED] = "failed" };

	return names[state];
}

const char *plugin_event_name(enum plugin_event_kind kind)
{
	static const char *const names[] = { [PLUGIN_LOAD] = "plugin_load",
					     [PLUGIN_EXECUTE] = "plugin_execute",
					     [PLUGIN_ERROR] = "plugin_error",
					     [PLUGIN_UNLOAD] = "plugin_unload" };

	return names[kind];
}

const char *plugin_event_subject(const struct report *r, const struct plugin_event *e)
{
	if (e->plugin < r->plugins.n)
		return r->plugins.v[e->plugin].id;
	return e->name ? e->name : "[unknown]";
}

bool plugin_event_is_failed_load(const struct plugin_event *e)
{
	return e->kind == PLUGIN_ERROR ? e->during == PLUGIN_DURING_LOAD
				       : e->kind == PLUGIN_LOAD && e->failed;
}
