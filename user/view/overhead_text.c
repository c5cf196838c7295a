/* SPDX-License-Identifier: GPL-2.0-only */
/* What tracing costs, in plain words. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "data/units.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "view/overhead.h"
#include "view/text.h"

#define LABEL 14 /* columns */

static void row(struct buf *b, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void row(struct buf *b, const char *label, const char *fmt, ...)
{
	_cleanup_(buf_done) struct buf text = {};
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	buf_printf(b, "  %-*s", LABEL - 2, label);
	text_para(b, LABEL, LABEL, "%s", buf_str(&text));
	b->err = b->err ? b->err : text.err;
}

/* A percentage by value: three digits, with a sign if it is asked for. */
static struct cell pct_cell(double pct, bool sign)
{
	double size = fabs(pct);
	int decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
	struct cell c;

	snprintf(c.s, sizeof(c.s), sign ? "%+.*f" : "%.*f", decimals, pct);
	return c;
}

static struct cell pct(double log_ratio, bool sign)
{
	return pct_cell(abtest_pct(log_ratio), sign);
}

/* What the user named, without "sys:" or "path:". */
static const char *named(const struct overhead_view *v)
{
	const char *colon = v->unit_arg ? strchr(v->unit_arg, ':') : NULL;

	return colon ? colon + 1 : "?";
}

/* "a send", "a call of f": what the cost is for. */
static void add_each(struct buf *b, const struct overhead_view *v, enum work_unit unit)
{
	static const char *const each[WORK_UNITS] = {
		[WORK_SENDS] = "a send",      [WORK_RECEIVES] = "a receive",
		[WORK_ACCEPTS] = "an accept", [WORK_CALLS] = "a system call",
		[WORK_SWITCHES] = "a wait",   [WORK_TIME] = "a second",
	};

	if (unit == WORK_NAMED)
		buf_printf(b, "a call of %s", named(v));
	else
		buf_add_str(b, each[unit]);
}

/* "sends", "calls of f" */
static void add_many(struct buf *b, const struct overhead_view *v, enum work_unit unit)
{
	static const char *const many[WORK_UNITS] = {
		[WORK_SENDS] = "sends",     [WORK_RECEIVES] = "receives",
		[WORK_ACCEPTS] = "accepts", [WORK_CALLS] = "system calls",
		[WORK_SWITCHES] = "waits",  [WORK_TIME] = "time",
	};

	if (unit == WORK_NAMED)
		buf_printf(b, "calls of %s", named(v));
	else
		buf_add_str(b, many[unit]);
}

static void add_verdict(struct buf *b, const struct overhead_view *v)
{
	const struct work_cost *cost = &v->costs->by[v->costs->unit];
	const struct abtest_interval *i = abtest_best(&cost->cpu);
	_cleanup_(buf_done) struct buf each = {};

	add_each(&each, v, v->costs->unit);
	switch (abtest_verdict(i)) {
	case ABTEST_MORE:
		text_para(b, 0, 0, "Tracing costs %s %% (95 %%: %s to %s %%) of its CPU time %s.",
			  pct(i->value, false).s, pct(i->low, false).s, pct(i->high, false).s,
			  buf_str(&each));
		break;
	case ABTEST_UNTOLD:
		text_para(b, 0, 0,
			  "What tracing costs cannot be told from nothing: between %s and %s %% "
			  "(95 %%) of its CPU time %s.",
			  pct(i->low, true).s, pct(i->high, true).s, buf_str(&each));
		break;
	case ABTEST_LESS:
		text_para(
		    b, 0, 0,
		    "The target takes %s %% (95 %%: %s to %s %%) less CPU time %s while it is "
		    "traced: a tracer makes nothing cheaper, so the work itself has changed.",
		    pct_cell(-abtest_pct(i->value), false).s,
		    pct_cell(-abtest_pct(i->high), false).s, pct_cell(-abtest_pct(i->low), false).s,
		    buf_str(&each));
		break;
	}
	b->err = b->err ? b->err : each.err;
}

static void add_budget(struct buf *b, const struct overhead_view *v)
{
	const struct work_cost *cost = &v->costs->by[v->costs->unit];
	static const char *const words[] = {
		[ABTEST_WITHIN] = "kept",
		[ABTEST_UNSURE] = "may be kept or not: a longer run (-d) could tell",
		[ABTEST_OVER] = "exceeded",
	};

	if (!isnan(v->budget_pct))
		row(b, "budget", "%g %%: %s", v->budget_pct,
		    words[abtest_budget(abtest_best(&cost->cpu), v->budget_pct)]);
}

static void add_cpu(struct buf *b, const struct overhead_view *v)
{
	const struct work_cost *cost = &v->costs->by[v->costs->unit];
	double scale = v->costs->unit == WORK_TIME ? 1e9 : 1;
	_cleanup_(buf_done) struct buf each = {};

	add_each(&each, v, v->costs->unit);
	row(b, "CPU time", "%s %s without the tracer, %s with it%s",
	    text_ns((uint64_t)(cost->off_ns * scale + 0.5)).s, buf_str(&each),
	    text_ns((uint64_t)(cost->on_ns * scale + 0.5)).s,
	    v->on_cpu ? " (time on CPU, with interrupts)" : "");
}

/* Events a second. */
static struct cell rate_cell(double rate)
{
	struct cell c;

	if (rate >= 99.5)
		return text_count((uint64_t)(rate + 0.5));
	snprintf(c.s, sizeof(c.s), "%.3g", rate);
	return c;
}

static void add_rate(struct buf *b, const struct overhead_view *v)
{
	const struct work_cost *cost = &v->costs->by[v->costs->unit];
	const struct abtest_interval *i = abtest_best(&cost->rate);
	enum abtest_verdict verdict = abtest_verdict(i);
	_cleanup_(buf_done) struct buf many = {};

	if (v->costs->unit == WORK_TIME)
		return;
	add_many(&many, v, v->costs->unit);
	if (verdict == ABTEST_UNTOLD)
		row(b, "throughput",
		    "%s %s a second without, no other with it as far as can be told: %s to %s %%",
		    rate_cell(cost->off_rate).s, buf_str(&many), pct(i->low, true).s,
		    pct(i->high, true).s);
	else
		row(b, "throughput", "%s %s a second without, %s %% (95 %%: %s to %s %%) with it",
		    rate_cell(cost->off_rate).s, buf_str(&many), pct(i->value, true).s,
		    pct(i->low, true).s, pct(i->high, true).s);
}

static void add_unit(struct buf *b, const struct overhead_view *v)
{
	double spread = 100 * v->costs->by[v->costs->unit].spread;
	_cleanup_(buf_done) struct buf many = {};
	unsigned int usable = 0;

	for (int i = 0; i < WORK_NAMED; i++)
		usable += v->costs->by[i].usable;
	add_many(&many, v, v->costs->unit);
	if (v->costs->chosen)
		row(b, "unit",
		    "%s: of %u kinds with enough of them the steadiest, or as good as; without the "
		    "tracer the CPU time spreads by %.2g %%",
		    buf_str(&many), usable, spread);
	else
		row(b, "unit",
		    "%s, as asked for; without the tracer the CPU time spreads by %.2g %%",
		    buf_str(&many), spread);
	if (v->costs->unit == WORK_TIME)
		row(b, "",
		    "Mind that a thread which is busy all the time takes no more CPU time a second "
		    "for being slowed.");
}

static void add_contradictions(struct buf *b, const struct overhead_view *v)
{
	for (int i = 0; i < WORK_TIME; i++) {
		const struct work_cost *cost = &v->costs->by[i];
		const struct abtest_interval *t = abtest_best(&cost->cpu);
		_cleanup_(buf_done) struct buf many = {};

		if (!v->costs->disagree[i])
			continue;
		add_many(&many, v, (enum work_unit)i);
		row(b, "but",
		    "by %s it would be %s %% (%s to %s %%): the target does not make the same "
		    "number of them for its work while it is traced",
		    buf_str(&many), pct(t->value, true).s, pct(t->low, true).s,
		    pct(t->high, true).s);
	}
}

static void add_change(struct buf *b, const struct overhead_view *v, bool begins)
{
	struct work_change_cost c = work_change_cost(v->changes, begins, v->costs);
	bool paid = c.target_cpu_ns > 0;

	if (!c.n)
		return;
	row(b, begins ? "attaching" : "detaching",
	    "%s on average of %" PRIu64 ": %s of CPU time for pathbpf%s; the target's own %s%s",
	    text_ns((uint64_t)c.wall_ns).s, c.n, text_ns((uint64_t)c.tracer_cpu_ns).s,
	    begins ? "" : " (mostly for its report)", paid ? "rose by about " : "did not rise",
	    paid ? text_ns((uint64_t)c.target_cpu_ns).s : "");
}

static void add_run(struct buf *b, const struct overhead_view *v)
{
	const struct work_cost *cost = &v->costs->by[v->costs->unit];

	row(b, "blocks",
	    "%" PRIu64 " pairs of %s each way, in random order (seed %" PRIu64 "), %s in all%s",
	    cost->pairs, text_ns(v->block_ns).s, v->seed, text_ns(v->duration_ns).s,
	    v->interrupted   ? ", ended by hand"
	    : v->target_gone ? ", until the target ended"
			     : "");
	if (cost->left_out)
		row(b, "", "%" PRIu64 " more had too little work in a block and were left out",
		    cost->left_out);
	if (v->lost)
		row(b, "lost", "%" PRIu64 " threads could not be counted for want of memory",
		    v->lost);
}

static void add_method(struct buf *b, const struct overhead_view *v)
{
	const struct work_cost *cost = &v->costs->by[v->costs->unit];
	const struct abtest_interval *mean = &cost->cpu.mean;

	if (abtest_best(&cost->cpu) == mean)
		row(b, "method",
		    "mean of the pairs' log ratios, Student's t; six pairs would allow signed "
		    "ranks");
	else
		row(b, "method",
		    "Hodges-Lehmann estimate of the pairs' log ratios, interval by signed ranks; "
		    "mean and Student's t: %s %% (%s to %s %%)",
		    pct(mean->value, true).s, pct(mean->low, true).s, pct(mean->high, true).s);
	row(b, "counted by",
	    "a BPF program on system calls and context switches%s, which is there in all blocks: "
	    "its own price is in both figures and cancels",
	    v->function ? ", and a probe on the function" : "");
}

int overhead_text(const struct overhead_view *v, FILE *out)
{
	_cleanup_(buf_done) struct buf b = {};

	add_verdict(&b, v);
	buf_add_char(&b, '\n');
	row(&b, "target", "%s", v->target);
	row(&b, "traced with", "%s", v->record[0] ? v->record : "the default run");
	add_budget(&b, v);
	add_cpu(&b, v);
	add_rate(&b, v);
	add_unit(&b, v);
	add_contradictions(&b, v);
	row(&b, "pathbpf", "%s %% of one CPU while it traces",
	    pct_cell(work_tracer_pct(v->pairs->v, v->pairs->n), false).s);
	add_change(&b, v, true);
	add_change(&b, v, false);
	add_run(&b, v);
	add_method(&b, v);
	if (b.err)
		return b.err;
	fputs(buf_str(&b), out);
	return 0;
}
