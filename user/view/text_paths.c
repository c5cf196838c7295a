/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: the call tree of spans, and the slowest and most failing paths. */
#include "view/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/cleanup.h"

#define PATHS_MAX  40
#define LIST_MAX   5
#define NAME_WIDTH 20

/* The paths in the order of one list. */
struct order {
	const struct report *r;
	uint32_t *paths; /* owned */
	bool *shown;     /* owned: by index of path */
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

static const char *node_name(const struct report *r, const struct path *p)
{
	return p->node < r->nodes.n ? r->nodes.v[p->node].name : "[unknown]";
}

/* A name that is too long for its column has a line of its own. */
static void add_path(struct buf *b, const struct report *r, uint32_t path, uint32_t depth)
{
	const struct path *p = &r->paths.v[path];
	const struct call_stats *s = &p->stats;
	size_t indent = 2 + 2 * (depth < 20 ? depth : 20);
	_cleanup_(buf_done) struct buf name = {};

	buf_printf(&name, "%*s", (int)indent, "");
	text_shorten(&name, node_name(r, p), TEXT_WIDTH - indent);
	if (text_columns(buf_str(&name)) > NAME_WIDTH) {
		buf_printf(b, "%s\n%*s", buf_str(&name), NAME_WIDTH, "");
	} else {
		text_pad(b, buf_str(&name), NAME_WIDTH);
	}
	buf_printf(b, "%6s%6s%6s", text_count(s->calls).s, text_count(s->errors).s,
		   text_pct((double)s->errors, (double)s->calls).s);
	if (s->calls)
		buf_printf(
		    b, "%7s%7s%7s%7s%7s%7s", text_ns(s->total_ns).s, text_ns(text_average(p)).s,
		    text_ns(s->hist ? hist_quantile(s->hist, 0.5, s->min_ns, s->max_ns) : 0).s,
		    text_ns(p99(p)).s, text_ns(s->max_ns).s, text_ns(s->self_ns).s);
	buf_add_char(b, '\n');
	if (name.err)
		b->err = name.err;
}

/* The shown children of a path (REPORT_NONE: the roots), dearest first, with theirs. */
static void add_tree(struct buf *b, const struct order *o, uint32_t parent, uint32_t depth)
{
	for (size_t i = 0; i < o->r->paths.n; i++) {
		uint32_t p = o->paths[i];

		if (!o->shown[p] || parent_of(o->r, p) != parent)
			continue;
		add_path(b, o->r, p, depth);
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

	path_format(&line, r, path, " > ");
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
		buf_printf(b, "  %7s  ", text_ns(value(p)).s);
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

int text_paths(struct buf *b, const struct report *r)
{
	_cleanup_(order_done) struct order o = { .r = r };
	size_t shown;

	if (!r->has_spans)
		return 0;
	if (!r->paths.n) {
		text_heading(b, "Paths", "none of the %zu traced functions was called",
			     r->unused.n);
		return 0;
	}
	o.paths = calloc(r->paths.n, sizeof(*o.paths));
	o.shown = calloc(r->paths.n, sizeof(*o.shown));
	if (!o.paths || !o.shown)
		return -ENOMEM;
	sort(&o, by_total_ns);
	shown = mark_shown(&o);
	text_heading(b, "Paths", "%s", "calls of the traced functions, by caller");
	buf_printf(b, "%*s%6s%6s%6s%7s%7s%7s%7s%7s%7s\n", -NAME_WIDTH, "  FUNCTION", "CALLS",
		   "ERRS", "ERR%", "TOTAL", "AVG", "P50", "P99", "MAX", "SELF");
	add_tree(b, &o, REPORT_NONE, 0);
	if (shown < r->paths.n)
		buf_printf(b, "  %zu more paths; -o FILE.json or FILE.csv shows all\n",
			   r->paths.n - shown);
	add_ways_out(b, r);
	/* With fewer, the tree shows it at a glance. */
	if (r->paths.n >= LIST_MAX) {
		add_list(b, &o, "Most time of their own", by_self_ns);
		add_list(b, &o, "Slowest, by p99", p99);
	}
	add_list(b, &o, "Most failing", by_errors);
	add_list(b, &o, "What went wrong inside, whether or not the call failed of it", by_inside);
	return 0;
}
