/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: the call tree of spans, and the slowest and most failing paths. */
#include "view/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/cleanup.h"

#define PATHS_MAX          40
#define LIST_MAX           5
#define IDLE_MAX           4
#define NAME_WIDTH         20
#define NAME_WIDTH_SAMPLED 41
#define DEPTH_WIDE         8  /* levels that are indented by two columns each; deeper ones by one */
#define DEPTH_MAX          30 /* levels that are indented */

/* The paths in the order of one list. */
struct order {
	const struct report *r;
	uint32_t *paths; /* owned */
	bool *shown;     /* owned: by index of path */
	bool any_counted, any_sampled, any_moments;
};

static void order_done(struct order *o)
{
	free(o->paths);
	free(o->shown);
}

static uint64_t p99(const struct path *p)
{
	const struct call_stats *s = &p->stats;

	return s->hist ? hist_quantile(s->hist, 0.99, s->min_ns, s->max_ns) : 0;
}

static uint64_t by_total_ns(const struct path *p)
{
	return p->stats.total_ns;
}

static uint64_t by_self_ns(const struct path *p)
{
	return p->stats.self_ns;
}

static uint64_t by_errors(const struct path *p)
{
	return p->stats.errors;
}

static uint64_t by_inside(const struct path *p)
{
	uint64_t n = 0;

	vec_foreach (e, &p->inside)
		n += e->count;
	return n;
}

struct rank {
	const struct report *r;
	uint64_t (*value)(const struct path *p);
};

static int compare(const void *a, const void *b, void *arg)
{
	const struct rank *rank = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	uint64_t x = rank->value(&rank->r->paths.v[i]);
	uint64_t y = rank->value(&rank->r->paths.v[j]);

	if (x != y)
		return x > y ? -1 : 1;
	return i < j ? -1 : 1;
}

static void sort(struct order *o, uint64_t (*value)(const struct path *p))
{
	struct rank rank = { .r = o->r, .value = value };

	for (uint32_t i = 0; i < o->r->paths.n; i++)
		o->paths[i] = i;
	qsort_r(o->paths, o->r->paths.n, sizeof(*o->paths), compare, &rank);
}

static uint32_t parent_of(const struct report *r, uint32_t path)
{
	uint32_t parent = r->paths.v[path].parent;

	return parent < path ? parent : REPORT_NONE;
}

/* Marks the paths with most time, and every path that leads to one of them. */
static size_t mark_shown(struct order *o)
{
	size_t shown = 0;

	for (size_t i = 0; i < o->r->paths.n && shown < PATHS_MAX; i++) {
		for (uint32_t p = o->paths[i]; p < o->r->paths.n && !o->shown[p];
		     p = parent_of(o->r, p)) {
			o->shown[p] = true;
			shown++;
		}
	}
	return shown;
}

/* A row of the tree: its name, and where that is too long for its column a line of its own. */
static void add_name(struct buf *b, const struct report *r, uint32_t path, uint32_t depth,
		     size_t width)
{
	size_t indent = 2 + 2 * (depth < DEPTH_WIDE ? depth : DEPTH_WIDE);
	_cleanup_(buf_done) struct buf name = {};
	_cleanup_(buf_done) struct buf label = {};

	if (depth > DEPTH_WIDE)
		indent += depth < DEPTH_MAX ? depth - DEPTH_WIDE : DEPTH_MAX - DEPTH_WIDE;
	text_path_node(&label, r, path);
	if (r->paths.v[path].estimate.loop)
		buf_add_str(&label, " (loop)");
	buf_printf(&name, "%*s", (int)indent, "");
	text_shorten(&name, buf_str(&label), TEXT_WIDTH - indent);
	if (text_columns(buf_str(&name)) > width)
		buf_printf(b, "%s\n%*s", buf_str(&name), (int)width, "");
	else
		text_pad(b, buf_str(&name), width);
	if (name.err || label.err)
		b->err = -ENOMEM;
}

/* "~1.23s" */
static struct cell about_ns(uint64_t ns)
{
	struct cell exact = text_ns(ns), c;

