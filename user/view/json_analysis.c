/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON report: findings, rankings, trends, and the windows of time that these are made of. */
#include "view/json_out.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/findings.h"
#include "analysis/rankings.h"
#include "analysis/trends.h"
#include "data/report.h"
#include "lib/cleanup.h"

#define RANKING_MAX 100 /* entries of a list */

/* An object about a plugin, with "plugin", or about a path, with "path". */
static json_t *about(const struct report *r, uint32_t plugin, uint32_t path)
{
	if (plugin < r->plugins.n)
		return json_pack("{s:o}", "plugin", json_text(r->plugins.v[plugin].id));
	return json_pack("{s:o}", "path", json_path_names(r, path));
}

/* Both in one; both references are taken. NULL: out of memory. */
static json_t *join(json_t *a, json_t *b)
{
	if (!a || !b || json_object_update(a, b)) {
		json_decref(a);
		a = NULL;
	}
	json_decref(b);
	return a;
}

/* Whole numbers stay whole. */
static json_t *quantity(double value)
{
	if (value == floor(value) && fabs(value) < 9e15)
		return json_integer((json_int_t)value);
	return json_known(value);
}

static void put_findings(struct json_out *j, const struct report *r)
{
	finding_vec findings = {};

	if (!j->err)
		j->err = findings_make(r, &findings);
	json_open(j, "findings", '[');
	vec_foreach (f, &findings) {
		const char *unit = finding_unit(f->rule);

		json_put(j, NULL,
			 join(about(r, f->plugin, f->path),
			      json_pack("{s:s, s:o, s:o, s:s, s:b, s:o}", "rule",
					finding_rule_name(f->rule), "value", quantity(f->value),
					"limit", quantity(f->limit), "unit", unit, "inherited",
					f->inherited, "text", json_text(f->text))));
	}
	json_close(j, ']');
	findings_done(&findings);
}

static void put_ranking(struct json_out *j, const struct report *r, enum ranking kind, bool paths)
{
	ranked_vec list = {};

	if (!j->err)
		j->err = ranking_make(r, kind, paths, &list);
	json_open(j, ranking_name(kind), '[');
	for (size_t i = 0; i < list.n && i < RANKING_MAX; i++) {
		const struct subject *s = &list.v[i].subject;

		json_put(j, NULL,
			 join(about(r, s->plugin, s->path),
			      json_pack("{s:o, s:s, s:I, s:I}", "value", quantity(list.v[i].value),
					"unit", ranking_unit(kind), "calls", json_u64(s->calls),
					"errors", json_u64(s->errors))));
	}
	json_close(j, ']');
	vec_done(&list);
}

static void put_rankings(struct json_out *j, const struct report *r)
{
	json_open(j, "rankings", '{');
	for (int paths = 0; paths < 2; paths++) {
		if (!(paths ? r->has_spans : r->has_plugins))
			continue;
		json_open(j, paths ? "paths" : "plugins", '{');
		for (int kind = 0; kind < RANKINGS; kind++) {
			if (!paths || kind != RANKING_MEMORY)
				put_ranking(j, r, (enum ranking)kind, paths);
		}
		json_close(j, '}');
	}
	json_close(j, '}');
}

static void put_trends(struct json_out *j, const struct report *r)
{
	trend_vec trends = {};

	if (!j->err)
		j->err = trends_make(r, &trends);
	json_open(j, "trends", '[');
	vec_foreach (t, &trends) {
		json_put(j, NULL,
			 join(about(r, t->plugin, t->path),
			      json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:o, s:b}", "metric",
					trend_metric_name(t->metric), "direction",
					t->change_pct > 0 ? "up" : "down", "change_pct",
					json_known(t->change_pct), "before", json_known(t->before),
					"recent", json_known(t->recent), "calls_before",
					json_u64(t->calls_before), "calls_recent",
					json_u64(t->calls_recent), "noise_pct",
					json_known(t->noise_pct), "clear", trend_is_clear(t))));
	}
	json_close(j, ']');
	vec_done(&trends);
}

/* Activities by subject, plugins first, and then by time. */
static int by_subject(const void *a, const void *b)
{
	const struct activity *x = *(const struct activity *const *)a;
	const struct activity *y = *(const struct activity *const *)b;

	if (x->plugin != y->plugin)
		return x->plugin < y->plugin ? -1 : 1;
	if (x->path != y->path)
		return x->path < y->path ? -1 : 1;
	return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

/* Windows of the subject that stands at *next, which moves behind them. */
static void put_subject(struct json_out *j, const struct report *r, const struct activity **order,
			size_t *next)
{
	const struct activity *first = order[*next];

	json_open(j, NULL, '{');
	if (first->plugin < r->plugins.n)
		json_put(j, "plugin", json_text(r->plugins.v[first->plugin].id));
	else
		json_put(j, "path", json_path_names(r, first->path));
	json_open(j, "windows", '[');
	for (; *next < r->activities.n; ++*next) {
		const struct activity *a = order[*next];

		if (a->plugin != first->plugin || a->path != first->path)
			break;
		json_put(j, NULL,
			 json_pack("{s:I, s:I, s:I, s:I, s:I}", "start_ns", json_u64(a->start_ns),
				   "end_ns", json_u64(a->end_ns), "calls", json_u64(a->calls),
				   "errors", json_u64(a->errors), "total_ns",
				   json_u64(a->total_ns)));
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void put_windows(struct json_out *j, const struct report *r)
{
	_cleanup_free_ const struct activity **order = NULL;
	struct trend_halves h;
	size_t next = 0;

	if (!r->window_ns)
		return;
	order = calloc(r->activities.n + 1, sizeof(*order));
	if (!order) {
		j->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < r->activities.n; i++)
		order[i] = &r->activities.v[i];
	qsort(order, r->activities.n, sizeof(*order), by_subject);
	json_open(j, "windows", '{');
	json_put(j, "length_ns", json_integer(json_u64(r->window_ns)));
	json_put(j, "from_ns", json_integer(json_u64(r->windows_from_ns)));
	if (trend_halves(r, &h))
		json_put(j, "halves",
			 json_pack("{s:I, s:I, s:I, s:I}", "from_ns", json_u64(h.from_ns),
				   "middle_ns", json_u64(h.middle_ns), "end_ns", json_u64(h.end_ns),
				   "windows", json_u64(h.windows)));
	json_open(j, "activities", '[');
	while (next < r->activities.n)
		put_subject(j, r, order, &next);
	json_close(j, ']');
	json_close(j, '}');
}

static json_t *make_limits(const struct limits *l)
{
	return json_pack("{s:o, s:I, s:I, s:o, s:I, s:I, s:o}", "error_pct", quantity(l->error_pct),
			 "slow_ns", json_u64(l->slow_ns), "memory_bytes", json_u64(l->memory_bytes),
			 "cpu_pct", quantity(l->cpu_pct), "failures", json_u64(l->failures),
			 "min_calls", json_u64(l->min_calls), "trend_pct", quantity(l->trend_pct));
}

void json_put_analysis(struct json_out *j, const struct report *r)
{
	json_put(j, "limits", make_limits(&r->limits));
	put_findings(j, r);
	put_rankings(j, r);
	put_windows(j, r);
	put_trends(j, r);
}
