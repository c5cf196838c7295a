/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: plugins, those in trouble first, and loads that failed, in the loader's words. */
#include "view/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/plugin_metrics.h"
#include "lib/cleanup.h"

#define PLUGINS_MAX  10
#define LOADS_MAX    5
#define DETAIL       6 /* where lines below a plugin's begin */
#define NAME_COLUMNS 17

/* A line of parts, joined by "; ". */
static void add_part(struct buf *line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add_part(struct buf *line, const char *fmt, ...)
{
	va_list args;

	buf_add_str(line, line->len ? "; " : "");
	va_start(args, fmt);
	buf_vprintf(line, fmt, args);
	va_end(args);
}

/* Ends the line, if there is one. */
static void add_line(struct buf *b, struct buf *line)
{
	if (line->len)
		text_para(b, DETAIL, DETAIL + 2, "%s", buf_str(line));
	if (line->err)
		b->err = line->err;
	buf_clear(line);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* What is wrong with it. */
static void add_trouble(struct buf *b, const struct report *r, const struct plugin *p,
			struct buf *line)
{
	_cleanup_(buf_done) struct buf types = {};

	if (p->crashes)
		add_part(line, "the process died in it %s time%s", text_count(p->crashes).s,
			 plural(p->crashes));
	if (p->load_errors)
		add_part(line, "%s load%s failed", text_count(p->load_errors).s,
			 plural(p->load_errors));
	if (p->stats && p->stats->error_types.n) {
		text_errors(&types, &p->stats->error_types, 4);
		add_part(line, "errors: %s", buf_str(&types));
	}
	if (p->timed_out)
		add_part(line, "%s ran longer than %s", text_count(p->timed_out).s,
			 text_ns(r->plugin_timeout_ns).s);
	if (p->in_flight && p->in_flight_ns)
		add_part(line, "%s had not ended, the oldest after %s", text_count(p->in_flight).s,
			 text_ns(p->in_flight_ns).s);
	else if (p->in_flight)
		add_part(line, "%s had not ended", text_count(p->in_flight).s);
	if (!p->traced && p->state != PLUGIN_FAILED)
		add_part(line, "executions are not counted: %s",
			 p->untraced_why ? p->untraced_why : "nothing of it is probed");
	if (p->traced && p->unprobed)
		add_part(line, "%s of its %s entries could not be probed, the first %s",
			 text_count(p->unprobed).s, text_count(p->entries + p->unprobed).s,
			 p->untraced_why ? p->untraced_why : "for no known reason");
	if (types.err)
		b->err = types.err;
	add_line(b, line);
}

/* Where it came from, where it went. */
static void add_life(struct buf *b, const struct plugin *p, const struct plugin_metrics *m,
		     struct buf *line)
{
	if (p->loads) {
		add_part(line, "loaded in %s%s", text_ns(m->load_average_ns).s,
			 p->loads > 1 ? " on average" : "");
		if (p->loads > 1)
			buf_printf(line, ", %s at most", text_ns(p->load_max_ns).s);
		if (p->constructors_ns)
			buf_printf(line, ", %s in constructors%s", text_ns(p->constructors_ns).s,
				   p->loads > 1 ? " in all" : "");
		if (p->gap_ns)
			buf_printf(line, ", not probed for the first %s", text_ns(p->gap_ns).s);
	}
	if (p->unloads)
		add_part(line, "unloaded %s time%s", text_count(p->unloads).s, plural(p->unloads));
	if (p->reopens || p->closes)
		add_part(line, "opened again %s and closed %s times without effect",
			 text_count(p->reopens).s, text_count(p->closes).s);
	if ((p->loads || p->unloads) && isfinite(m->uptime_pct))
		add_part(line, "there for %s of the time", text_pct(m->uptime_pct, 100).s);
	if (p->needed_by && (p->loads || p->unloads))
		add_part(line, "brought along by %s", p->needed_by);
	add_line(b, line);
}

static void add_costs(struct buf *b, const struct plugin *p, const struct plugin_metrics *m,
		      struct buf *line)
{
	if (p->stats && p->stats->seen > 0)
		add_part(line, "estimates from the %s of its executions that were looked at",
			 text_pct(100 * p->stats->seen, 100).s);
	if (m->executions > 1)
		add_part(line, "%s on average", text_ns(m->average_ns).s);
	if (p->peak > 1)
		add_part(line, "%s at once at most", text_count(p->peak).s);
	if (p->has_cpu && m->executions)
		add_part(line, "%s on the CPU, %s off it", text_ns(p->cpu_ns).s,
			 text_ns(p->offcpu_ns).s);
	if (p->samples)
		add_part(line, "in %s of the CPU samples", text_pct(m->sample_pct, 100).s);
	if (p->has_allocs && p->allocs)
		add_part(line, "asked for %s in %s allocation%s", text_bytes(p->alloc_bytes).s,
			 text_count(p->allocs).s, plural(p->allocs));
	if (p->has_memory && (p->mapped_bytes || p->page_faults))
		add_part(line, "%s mapped, %s page fault%s", text_bytes(p->mapped_bytes).s,
			 text_count(p->page_faults).s, plural(p->page_faults));
	add_line(b, line);
}

static void add_plugin(struct buf *b, const struct report *r, const struct plugin *p,
		       const struct plugin_metrics *m)
{
	_cleanup_(buf_done) struct buf line = {};

	buf_add_str(b, "  ");
	/* A name that is too long for its column has a line of its own. */
	text_shorten(&line, p->id, TEXT_WIDTH - 2);
	if (text_columns(buf_str(&line)) >= NAME_COLUMNS)
		buf_printf(b, "%s\n  %*s", buf_str(&line), NAME_COLUMNS, "");
	else
		text_pad(b, buf_str(&line), NAME_COLUMNS);
	buf_clear(&line);
	buf_printf(b, "%-8s%6s", plugin_state_name(p->state),
		   p->at_attach && !p->loads ? "before" : text_count(p->loads).s);
	if (m->executions)
		buf_printf(b, "%7s%6s%6s%7s%7s%7s%6s", text_count(m->executions).s,
			   text_count(m->failed).s, text_pct(m->error_pct, 100).s,
			   text_ns(m->p50_ns).s, text_ns(m->p99_ns).s, text_ns(m->max_ns).s,
			   text_pct(m->cpu_pct, 100).s);
	else if (p->traced)
		buf_printf(b, "%7s", "0");
	buf_add_char(b, '\n');
	add_trouble(b, r, p, &line);
	add_life(b, p, m, &line);
	add_costs(b, p, m, &line);
}

/* What decides which plugins are shown, and in which order. */
struct rank {
	uint32_t plugin;
	bool trouble;
	struct plugin_metrics m;
};

static int by_rank(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->trouble != y->trouble)
		return x->trouble ? -1 : 1;
	if (x->m.total_ns != y->m.total_ns)
		return x->m.total_ns > y->m.total_ns ? -1 : 1;
	if (x->m.executions != y->m.executions)
		return x->m.executions > y->m.executions ? -1 : 1;
	return x->plugin < y->plugin ? -1 : 1;
}

static struct rank *rank_plugins(const struct report *r)
{
	struct rank *ranks = calloc(r->plugins.n, sizeof(*ranks));

	for (uint32_t i = 0; ranks && i < r->plugins.n; i++) {
		const struct plugin *p = &r->plugins.v[i];

		ranks[i].plugin = i;
		plugin_metrics(r, p, &ranks[i].m);
		ranks[i].trouble = ranks[i].m.failures || p->crashes || p->timed_out;
	}
	if (ranks)
		qsort(ranks, r->plugins.n, sizeof(*ranks), by_rank);
	return ranks;
}

static void add_heading(struct buf *b, const struct report *r, const struct rank *ranks)
{
	uint64_t states[3] = {}, executions = 0, failed = 0;

	for (size_t i = 0; i < r->plugins.n; i++) {
		states[r->plugins.v[i].state]++;
		executions += ranks[i].m.executions;
		failed += ranks[i].m.failed;
	}
	text_heading(b, "Plugins",
		     "%s loaded, %s unloaded, %s failed to load; %s execution%s, %s failed",
		     text_count(states[PLUGIN_LOADED]).s, text_count(states[PLUGIN_UNLOADED]).s,
		     text_count(states[PLUGIN_FAILED]).s, text_count(executions).s,
		     plural(executions), text_count(failed).s);
}

static int add_table(struct buf *b, const struct report *r)
{
	_cleanup_free_ struct rank *ranks = rank_plugins(r);

	if (!ranks)
		return -ENOMEM;
	add_heading(b, r, ranks);
	buf_printf(b, "  %-*s%-8s%6s%7s%6s%6s%7s%7s%7s%6s\n", NAME_COLUMNS, "PLUGIN", "STATE",
		   "LOADS", "CALLS", "ERRS", "ERR%", "P50", "P99", "MAX", "CPU");
	for (size_t i = 0; i < r->plugins.n && i < PLUGINS_MAX; i++)
		add_plugin(b, r, &r->plugins.v[ranks[i].plugin], &ranks[i].m);
	if (r->plugins.n > PLUGINS_MAX)
		buf_printf(b, "  %zu more; -o FILE.json or FILE.csv shows all\n",
			   r->plugins.n - PLUGINS_MAX);
	return 0;
}

/* Loads that failed in the same words. */
struct failed_load {
	const char *subject, *error; /* interned */
	uint64_t count;
};

static int by_count(const void *a, const void *b)
{
	const struct failed_load *x = a, *y = b;

	return x->count > y->count ? -1 : x->count < y->count;
}

typedef VEC(struct failed_load) failed_load_vec;

static int count_failed_loads(const struct report *r, failed_load_vec *v)
{
	vec_foreach (e, &r->plugin_events) {
		struct failed_load load = { .error = e->error, .count = 1 };
		bool seen = false;

		if (!plugin_event_is_failed_load(e))
			continue;
		load.subject = plugin_event_subject(r, e);
		for (size_t i = 0; i < v->n && !seen; i++) {
			seen = v->v[i].subject == load.subject && v->v[i].error == load.error;
			v->v[i].count += seen;
		}
		if (!seen && vec_push(v, load))
			return -ENOMEM;
	}
	if (v->n)
		qsort(v->v, v->n, sizeof(*v->v), by_count);
	return 0;
}

/* The loader's words mostly begin with the name. */
static void add_failed_load(struct buf *b, const struct failed_load *load)
{
	const char *error = load->error ? load->error : "the loader gave no reason";

	buf_printf(b, "  %6s  ", text_count(load->count).s);
	if (strstr(error, load->subject))
		text_para(b, 0, 10, "%s", error);
	else
		text_para(b, 0, 10, "%s: %s", load->subject, error);
}

static int add_failed_loads(struct buf *b, const struct report *r)
{
	failed_load_vec v = {};
	int err = count_failed_loads(r, &v);

	if (v.n)
		buf_add_str(b, "\n  Loads that failed:\n");
	for (size_t i = 0; i < v.n && i < LOADS_MAX; i++)
		add_failed_load(b, &v.v[i]);
	if (v.n > LOADS_MAX)
		buf_printf(b, "  %zu more; -o FILE.json shows all\n", v.n - LOADS_MAX);
	if (v.n && r->plugin_events_dropped)
		text_para(b, 2, 4,
			  "%s earlier events fell out (--max-events): there may have been more.",
			  text_count(r->plugin_events_dropped).s);
	vec_done(&v);
	return err;
}

int text_plugins(struct buf *b, const struct report *r)
{
	int err = 0;

	if (!r->has_plugins || (!r->plugins.n && !r->plugin_events.n))
		return 0;
	if (r->plugins.n)
		err = add_table(b, r);
	else
		text_heading(b, "Plugins", "none was loaded");
	return err ? err : add_failed_loads(b, r);
}