	snprintf(c.s, sizeof(c.s), "%s%.22s", ns ? "~" : "", exact.s);
	return c;
}

static struct cell about_count(uint64_t n)
{
	struct cell exact = text_count(n), c;

	snprintf(c.s, sizeof(c.s), "%s%.22s", n ? "~" : "", exact.s);
	return c;
}

/* Time off the CPU was measured, unless only some of its stacks were taken. */
static struct cell offcpu_ns(const struct report *r, const struct path *p)
{
	return r->offcpu.stacks_taken < r->offcpu.switches ? about_ns(p->offcpu_ns)
							   : text_ns(p->offcpu_ns);
}

/* Half the interval of the CPU time in per cent of it: "12%"; "-" of none. */
static struct cell uncertainty(const struct path *p)
{
	double half = (double)(p->estimate.cpu_high_ns - p->estimate.cpu_low_ns) / 2;
	double pct = p->cpu_ns ? 100 * half / (double)p->cpu_ns : 0;
	struct cell c = { "-" };

	if (p->cpu_ns)
		snprintf(c.s, sizeof(c.s), pct < 9.5 ? "\xc2\xb1%.1f%%" : "\xc2\xb1%.0f%%",
			 pct < 999 ? pct : 999);
	return c;
}

/* snprintf() counts bytes, the plus-minus sign has two. */
static void add_uncertainty(struct buf *b, const struct path *p, size_t width)
{
	struct cell c = uncertainty(p);

	for (size_t n = text_columns(c.s); n < width; n++)
		buf_add_char(b, ' ');
	buf_add_str(b, c.s);
}

static void add_counted(struct buf *b, const struct path *p)
{
	const struct call_stats *s = &p->stats;
	bool about = s->seen > 0; /* looked at for moments */

	buf_printf(b, "%6s%6s%6s", about ? about_count(s->calls).s : text_count(s->calls).s,
		   about ? about_count(s->errors).s : text_count(s->errors).s,
		   text_pct((double)s->errors, (double)s->calls).s);
	if (s->calls)
		buf_printf(
		    b, "%7s%7s%7s%7s%7s%7s",
		    about ? about_ns(s->total_ns).s : text_ns(s->total_ns).s,
		    about ? about_ns(text_average(p)).s : text_ns(text_average(p)).s,
		    text_ns(s->hist ? hist_quantile(s->hist, 0.5, s->min_ns, s->max_ns) : 0).s,
		    text_ns(p99(p)).s, text_ns(s->max_ns).s,
		    about ? about_ns(s->self_ns).s : text_ns(s->self_ns).s);
}

/* A sampled path among counted ones: what it lacks leaves room for where its time goes. */
static void add_sampled(struct buf *b, const struct report *r, const struct path *p)
{
	struct cell calls = { "-" };

	if (p->estimate.has_calls)
		snprintf(calls.s, sizeof(calls.s), "~%.22s", text_count(p->estimate.calls).s);
	buf_printf(b, "%6s%6s%6s%7s", calls.s, "-", "", about_ns(p->stats.total_ns).s);
	buf_printf(b, "%10s CPU, %7s off ", about_ns(p->cpu_ns).s, offcpu_ns(r, p).s);
	buf_printf(b, "%7s", about_ns(p->stats.self_ns).s);
}

/* The same where no path is counted. */
static void add_only_sampled(struct buf *b, const struct report *r, const struct path *p)
{
	buf_printf(b, "%8s%8s", about_ns(p->stats.total_ns).s, about_ns(p->cpu_ns).s);
	add_uncertainty(b, p, 7);
	buf_printf(b, "%8s%8s", offcpu_ns(r, p).s, about_ns(p->stats.self_ns).s);
}

static void add_path(struct buf *b, const struct order *o, uint32_t path, uint32_t depth)
{
	const struct path *p = &o->r->paths.v[path];

	add_name(b, o->r, path, depth, o->any_counted ? NAME_WIDTH : NAME_WIDTH_SAMPLED);
	if (!p->sampled)
		add_counted(b, p);
	else if (o->any_counted)
		add_sampled(b, o->r, p);
	else
		add_only_sampled(b, o->r, p);
	buf_add_char(b, '\n');
}

