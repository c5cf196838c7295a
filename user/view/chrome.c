/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recorded traces as Trace Event JSON, which chrome://tracing, Perfetto, speedscope and others
 * read: complete events by process and thread, times in us since the trace began, to the ns.
 */
#include "view/view.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "lib/parse.h"
#include "view/json_out.h"
#include "view/timeline.h"
#include "view/timeline_plugins.h"

struct writer {
	const struct report *r;
	FILE *out;
	struct timeline_lanes lanes;
	struct timeline_plugins plugins;
	bool more; /* an event stands before */
	int err;
};

static void writer_done(struct writer *w)
{
	timeline_lanes_done(&w->lanes);
	timeline_plugins_done(&w->plugins);
}

/* jansson's numbers are too coarse for ns in us, so times are written here. */
static void put_us(struct writer *w, const char *key, uint64_t ns)
{
	fprintf(w->out, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned int)(ns % 1000));
}

/* A further lane of a thread becomes a thread of its own, by a number that no thread can have. */
static json_int_t lane_tid(const struct timeline_lane *l)
{
	return l->tid + (json_int_t)l->number * (PARSE_PID_MAX + 1);
}

/* Opens an event; `members` (released here) are all but its times. NULL: out of memory. */
static void begin_event(struct writer *w, const struct timeline_lane *l, json_t *members)
{
	json_t *event = json_pack("{s:I, s:I}", "pid", json_u64(l->pid), "tid", lane_tid(l));

	if (!event || !members || json_object_update(event, members))
		w->err = -ENOMEM;
	if (!w->err) {
		fputs(w->more ? ",\n{" : "\n{", w->out);
		/* A failed write is seen by the caller, on the stream. */
		if (json_dumpf(event, w->out, JSON_COMPACT | JSON_EMBED) && !ferror(w->out))
			w->err = -ENOMEM;
		w->more = true;
	}
	json_decref(event);
	json_decref(members);
}

static void end_event(struct writer *w)
{
	if (!w->err)
		fputc('}', w->out);
}

static void put_name(struct writer *w, const struct timeline_lane *l, const char *what,
		     const char *name)
{
	begin_event(w, l,
		    json_pack("{s:s, s:s, s:{s:o}}", "ph", "M", "name", what, "args", "name",
			      json_text(name)));
	end_event(w);
}

static const char *process_name(const struct report *r, uint32_t pid)
{
	vec_foreach (t, &r->targets) {
		if (t->pid == pid)
			return t->comm;
	}
	return NULL;
}

static void put_thread_name(struct writer *w, const struct timeline_lane *l)
{
	struct buf name = {};

	if (l->thread)
		text_clean(&name, l->thread);
	else
		buf_printf(&name, "%" PRIu32, l->tid);
	if (l->number == TIMELINE_PLUGINS)
		buf_add_str(&name, " (plugins)");
	else if (l->number)
		buf_printf(&name, " (at the same time %" PRIu32 ")", l->number);
	w->err = w->err ?: name.err;
	put_name(w, l, "thread_name", buf_str(&name));
	buf_done(&name);
}

static void put_names(struct writer *w)
{
	for (size_t i = 0; i < w->lanes.v.n; i++) {
		const struct timeline_lane *l = &w->lanes.v.v[i];
		const char *name = process_name(w->r, l->pid);
		bool first = true;

		for (size_t j = 0; j < i && first; j++)
			first = w->lanes.v.v[j].pid != l->pid;
		if (first && name)
			put_name(w, l, "process_name", name);
		put_thread_name(w, l);
	}
}

static void set_text(struct writer *w, json_t *object, const char *key, const char *text)
{
	if (text && json_object_set_new(object, key, json_text(text)))
		w->err = -ENOMEM;
}

static void set_path(struct writer *w, json_t *object, const char *key, uint32_t path)
{
	struct buf name = {};

	if (path < w->r->paths.n) {
		path_format(&name, w->r, path, " > ");
		w->err = w->err ?: name.err;
		set_text(w, object, key, buf_str(&name));
	}
	buf_done(&name);
}

