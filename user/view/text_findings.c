/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: which rules plugins and paths break, and what changed during the trace. */
#include "view/text.h"

#include <math.h>

#include "analysis/findings.h"
#include "analysis/subject.h"
#include "analysis/trends.h"
#include "lib/cleanup.h"

#define FINDINGS_MAX 10
#define TRENDS_MAX   10
#define TEXT_COLUMN  19 /* where a finding's sentence stands */

int text_findings(struct buf *b, const struct report *r)
{
	finding_vec findings = {};
	size_t shown = 0, inherited = 0;
	int err = findings_make(r, &findings);

	if (err || !findings.n)
		return err;
	text_title(b, "Findings");
	vec_foreach (f, &findings) {
		inherited += f->inherited;
		if (f->inherited || shown >= FINDINGS_MAX)
			continue;
		shown++;
		buf_printf(b, "  %-15s  ", finding_rule_name(f->rule));
		text_para(b, 0, TEXT_COLUMN, "%s", f->text);
	}
	if (findings.n - inherited > shown)
		buf_printf(b, "  %zu more; -o FILE.json shows all\n",
			   findings.n - inherited - shown);
	if (inherited)
		text_para(b, 2, 4, "%zu callers of these are slow or busy with them.", inherited);
	findings_done(&findings);
	return 0;
}

/* An average in its metric's unit. */
static struct cell average(enum trend_metric metric, double value)
{
	struct cell c = {};

	switch (metric) {
	case TREND_RATE:
		if (value >= 1000)
			c = text_count((uint64_t)value);
		else
			snprintf(c.s, sizeof(c.s), "%.3g", value);
		break;
	case TREND_ERRORS:
		c = text_pct(value, 100);
		break;
	case TREND_DURATION:
		c = text_ns((uint64_t)value);
		break;
	case TREND_METRICS:
		break;
	}
	return c;
}

static void add_trend(struct buf *b, const struct report *r, const struct trend *t)
{
	static const char *const what[TREND_METRICS] = { "calls a second", "share of failures",
							 "average time" };
	_cleanup_(buf_done) struct buf name = {};
	char change[40] = "";

	subject_format(&name, r, t->plugin, t->path);
	if (name.err)
		b->err = name.err;
	if (isfinite(t->change_pct))
		snprintf(change, sizeof(change), " by %s", text_pct(fabs(t->change_pct), 100).s);
	text_para(b, 2, 4, "%s: %s %s%s, from %s to %s (%s and %s calls)", buf_str(&name),
		  what[t->metric], t->change_pct > 0 ? "up" : "down", change,
		  average(t->metric, t->before).s, average(t->metric, t->recent).s,
		  text_count(t->calls_before).s, text_count(t->calls_recent).s);
}

int text_trends(struct buf *b, const struct report *r)
{
	struct trend_halves h;
	trend_vec trends = {};
	size_t clear = 0;
	int err = trends_make(r, &trends);

	while (clear < trends.n && trend_is_clear(&trends.v[clear]))
		clear++;
	if (!err && clear && trend_halves(r, &h)) {
		text_heading(b, "Trends", "the last %s against the %s before",
			     text_ns(h.end_ns - h.middle_ns).s, text_ns(h.middle_ns - h.from_ns).s);
		for (size_t i = 0; i < clear && i < TRENDS_MAX; i++)
			add_trend(b, r, &trends.v[i]);
		if (clear > TRENDS_MAX)
			buf_printf(b, "  %zu more; -o FILE.json shows all\n", clear - TRENDS_MAX);
		if (trends.n > clear)
			text_para(b, 2, 4,
				  "%zu smaller changes are within the windows' own spread.",
				  trends.n - clear);
	}
	vec_done(&trends);
	return err;
}
