/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: one recorded trace as a timed tree. */
#include "view/text_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "view/text.h"
#include "view/timeline.h"

#define ROWS_MAX    24
#define CHAIN_MAX   6  /* traces that caused one another */
#define INDENT_MAX  10 /* levels */
#define SMALL_SHARE 20 /* what is shorter than this part of the trace may share a line */

enum mark { MARK_NONE, MARK_PARALLEL, MARK_THEN };

/* A line: a slice, or a run of equal ones. */
struct row {
	const struct trace *trace;
	const struct slice *slice; /* the first of the run */
	uint64_t start_ns, duration_ns;
	uint32_t count, depth;
	uint32_t parent; /* index of the row around it, or REPORT_NONE */
	enum mark mark;  /* of the first row of a trace that another one caused */
	bool leaf, shown;
};

struct tree {
	const struct report *r;
	bool *told;
	VEC(struct row) rows; /* a parent stands before its children */
	uint64_t small_ns;
};

static void tree_done(struct tree *t)
{
	vec_done(&t->rows);
}

void tree_format_thread(struct buf *b, const struct trace *t)
{
	buf_add_str(b, "thread ");
	if (t->thread && t->thread[0])
		text_clean(b, t->thread);
	else
		buf_printf(b, "%" PRIu32, t->tid);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Adds a row, or to the one before when both are short and alike. */
static int add_row(struct tree *t, struct row row)
{
	struct row *last = t->rows.n ? &t->rows.v[t->rows.n - 1] : NULL;

	if (last && last->leaf && row.leaf && last->parent == row.parent && row.mark == MARK_NONE &&
	    last->mark == MARK_NONE && last->slice->kind == row.slice->kind &&
	    row.slice->kind != SLICE_INSTANT && row.duration_ns < t->small_ns &&
	    last->duration_ns / last->count < t->small_ns &&
	    same_text(last->slice->name, row.slice->name) &&
	    same_text(last->slice->error, row.slice->error)) {
		last->duration_ns += row.duration_ns;
		last->count++;
		return 0;
	}
	/* clang-tidy does not see that vec_push() sets the array. */
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	return vec_push(&t->rows, row);
}

static int add_trace(struct tree *t, uint32_t trace, uint32_t parent, enum mark mark);

/*
 * Adds the traces that began before `until` and that this one caused, from *next on; they stand
 * under its first row.
 */
static int add_caused(struct tree *t, uint32_t trace, uint32_t root, uint64_t until, uint32_t *next)
{
	const struct report *r = t->r;
	uint64_t end = timeline_end(&r->traces.v[trace]);
	int err = 0;

	for (; *next < r->traces.n && !err; ++*next) {
		const struct trace *caused = &r->traces.v[*next];
		uint64_t start = timeline_start(caused);

		if (t->told[*next] || timeline_cause(r, caused) != trace ||
		    t->rows.v[root].depth >= CHAIN_MAX)
			continue;
		if (start >= until)
			break;
		err = add_trace(t, *next, root, start < end ? MARK_PARALLEL : MARK_THEN);
	}
	return err;
}

static int add_slices(struct tree *t, uint32_t trace, uint32_t parent, enum mark mark,
		      const struct timeline_slice *at, uint32_t *row_of)
{
	const struct trace *tr = &t->r->traces.v[trace];
	uint32_t n = (uint32_t)tr->slices.n, root = (uint32_t)t->rows.n, next = 0;
	uint32_t base = parent == REPORT_NONE ? 0 : t->rows.v[parent].depth + 1;
	int err = 0;

	for (uint32_t i = 0; i < n && !err; i++) {
		if (i && at[i].depth <= 1)
			err = add_caused(t, trace, root, at[i].start_ns, &next);
		if (err)
			break;
		err = add_row(
		    t, (struct row){ .trace = tr,
				     .slice = &tr->slices.v[i],
				     .start_ns = at[i].start_ns,
				     .duration_ns = at[i].end_ns - at[i].start_ns,
				     .count = 1,
				     .depth = base + at[i].depth,
				     .parent = at[i].parent == REPORT_NONE ? parent
									   : row_of[at[i].parent],
				     .mark = i ? MARK_NONE : mark,
				     .leaf = i + 1 == n || at[i + 1].depth <= at[i].depth });
		row_of[i] = (uint32_t)t->rows.n - 1;
	}
	return err ? err : add_caused(t, trace, root, UINT64_MAX, &next);
}

static int add_trace(struct tree *t, uint32_t trace, uint32_t parent, enum mark mark)
{
	const struct trace *tr = &t->r->traces.v[trace];
	_cleanup_free_ struct timeline_slice *at = calloc(tr->slices.n, sizeof(*at));
	_cleanup_free_ uint32_t *row_of = calloc(tr->slices.n, sizeof(*row_of));
	int err;

	if (!at || !row_of)
		return -ENOMEM;
	t->told[trace] = true;
	err = timeline_nest(tr, at);
	return err ? err : add_slices(t, trace, parent, mark, at, row_of);
}

static int by_weight(const void *a, const void *b, void *arg)
{
	const struct tree *t = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	const struct row *x = &t->rows.v[i], *y = &t->rows.v[j];

	if (!x->slice->error != !y->slice->error)
		return x->slice->error ? -1 : 1;
	if (x->duration_ns != y->duration_ns)
		return x->duration_ns > y->duration_ns ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* Marks what is shown: what failed, then what took longest, and all that is around it. */
static int choose(struct tree *t)
{
	_cleanup_free_ uint32_t *order = calloc(t->rows.n, sizeof(*order));
	size_t shown = 0;

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->rows.n; i++)
		order[i] = i;
	qsort_r(order, t->rows.n, sizeof(*order), by_weight, t);
	for (size_t i = 0; i < t->rows.n && shown < ROWS_MAX; i++) {
		for (uint32_t row = order[i]; row != REPORT_NONE && !t->rows.v[row].shown;
		     row = t->rows.v[row].parent) {
			t->rows.v[row].shown = true;
			shown++;
		}
	}
	return 0;
}

/* "12.4 ms" */
static struct cell spaced_ns(uint64_t ns)
{
	struct cell digits = text_ns(ns), c;
	size_t n = strspn(digits.s, "0123456789.");

	snprintf(c.s, sizeof(c.s), "%.*s %s", (int)n, digits.s, ns ? digits.s + n : "ns");
	return c;
}

/* "T+0.20 ms": three or more digits of the whole trace's time. */
static struct cell offset(uint64_t ns, uint64_t whole_ns)
{
	int decimals = whole_ns < 100000      ? 4
		       : whole_ns < 10000000  ? 3
		       : whole_ns < 100000000 ? 2
					      : 1;
	struct cell c;

	if (ns >= UINT64_C(10000000000000))
		snprintf(c.s, sizeof(c.s), "T+%" PRIu64 " s", ns / 1000000000);
	else
		snprintf(c.s, sizeof(c.s), "T+%.*f ms", ns ? decimals : 0, (double)ns / 1e6);
	return c;
}

static void add_label(struct buf *b, const struct row *row)
{
	const struct slice *s = row->slice;
	const struct trace *t = row->trace;

	if (row->mark != MARK_NONE) {
		buf_add_str(b, row->mark == MARK_PARALLEL ? "[parallel] " : "[then] ");
		if (t->thread && t->thread[0])
			buf_printf(b, "%s: ", t->thread);
		else
			buf_printf(b, "%" PRIu32 ": ", t->tid);
	}
	buf_printf(b, s->kind == SLICE_OFFCPU ? "[%s]" : "%s", s->name ? s->name : "?");
}

/* What follows the name: how often, how long, whether it still runs. */
static void add_times(struct buf *b, const struct row *row)
{
	if (row->count > 1)
		buf_printf(b, " \xc3\x97%s", text_count(row->count).s);
	if (row->slice->kind != SLICE_INSTANT)
		buf_printf(b, "  %s", spaced_ns(row->duration_ns).s);
	if (row->slice->open)
		buf_add_str(b, " so far");
}

static void print_row(struct buf *b, const struct row *row, uint64_t start_ns, uint64_t whole_ns)
{
	uint32_t indent = 2 * (row->depth < INDENT_MAX ? row->depth : INDENT_MAX);
	uint64_t since = row->start_ns > start_ns ? row->start_ns - start_ns : 0;
	_cleanup_(buf_done) struct buf label = {};
	_cleanup_(buf_done) struct buf times = {};
	size_t start = b->len, left, used;

	add_label(&label, row);
	add_times(&times, row);
	buf_printf(b, "  %-12s  %*s", offset(since, whole_ns).s, (int)indent, "");
	left = TEXT_WIDTH - (b->len - start) - text_columns(buf_str(&times));
	/* An error keeps a third of the room, and gets what the name leaves. */
	used = !row->slice->error ? 0 : left < 36 ? 12 : left / 3;
	text_shorten(b, buf_str(&label), left - used);
	buf_add_str(b, buf_str(&times));
	for (int i = 0; i < 2 && !b->err; i++) {
		const char *text = i ? row->slice->args : row->slice->error;

		used = text_columns(buf_str(b) + start);
		if (!text || !text[0] || used + 8 > TEXT_WIDTH)
			continue;
		buf_add_str(b, "  ");
		text_shorten(b, text, TEXT_WIDTH - used - 2);
	}
	if (label.err || times.err)
		b->err = -ENOMEM;
}

#define HANG 16 /* where labels begin */

/* Behind the first row, or under it where it does not fit. */
static void print_remark(struct buf *b, size_t start, const char *remark)
{
	size_t used = b->err ? TEXT_WIDTH : text_columns(buf_str(b) + start);

	if (used + text_columns(remark) + 4 <= TEXT_WIDTH) {
		buf_printf(b, "  (%s)\n", remark);
		return;
	}
	buf_add_char(b, '\n');
	text_para(b, HANG + 2, HANG + 4, "(%s)", remark);
}

static void print(struct buf *b, const struct tree *t, const char *remark)
{
	const struct row *root = t->rows.v;
	uint64_t hidden = 0;

	vec_foreach (row, &t->rows) {
		size_t start = b->len;

		if (!row->shown) {
			hidden += row->count;
			continue;
		}
		print_row(b, row, root->start_ns, root->duration_ns);
		if (row == root)
			print_remark(b, start, remark);
		else
			buf_add_char(b, '\n');
	}
	if (hidden)
		buf_printf(b, "%*s\xe2\x80\xa6 %s more\n", HANG, "", text_count(hidden).s);
	if (root->trace->slices_lost)
		text_para(b, HANG, HANG + 2, "(%s pieces were not recorded for lack of room)",
			  text_count(root->trace->slices_lost).s);
}

int text_tree(struct buf *b, const struct report *r, uint32_t trace, const char *remark, bool *told)
{
	_cleanup_(tree_done) struct tree t = { .r = r };
	const struct trace *tr = &r->traces.v[trace];
	int err;

	if (!tr->slices.n)
		return 0;
	t.told = told;
	t.small_ns = (timeline_end(tr) - timeline_start(tr)) / SMALL_SHARE;
	err = add_trace(&t, trace, REPORT_NONE, MARK_NONE);
	if (!err)
		err = choose(&t);
	if (!err)
		print(b, &t, remark);
	return err;
}
