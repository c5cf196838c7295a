/* SPDX-License-Identifier: GPL-2.0-only */
/* Recorded traces: slices with names, and which trace led to which. */
#include <errno.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/wire.h"
#include "data/report.h"
#include "lib/buf.h"
#include "trace/collect.h"
#include "trace/errornames.h"
#include "trace/harvest_spans.h"
#include "trace/names.h"
#include "trace/pathtable.h"
#include "trace/plan.h"

struct trace_harvest {
	struct span_harvest *h;
	uint64_t begin_ns;
	struct table roots; /* (thread, begin of the root) → trace */
};

static uint64_t since(const struct trace_harvest *t, uint64_t time_ns)
{
	return time_ns > t->begin_ns ? time_ns - t->begin_ns : 0;
}

/* What the user's (or the static probe's) description of the arguments is. */
static const struct plan_args *args_of(const struct span_harvest *h, uint32_t node)
{
	const struct plan_node *n = &h->plan->nodes.v[node];

	return n->args ? &h->plan->args.v[n->args - 1] : NULL;
}

static int64_t narrow(uint64_t value, int8_t size)
{
	switch (size) {
	case 1:
		return (uint8_t)value;
	case -1:
		return (int8_t)value;
	case 2:
		return (uint16_t)value;
	case -2:
		return (int16_t)value;
	case 4:
		return (uint32_t)value;
	case -4:
		return (int32_t)value;
	default:
		return (int64_t)value;
	}
}

static uint32_t format_arg(struct buf *b, const struct plan_arg *a, const char *bytes,
			   uint32_t left)
{
	char text[PB_ARG_STRING_LEN + 1] = "";
	uint64_t value = 0;

	if (a->type == SPEC_ARG_STR && a->from.place != PB_ARG_CONST) {
		if (left < PB_ARG_STRING_LEN)
			return left;
		memcpy(text, bytes, PB_ARG_STRING_LEN);
		buf_printf(b, "%s=\"", a->label);
		text_clean(b, text);
		buf_printf(b, "\"");
		return PB_ARG_STRING_LEN;
	}
	if (left < sizeof(value))
		return left;
	memcpy(&value, bytes, sizeof(value));
	if (a->type == SPEC_ARG_PTR)
		buf_printf(b, "%s=0x%" PRIx64, a->label, value);
	else
		buf_printf(b, "%s=%" PRId64, a->label,
			   narrow(value, a->type == SPEC_ARG_INT ? -4 : a->from.size));
	return sizeof(value);
}

static const char *format_args(struct trace_harvest *t, const struct pb_timeline *from,
			       const struct pb_slice *slice, const struct plan_args *args)
{
	const char *bytes = from->args + slice->args;
	uint32_t left = slice->args_len;
	const char *text = NULL;
	struct buf b = {};

	if (!args || !left || (uint32_t)slice->args + left > PB_ARG_BYTES)
		return NULL;
	for (uint32_t i = 0; i < args->n && left; i++) {
		uint32_t used;

		if (i)
			buf_printf(&b, ", ");
		used = format_arg(&b, &args->v[i], bytes, left);
		bytes += used;
		left -= used;
	}
	text = report_str(t->h->report, buf_str(&b));
	buf_done(&b);
	return text;
}

/* A piece whose node is a path's: a span, or a point. */
static bool name_call(struct trace_harvest *t, const struct pb_timeline *from,
		      const struct pb_slice *slice, struct slice *ret)
{
	struct report *r = t->h->report;
	uint32_t path = path_table_get(t->h->paths, slice->what), node;

	if (path == REPORT_NONE)
		return false;
	node = r->paths.v[path].node;
	ret->name = r->nodes.v[node].name;
	ret->kind = slice->kind == PB_SLICE_SPAN ? SLICE_SPAN : SLICE_INSTANT;
	ret->path = slice->kind == PB_SLICE_SPAN ? path : REPORT_NONE;
	ret->args = format_args(t, from, slice, args_of(t->h, node));
	return true;
}

static bool name_slice(struct trace_harvest *t, const struct pb_timeline *from,
		       const struct pb_slice *slice, struct slice *ret)
{
	char name[32];

	switch (slice->kind) {
	case PB_SLICE_SPAN:
	case PB_SLICE_POINT:
		return name_call(t, from, slice, ret);
	case PB_SLICE_SYSCALL:
		ret->kind = SLICE_SYSCALL;
		ret->name = report_str(t->h->report, syscall_name(slice->what, name));
		return true;
	case PB_SLICE_OFFCPU:
		ret->kind = SLICE_OFFCPU;
		ret->name = slice->what == PB_PREEMPTED ? "preempted" : "blocked";
		return true;
	default:
		return false;
	}
}