/* The shown children of a path (REPORT_NONE: the roots), dearest first, with theirs. */
static void add_tree(struct buf *b, const struct order *o, uint32_t parent, uint32_t depth)
{
	for (size_t i = 0; i < o->r->paths.n; i++) {
		uint32_t p = o->paths[i];

		if (!o->shown[p] || parent_of(o->r, p) != parent)
			continue;
		add_path(b, o, p, depth);
		add_tree(b, o, p, depth + 1);
	}
}

/* Calls within calls of the same function are one path: how deep they went. */
static void add_recursion(struct buf *b, const struct report *r)
{
	_cleanup_(buf_done) struct buf name = {};
	uint32_t deepest = 0;

	for (uint32_t i = 1; i < r->paths.n; i++) {
		if (r->paths.v[i].depth_max > r->paths.v[deepest].depth_max)
			deepest = i;
	}
	if (r->paths.v[deepest].depth_max < 2)
		return;
	path_format(&name, r, deepest, " > ");
	text_para(b, 2, 4, "Deepest recursion: %s, %s calls within each other.", buf_str(&name),
		  text_count(r->paths.v[deepest].depth_max).s);
	if (name.err)
		b->err = name.err;
}

static void add_ways_out(struct buf *b, const struct report *r)
{
	uint64_t open = 0, unwound = 0, untimed = 0;

	vec_foreach (p, &r->paths) {
		open += p->open;
		unwound += p->unwound;
		untimed += p->untimed;
	}
	if (open)
		text_para(b, 2, 4, "Calls still running at the end: %s.", text_count(open).s);
	if (unwound)
		text_para(b, 2, 4,
			  "Calls left without a return (longjmp, exception, thread exit): %s.",
			  text_count(unwound).s);
	if (untimed)
		text_para(b, 2, 4, "Calls without times, as their end was not seen: %s.",
			  text_count(untimed).s);
	add_recursion(b, r);
}

/* One path of a list: its value, its name, and its errors where these are the value. */
static void add_listed(struct buf *b, const struct report *r, uint32_t path,
		       uint64_t (*value)(const struct path *p))
{
	const struct path *p = &r->paths.v[path];
	_cleanup_(buf_done) struct buf line = {};

	text_path(&line, r, path);
	if (value == by_errors) {
		buf_printf(b, "  %7s %7s  ", text_count(p->stats.errors).s,
			   text_pct((double)p->stats.errors, (double)p->stats.calls).s);
		buf_add_str(&line, ": ");
		text_errors(&line, &p->stats.error_types, 3);
		text_para(b, 0, 19, "%s", buf_str(&line));
	} else if (value == by_inside) {
		buf_printf(b, "  %7s  ", text_count(by_inside(p)).s);
		buf_add_str(&line, ": ");
		text_errors(&line, &p->inside, 3);
		text_para(b, 0, 11, "%s", buf_str(&line));
	} else {
		buf_printf(b, "  %7s  ", p->sampled ? about_ns(value(p)).s : text_ns(value(p)).s);
		text_para(b, 0, 11, "%s", buf_str(&line));
	}
	if (line.err)
		b->err = line.err;
}

static void add_list(struct buf *b, struct order *o, const char *title,
		     uint64_t (*value)(const struct path *p))
{
	sort(o, value);
	for (size_t i = 0; i < o->r->paths.n && i < LIST_MAX; i++) {
		if (!value(&o->r->paths.v[o->paths[i]]))
			break;
		if (!i)
			buf_printf(b, "\n  %s:\n", title);
		add_listed(b, o->r, o->paths[i], value);
	}
}

