/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text report: single requests as timed trees: the slowest and some that failed, with what other
 * threads did for them.
 */
#include "view/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "view/text_tree.h"
#include "view/timeline.h"

#define SLOW_MAX   3
#define FAILED_MAX 2

/* How long the call took that the trace is an example of. */
static uint64_t example_ns(const struct trace *t)
{
	uint64_t longest = 0;

	vec_foreach (s, &t->slices) {
		if (s->kind == SLICE_SPAN && s->path == t->path && s->duration_ns > longest)
			longest = s->duration_ns;
	}
	return longest ? longest : timeline_end(t) - timeline_start(t);
}

static const char *how_slow(const struct report *r, const struct trace *t)
{
	uint64_t ns = example_ns(t);

	if (ns >= r->paths.v[t->path].stats.max_ns)
		return "slowest of ";
	vec_foreach (other, &r->traces) {
		if (other->path == t->path && example_ns(other) > ns)
			return "slow ";
	}
	return "slowest recorded of ";
}

/* "slowest of serve, failed, thread worker-3, wakeup by …": what the tree is an example of. */
static void format_remark(struct buf *b, const struct report *r, const struct trace *t)
{
	uint32_t cause = timeline_cause(r, t);

	if (t->why & TRACE_SLOW && t->path < r->paths.n) {
		buf_add_str(b, how_slow(r, t));
		path_format(b, r, t->path, " > ");
		buf_add_str(b, t->why & TRACE_FAILED ? ", failed" : "");
	} else {
		timeline_format_why(b, t);
	}
	buf_add_str(b, b->len ? ", " : "");
	tree_format_thread(b, t);
	if (cause != REPORT_NONE) {
		buf_add_str(b, ", ");
		text_clean(b, t->cause_kind);
		buf_add_str(b, " by ");
		tree_format_thread(b, &r->traces.v[cause]);
	}
}

struct choice {
	const struct report *r;
	uint32_t *by_time; /* owned */
	bool *told;        /* owned: by trace; in a tree already */
	bool *path_told;   /* owned: by path; has an example */
};

static void choice_done(struct choice *c)
{
	free(c->by_time);
	free(c->told);
	free(c->path_told);
}

/* Writes up to `max` of the longest traces that were kept for one of these reasons. */
static int add_trees(struct buf *b, struct choice *c, uint32_t why, size_t max, size_t *shown)
{
	_cleanup_(buf_done) struct buf remark = {};
	int err = 0;

	for (size_t i = 0; i < c->r->traces.n && max && !err; i++) {
		uint32_t trace = c->by_time[i];
		const struct trace *t = &c->r->traces.v[trace];

		if (!(t->why & why) || !t->slices.n || c->told[trace] ||
		    (t->path < c->r->paths.n && c->path_told[t->path]))
			continue;
		if (t->path < c->r->paths.n)
			c->path_told[t->path] = true;
		buf_clear(&remark);
		format_remark(&remark, c->r, t);
		buf_add_str(b, *shown ? "\n" : "");
		err = remark.err ?: text_tree(b, c->r, trace, buf_str(&remark), c->told);
		(*shown)++;
		max--;
	}
	return err;
}

int text_timelines(struct buf *b, const struct report *r)
{
	_cleanup_(choice_done) struct choice c = { .r = r };
	size_t shown = 0, left = 0, n = 0;
	int err;

	vec_foreach (t, &r->traces)
		n += t->slices.n > 0;
	if (!n)
		return 0;
	c.by_time = timeline_by_length(r);
	c.told = calloc(r->traces.n, sizeof(*c.told));
	c.path_told = calloc(r->paths.n + 1, sizeof(*c.path_told));
	if (!c.by_time || !c.told || !c.path_told)
		return -ENOMEM;
	text_heading(b, "Timelines", "%s",
		     "calls from start to end, the slowest and some that failed");
	err = add_trees(b, &c, TRACE_SLOW, SLOW_MAX, &shown);
	/* A failure is an example of its own, though a slow call of the path was shown. */
	memset(c.path_told, 0, r->paths.n);
	if (!err)
		err = add_trees(b, &c, TRACE_FAILED, FAILED_MAX, &shown);
	if (!err && !shown)
		err = add_trees(b, &c, UINT32_MAX, SLOW_MAX, &shown);
	for (size_t i = 0; i < r->traces.n; i++)
		left += r->traces.v[i].slices.n && !c.told[i];
	if (left)
		buf_printf(
		    b, "\n  %zu more; -o FILE.json, FILE.pftrace or FILE.trace.json shows all\n",
		    left);
	return err;
}
