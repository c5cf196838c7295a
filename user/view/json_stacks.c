/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON report: stacks on and off the CPU. */
#include "view/json_out.h"

#include "data/report.h"
#include "lib/cleanup.h"
#include "view/fold.h"
#include "view/hot_lines.h"

#define LINES_MAX 10000

void json_put_folded(struct json_out *j, const char *key, struct fold *f, bool offcpu)
{
	_cleanup_(buf_done) struct buf b = {};

	fold_sort_by_text(f);
	json_open(j, key, '[');
	vec_foreach (line, &f->lines) {
		uint64_t value = offcpu ? fold_us(line->value) : line->value;

		if (!value || j->err)
			continue;
		buf_clear(&b);
		fold_format(&b, f, line);
		j->err = b.err;
		json_put(j, NULL, json_pack("[s, I]", buf_str(&b), json_u64(value)));
	}
	json_close(j, ']');
}

static void put_cuts(struct json_out *j, const struct report *r)
{
	json_open(j, "cuts", '[');
	vec_foreach (c, &r->cuts) {
		_cleanup_(buf_done) struct buf frame = {};

		frame_format(&frame, r, c->frame);
		json_put(j, NULL,
			 json_pack("{s:s, s:s?, s:s, s:I, s:I}", "why", c->why, "object",
				   c->object != REPORT_NONE ? r->objects.v[c->object].path : NULL,
				   "frame", buf_str(&frame), "samples", json_u64(c->samples),
				   "offcpu_ns", json_u64(c->offcpu_ns)));
	}
	json_close(j, ']');
}

/* Where in the source: the hottest lines, by the samples at them and under them. */
static void put_source_lines(struct json_out *j, const struct report *r)
{
	hot_line_vec hot = {};

	if (!j->err)
		j->err = hot_lines(r, &hot);
	if (hot.n)
		json_open(j, "lines", '[');
	for (size_t i = 0; i < hot.n && i < LINES_MAX; i++) {
		_cleanup_(buf_done) struct buf name = {};

		frame_format(&name, r, hot.v[i].frame);
		json_put(j, NULL,
			 json_pack("{s:s, s:o, s:I, s:I, s:I}", "function", buf_str(&name), "file",
				   json_text(hot.v[i].file), "line", json_u64(hot.v[i].line),
				   "self", json_u64(hot.v[i].self), "total",
				   json_u64(hot.v[i].total)));
	}
	if (hot.n)
		json_close(j, ']');
	vec_done(&hot);
}

static void put_cpu(struct json_out *j, const struct report *r)
{
	_cleanup_(fold_done) struct fold f = {};

	if (j->err || (j->err = fold_init(&f, r)) || (j->err = fold_cpu(&f)))
		return;
	json_open(j, "cpu", '{');
	json_put(j, "samples", json_integer(json_u64(r->cpu.samples)));
	json_put(j, "truncated", json_integer(json_u64(r->cpu.truncated)));
	json_put(j, "frequency_hz", json_integer(r->cpu.frequency_hz));
	json_put(j, "fired", json_integer(json_u64(r->cpu.fired)));
	json_put(j, "other", json_integer(json_u64(r->cpu.other)));
	json_put_folded(j, "folded", &f, false);
	put_source_lines(j, r);
	json_close(j, '}');
}

static void put_offcpu_lines(struct json_out *j, const struct report *r, const char *key,
			     enum fold_offcpu what)
{
	_cleanup_(fold_done) struct fold f = {};

	if (j->err || (j->err = fold_init(&f, r)) || (j->err = fold_offcpu(&f, what)))
		return;
	json_put_folded(j, key, &f, true);
}

/* Intervals whose stack is incomplete, as `truncated` counts samples on the CPU. */
static uint64_t truncated_intervals(const struct report *r)
{
	uint64_t n = 0;

	vec_foreach (s, &r->offcpu_samples) {
		if (s->stack < r->stacks.n && r->stacks.v[s->stack].truncated)
			n += s->count;
	}
	return n;
}

static void put_offcpu(struct json_out *j, const struct report *r)
{
	json_open(j, "offcpu", '{');
	json_put(j, "total_ns", json_integer(json_u64(r->offcpu.total_ns)));
	json_put(j, "truncated", json_integer(json_u64(truncated_intervals(r))));
	json_put(j, "truncated_ns", json_integer(json_u64(r->offcpu.truncated_ns)));
	json_put(j, "blocked_ns", json_integer(json_u64(r->offcpu.blocked_ns)));
	json_put(j, "preempted_ns", json_integer(json_u64(r->offcpu.preempted_ns)));
	json_put(j, "switches", json_integer(json_u64(r->offcpu.switches)));
	json_put(j, "stacks_taken", json_integer(json_u64(r->offcpu.stacks_taken)));
	json_put(j, "min_ns", json_integer(json_u64(r->offcpu.min_ns)));
	json_put(j, "left_out_ns", json_integer(json_u64(r->offcpu.left_out_ns)));
	put_offcpu_lines(j, r, "folded", FOLD_MERGED);
	put_offcpu_lines(j, r, "preempted", FOLD_PREEMPTED);
	json_close(j, '}');
}

void json_put_stacks(struct json_out *j, const struct report *r)
{
	json_open(j, "stacks", '{');
	if (r->has_cpu)
		put_cpu(j, r);
	if (r->has_offcpu)
		put_offcpu(j, r);
	if (r->cuts.n)
		put_cuts(j, r);
	json_close(j, '}');
}