static void add_heading(struct buf *b, const struct order *o)
{
	const struct report *r = o->r;

	if (o->any_counted) {
		text_heading(b, "Paths", "%s",
			     o->any_sampled
				 ? "calls that were counted, by caller, and estimates (~)"
				 : "calls of the traced functions, by caller");
		buf_printf(b, "%*s%6s%6s%6s%7s%7s%7s%7s%7s%7s\n", -NAME_WIDTH, "  FUNCTION",
			   "CALLS", "ERRS", "ERR%", "TOTAL", "AVG", "P50", "P99", "MAX", "SELF");
		return;
	}
	text_heading(b, "Paths", "by %s stack samples and all time off the CPU",
		     text_count(r->cpu.samples).s);
	buf_printf(b, "%*s%8s%8s%7s%8s%8s\n", -NAME_WIDTH_SAMPLED, "  FUNCTION", "TOTAL", "CPU",
		   "+-95%", "OFF CPU", "SELF");
}

/* What the marks mean, and what is in no path. */
static void add_legend(struct buf *b, const struct order *o)
{
	const struct report *r = o->r;
	_cleanup_(buf_done) struct buf line = {};
	_cleanup_(buf_done) struct buf where = {};

	if (o->any_sampled)
		text_para(b, 2, 4,
			  "~ is estimated from stacks, whose calls nobody counts. (loop): what "
			  "waits for work, with time that is in no request.");
	if (o->any_moments)
		text_para(b, 2, 4,
			  "~ before calls: the function was looked at for moments, and these are "
			  "scaled up; latencies are of the calls that were seen, less what the "
			  "probes cost.");
	if (!r->attributed.idle_ns)
		return;
	for (size_t i = 0; i < r->idle.n && i < IDLE_MAX; i++) {
		buf_clear(&where);
		text_short_files(&where, r->idle.v[i].where);
		buf_printf(&line, "%s%s ", i ? ", " : "", text_ns(r->idle.v[i].total_ns).s);
		text_shorten(&line, buf_str(&where), 60);
	}
	if (r->idle.n > IDLE_MAX)
		buf_printf(&line, ", and %zu more", r->idle.n - IDLE_MAX);
	text_para(b, 2, 4, "In no path: %s of waiting for work: %s.",
		  text_ns(r->attributed.idle_ns).s, buf_str(&line));
	if (line.err || where.err)
		b->err = -ENOMEM;
}

static void add_lists(struct buf *b, struct order *o)
{
	/* With fewer, the tree shows it at a glance. */
	if (o->r->paths.n >= LIST_MAX) {
		add_list(b, o, "Most time of their own", by_self_ns);
		add_list(b, o, "Slowest, by p99", p99);
	}
	add_list(b, o, "Most failing", by_errors);
	add_list(b, o, "What went wrong inside, whether or not the call failed of it", by_inside);
}

/* There is none: says so where somebody asked for functions, or all wait. */
static void add_none(struct buf *b, const struct report *r)
{
	struct order o = { .r = r };

	if (r->has_spans)
		text_heading(b, "Paths", "none of the %zu traced functions was called",
			     r->unused.n);
	else if (r->attributed.idle_ns)
		text_heading(b, "Paths", "%s", "none: the targets did nothing but wait for work");
	add_legend(b, &o);
}

int text_paths(struct buf *b, const struct report *r)
{
	_cleanup_(order_done) struct order o = { .r = r };
	size_t shown;

	if (!r->paths.n) {
		add_none(b, r);
		return 0;
	}
	o.paths = calloc(r->paths.n, sizeof(*o.paths));
	o.shown = calloc(r->paths.n, sizeof(*o.shown));
	if (!o.paths || !o.shown)
		return -ENOMEM;
	vec_foreach (p, &r->paths) {
		o.any_counted |= !p->sampled;
		o.any_sampled |= p->sampled;
		o.any_moments |= p->stats.seen > 0;
	}
	sort(&o, by_total_ns);
	shown = mark_shown(&o);
	add_heading(b, &o);
	add_tree(b, &o, REPORT_NONE, 0);
	if (shown < r->paths.n)
		buf_printf(b, "  %zu more paths; -o FILE.json or FILE.csv shows all\n",
			   r->paths.n - shown);
	add_legend(b, &o);
	add_ways_out(b, r);
	add_lists(b, &o);
	return 0;
}