static json_t *make_args(struct writer *w, const struct trace *t, uint32_t i)
{
	const struct slice *s = &t->slices.v[i];
	json_t *args = json_object();
	struct buf why = {};

	set_text(w, args, "error", s->error);
	set_text(w, args, "args", s->args);
	set_path(w, args, "path", s->path);
	if (s->open)
		json_object_set_new(args, "still running", json_true());
	if (!i && t->why) {
		timeline_format_why(&why, t);
		w->err = w->err ?: why.err;
		set_text(w, args, "kept as", buf_str(&why));
		set_path(w, args, "example of", t->path);
	}
	if (!i && t->slices_lost)
		json_object_set_new(args, "pieces lost", json_integer(json_u64(t->slices_lost)));
	buf_done(&why);
	return args;
}

static void put_slice(struct writer *w, const struct trace *t, uint32_t lane, uint32_t i,
		      const struct timeline_slice *at)
{
	bool plugin = w->lanes.v.v[lane].number == TIMELINE_PLUGINS;
	const struct slice *s = &t->slices.v[i];
	bool instant = s->kind == SLICE_INSTANT;
	json_t *event = json_pack(
	    "{s:s, s:o, s:s, s:o}", "ph", instant ? "i" : "X", "name", json_text(s->name), "cat",
	    plugin ? "plugin" : timeline_kind(s->kind), "args", make_args(w, t, i));

	if (instant && event)
		json_object_set_new(event, "s", json_string("t"));
	begin_event(w, &w->lanes.v.v[lane], event);
	if (w->err)
		return;
	put_us(w, "ts", at->start_ns);
	if (!instant)
		put_us(w, "dur", at->end_ns - at->start_ns);
	end_event(w);
}

static void put_arrow(struct writer *w, uint32_t lane, const char *phase, uint32_t id,
		      const char *name, uint64_t time_ns)
{
	json_t *event = json_pack("{s:s, s:I, s:o, s:s}", "ph", phase, "id", (json_int_t)id, "name",
				  json_text(name), "cat", "cause");

	if (*phase == 'f' && event)
		json_object_set_new(event, "bp", json_string("e"));
	begin_event(w, &w->lanes.v.v[lane], event);
	if (w->err)
		return;
	put_us(w, "ts", time_ns);
	end_event(w);
}

/* An arrow binds to the slices at its ends, so that it begins while the cause still runs. */
static void put_cause(struct writer *w, uint32_t trace, uint64_t start_ns)
{
	const struct trace *t = &w->r->traces.v[trace];
	uint32_t cause = timeline_cause(w->r, t);
	uint64_t begin, end, at = t->cause_ns;

	if (cause == REPORT_NONE)
		return;
	begin = timeline_start(&w->r->traces.v[cause]);
	end = timeline_end(&w->r->traces.v[cause]);
	at = at < begin ? begin : at > end ? end : at;
	put_arrow(w, w->lanes.of_trace[cause], "s", trace, t->cause_kind, at);
	put_arrow(w, w->lanes.of_trace[trace], "f", trace, t->cause_kind, start_ns);
}

/* Returns when the first slice starts. */
static uint64_t put_slices(struct writer *w, const struct trace *t, uint32_t lane)
{
	_cleanup_free_ struct timeline_slice *at = calloc(t->slices.n + 1, sizeof(*at));

	w->err = w->err ?: at ? timeline_nest(t, at) : -ENOMEM;
	for (uint32_t i = 0; i < t->slices.n && !w->err; i++)
		put_slice(w, t, lane, i, &at[i]);
	return w->err ? 0 : at[0].start_ns;
}

static void put_trace(struct writer *w, uint32_t trace)
{
	uint64_t start = put_slices(w, &w->r->traces.v[trace], w->lanes.of_trace[trace]);

	if (!w->err)
		put_cause(w, trace, start);
}

static int render(const struct report *r, FILE *out)
{
	_cleanup_(writer_done) struct writer w = { .r = r, .out = out };
	int err = timeline_lanes_init(&w.lanes, r);

	if (!err)
		err = timeline_plugins_init(&w.plugins, &w.lanes, r);
	if (err)
		return err;
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", out);
	put_names(&w);
	for (uint32_t i = 0; i < r->traces.n && !w.err; i++)
		put_trace(&w, i);
	for (uint32_t i = 0; i < w.plugins.traces.n && !w.err; i++)
		put_slices(&w, &w.plugins.traces.v[i], w.plugins.first_lane + i);
	fputs("\n]}\n", out);
	return w.err;
}

const struct view view_chrome = { .name = "chrome", .suffix = ".trace.json", .render = render };