/* System calls and waits come into a record when they end; a trace has its slices by start. */
static void sort_slices(const struct pb_timeline *from, uint32_t *order)
{
	for (uint32_t i = 0; i < from->n; i++) {
		uint32_t at = i;

		/* By insertion: they are nearly sorted, and few. */
		while (at > 1 && from->slices[order[at - 1]].start_ns > from->slices[i].start_ns) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = i;
	}
}

static int add_slice(struct trace_harvest *t, const struct pb_timeline *from, uint32_t i,
		     uint32_t *map, struct trace *to)
{
	const struct pb_slice *slice = &from->slices[i];
	struct slice s = { .path = REPORT_NONE, .parent = REPORT_NONE };
	char error[160];

	/* Parents begin before their children; whoever says otherwise is not believed. */
	if (i && (slice->parent >= from->n || map[slice->parent] == REPORT_NONE))
		return 0;
	if (!name_slice(t, from, slice, &s) || !s.name)
		return 0;
	s.parent = i ? map[slice->parent] : REPORT_NONE;
	s.start_ns = since(t, slice->start_ns);
	s.open = !slice->end_ns;
	if (slice->end_ns > slice->start_ns)
		s.duration_ns = slice->end_ns - slice->start_ns;
	if (slice->error) {
		uint32_t node = s.path != REPORT_NONE ? t->h->report->paths.v[s.path].node : 0;

		error_name(t->h->errors, slice->error, slice->value, node, error, sizeof(error));
		s.error = report_str(t->h->report, error);
	}
	map[i] = (uint32_t)to->slices.n;
	return vec_push(&to->slices, s);
}

static int add_trace(struct trace_harvest *t, const struct pb_timeline *from)
{
	uint32_t map[PB_SLICES_MAX], order[PB_SLICES_MAX];
	struct trace to = { .pid = from->h.pid,
			    .tid = from->h.tid,
			    .why = from->why,
			    .slices_lost = from->lost,
			    .cause = REPORT_NONE,
			    .path = path_table_get(t->h->paths, from->path) };
	char comm[PB_COMM_LEN];
	struct buf name = {};
	int err = 0;

	memcpy(comm, from->comm, sizeof(comm));
	comm[sizeof(comm) - 1] = '\0';
	text_clean(&name, comm);
	to.thread = report_str(t->h->report, buf_str(&name));
	buf_done(&name);
	for (uint32_t i = 0; i < from->n; i++)
		map[i] = REPORT_NONE;
	sort_slices(from, order);
	for (uint32_t i = 0; i < from->n && !err; i++)
		err = add_slice(t, from, order[i], map, &to);
	if (!err && to.slices.n) {
		if (to.path == REPORT_NONE)
			to.path = to.slices.v[0].path;
		err = vec_push(&t->h->report->traces, to);
	}
	if (err || !to.slices.n)
		vec_done(&to.slices);
	return err;
}

static int by_start(const void *a, const void *b)
{
	const struct exemplar *x = a, *y = b;
	uint64_t s = x->timeline->slices[0].start_ns, t = y->timeline->slices[0].start_ns;

	return s < t ? -1 : s > t;
}

/* Roots by thread and begin, so that causes are found. */
static int index_roots(struct trace_harvest *t)
{
	struct report *r = t->h->report;

	for (uint32_t i = 0; i < r->traces.n; i++) {
		uint64_t key[2] = { r->traces.v[i].tid, r->traces.v[i].slices.v[0].start_ns };
		int err = table_add(&t->roots, key, sizeof(key), i);

		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

static void link_causes(struct trace_harvest *t, const struct exemplars *e)
{
	struct report *r = t->h->report;

	for (size_t i = 0; i < e->v.n; i++) {
		const struct pb_timeline *from = e->v.v[i].timeline;
		uint64_t key[2] = { from->h.tid, since(t, from->slices[0].start_ns) };
		uint64_t cause[2] = { from->cause_tid, since(t, from->cause_root_ns) };
		uint32_t to = table_find(&t->roots, key, sizeof(key)), by;

		by = from->cause ? table_find(&t->roots, cause, sizeof(cause)) : TABLE_NONE;
		if (to == TABLE_NONE || by == TABLE_NONE || to == by)
			continue;
		r->traces.v[to].cause = by;
		r->traces.v[to].cause_ns = since(t, from->cause_ns);
		r->traces.v[to].cause_kind = from->cause == PB_CAUSE_CLONE ? "clone" : "wakeup";
	}
}

int harvest_traces(struct span_harvest *h, uint64_t begin_ns)
{
	struct exemplars *e = &h->collect->exemplars;
	struct trace_harvest t = { .h = h, .begin_ns = begin_ns };
	int err = 0;

	if (e->v.n)
		qsort(e->v.v, e->v.n, sizeof(*e->v.v), by_start);
	for (size_t i = 0; i < e->v.n && !err; i++)
		err = add_trace(&t, e->v.v[i].timeline);
	err = err ? err : index_roots(&t);
	if (!err)
		link_causes(&t, e);
	table_done(&t.roots);
	return err;
}
