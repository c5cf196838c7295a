/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recorded traces for ui.perfetto.dev and its trace_processor: a track a thread, slices that
 * begin and end, an instant with an arrow where one trace caused another. Timestamps are wall
 * clock, which the file's clock snapshot tells.
 */
#include "view/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "lib/proto.h"
#include "view/timeline.h"
#include "view/timeline_plugins.h"

/*
 * Field numbers: protos/perfetto/trace/trace_packet.proto, trace/clock_snapshot.proto,
 * trace/interned_data/interned_data.proto, trace/track_event/{track_event,track_descriptor,
 * process_descriptor,thread_descriptor,debug_annotation}.proto of github.com/google/perfetto.
 */
enum {
	TRACE_PACKET = 1,

	PACKET_CLOCK_SNAPSHOT = 6,
	PACKET_TIMESTAMP = 8,
	PACKET_SEQUENCE_ID = 10,
	PACKET_TRACK_EVENT = 11,
	PACKET_INTERNED_DATA = 12,
	PACKET_SEQUENCE_FLAGS = 13,
	PACKET_PREVIOUS_DROPPED = 42,
	PACKET_TRACK_DESCRIPTOR = 60,
	PACKET_FIRST_ON_SEQUENCE = 87,

	SNAPSHOT_CLOCKS = 1,
	CLOCK_ID = 1,
	CLOCK_TIMESTAMP = 2,

	TRACK_UUID = 1,
	TRACK_NAME = 2,
	TRACK_PROCESS = 3,
	TRACK_THREAD = 4,
	TRACK_PARENT_UUID = 5,

	PROCESS_PID = 1,
	PROCESS_CMDLINE = 2,
	PROCESS_NAME = 6,

	THREAD_PID = 1,
	THREAD_TID = 2,
	THREAD_NAME = 5,

	EVENT_CATEGORY_IIDS = 3,
	EVENT_DEBUG_ANNOTATIONS = 4,
	EVENT_TYPE = 9,
	EVENT_NAME_IID = 10,
	EVENT_TRACK_UUID = 11,
	EVENT_FLOW_IDS = 47,
	EVENT_TERMINATING_FLOW_IDS = 48,

	ANNOTATION_NAME_IID = 1,
	ANNOTATION_BOOL = 2,
	ANNOTATION_UINT = 3,
	ANNOTATION_STRING = 6,

	INTERNED_IID = 1,
	INTERNED_NAME = 2,
};

enum event_type { TYPE_SLICE_BEGIN = 1, TYPE_SLICE_END = 2, TYPE_INSTANT = 3 };
enum sequence_flags { STATE_CLEARED = 1, NEEDS_STATE = 2 };
/* BuiltinClock: BOOTTIME is what timestamps without a clock are in. */
enum { BUILTIN_REALTIME = 1, BUILTIN_BOOTTIME = 6 };

#define SEQUENCE 1 /* all packets are of one writer */

/* Fields of InternedData, each numbering its strings from 1. */
enum intern { INTERN_CATEGORY = 1, INTERN_NAME = 2, INTERN_ANNOTATION = 3, INTERN_FIELDS };

struct writer {
	const struct report *r;
	FILE *out;
	struct timeline_lanes lanes;
	struct timeline_plugins plugins;
	struct table strings[INTERN_FIELDS];
	uint32_t string_cnt[INTERN_FIELDS];
	bool begun;            /* the sequence's first packet is written */
	struct buf interned;   /* InternedData of the next packet */
	struct buf event;      /* the TrackEvent under construction */
	struct buf part, text; /* scratch */
	int err;
};

static void writer_done(struct writer *w)
{
	timeline_lanes_done(&w->lanes);
	timeline_plugins_done(&w->plugins);
	for (size_t i = 0; i < INTERN_FIELDS; i++)
		table_done(&w->strings[i]);
	buf_done(&w->interned);
	buf_done(&w->event);
	buf_done(&w->part);
	buf_done(&w->text);
}

static void put_packet(struct writer *w, const struct buf *packet)
{
	struct buf framed = {};

	proto_message(&framed, TRACE_PACKET, packet);
	w->err = w->err ?: framed.err;
	if (!w->err)
		fwrite(framed.data, 1, framed.len, w->out);
	buf_done(&framed);
}

/* Packs `what` into a packet of the sequence, together with the strings that it is first to use. */
static void put(struct writer *w, uint32_t field, const struct buf *what, const uint64_t *time)
{
	struct buf packet = {};

	if (time)
		proto_present(&packet, PACKET_TIMESTAMP, *time);
	proto_uint(&packet, PACKET_SEQUENCE_ID, SEQUENCE);
	proto_uint(&packet, PACKET_SEQUENCE_FLAGS,
		   w->begun ? NEEDS_STATE : STATE_CLEARED | NEEDS_STATE);
	if (!w->begun) {
		proto_uint(&packet, PACKET_PREVIOUS_DROPPED, 1);
		proto_uint(&packet, PACKET_FIRST_ON_SEQUENCE, 1);
	}
	if (w->interned.len)
		proto_message(&packet, PACKET_INTERNED_DATA, &w->interned);
	proto_message(&packet, field, what);
	put_packet(w, &packet);
	buf_done(&packet);
	buf_clear(&w->interned);
	w->begun = true;
}

static const char *clean(struct writer *w, const char *text)
{
	buf_clear(&w->text);
	text_clean(&w->text, text);
	w->err = w->err ?: w->text.err;
	return buf_str(&w->text);
}

static uint32_t intern(struct writer *w, enum intern field, const char *text)
{
	const char *name = clean(w, text);
	uint32_t id = table_find(&w->strings[field], name, strlen(name));
	struct buf entry = {};

	if (id != TABLE_NONE)
		return id;
	id = ++w->string_cnt[field];
	w->err = w->err ?: table_add(&w->strings[field], name, strlen(name), id);
	proto_uint(&entry, INTERNED_IID, id);
	proto_str(&entry, INTERNED_NAME, name);
	proto_message(&w->interned, field, &entry);
	w->err = w->err ?: w->interned.err;
	buf_done(&entry);
	return id;
}

/*
 * Tracks are told apart across files that somebody joins: by process, thread and lane, and by
 * when the trace began. Lane UINT32_MAX is the process.
 */
static uint64_t track_uuid(const struct writer *w, uint32_t pid, uint32_t tid, uint32_t lane)
{
	const uint64_t key[] = { w->r->started_ns, pid, (uint64_t)tid << 32 | lane };

	return table_hash(key, sizeof(key)) | 1; /* 0 is the track of nobody */
}

#define LANE_PROCESS UINT32_MAX

static uint64_t lane_uuid(const struct writer *w, uint32_t lane)
{
	const struct timeline_lane *l = &w->lanes.v.v[lane];

	return track_uuid(w, l->pid, l->tid, l->number);
}

/* Arrows, too, are told apart across files. */
static uint64_t flow_id(const struct writer *w, uint32_t trace)
{
	const uint64_t key[] = { w->r->started_ns, trace };

	return table_hash(key, sizeof(key)) | 1;
}

static void put_process(struct writer *w, uint32_t pid)
{
	struct buf track = {}, process = {};

	proto_uint(&process, PROCESS_PID, pid);
	vec_foreach (t, &w->r->targets) {
		if (t->pid != pid)
			continue;
		if (t->exe)
			proto_str(&process, PROCESS_CMDLINE, clean(w, t->exe));
		if (t->comm)
			proto_str(&process, PROCESS_NAME, clean(w, t->comm));
		break;
	}
	proto_uint(&track, TRACK_UUID, track_uuid(w, pid, pid, LANE_PROCESS));
	proto_message(&track, TRACK_PROCESS, &process);
	put(w, PACKET_TRACK_DESCRIPTOR, &track, NULL);
	buf_done(&track);
	buf_done(&process);
}

/* The further lanes of a thread are tracks within its own. */
static void put_lane(struct writer *w, const struct timeline_lane *l)
{
	struct buf track = {}, thread = {};

	proto_uint(&track, TRACK_UUID, track_uuid(w, l->pid, l->tid, l->number));
	if (l->number) {
		proto_uint(&track, TRACK_PARENT_UUID, track_uuid(w, l->pid, l->tid, 0));
		buf_clear(&w->part);
		if (l->number == TIMELINE_PLUGINS)
			buf_add_str(&w->part, "plugins");
		else
			buf_printf(&w->part, "at the same time %u", l->number);
		proto_str(&track, TRACK_NAME, buf_str(&w->part));
	} else {
		proto_uint(&track, TRACK_PARENT_UUID, track_uuid(w, l->pid, l->pid, LANE_PROCESS));
		proto_uint(&thread, THREAD_PID, l->pid);
		proto_uint(&thread, THREAD_TID, l->tid);
		if (l->thread)
			proto_str(&thread, THREAD_NAME, clean(w, l->thread));
		proto_message(&track, TRACK_THREAD, &thread);
	}
	put(w, PACKET_TRACK_DESCRIPTOR, &track, NULL);
	buf_done(&track);
	buf_done(&thread);
}

static void put_tracks(struct writer *w)
{
	for (size_t i = 0; i < w->lanes.v.n; i++) {
		bool first = true;

		for (size_t j = 0; j < i && first; j++)
			first = w->lanes.v.v[j].pid != w->lanes.v.v[i].pid;
		if (first)
			put_process(w, w->lanes.v.v[i].pid);
		put_lane(w, &w->lanes.v.v[i]);
	}
}

static void put_clocks(struct writer *w)
{
	static const uint32_t clocks[] = { BUILTIN_BOOTTIME, BUILTIN_REALTIME };
	struct buf snapshot = {}, clock = {};

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		buf_clear(&clock);
		proto_uint(&clock, CLOCK_ID, clocks[i]);
		proto_present(&clock, CLOCK_TIMESTAMP, w->r->started_ns);
		proto_message(&snapshot, SNAPSHOT_CLOCKS, &clock);
	}
	put(w, PACKET_CLOCK_SNAPSHOT, &snapshot, NULL);
	buf_done(&snapshot);
	buf_done(&clock);
}

static void begin_event(struct writer *w, enum event_type type, uint32_t lane)
{
	buf_clear(&w->event);
	proto_uint(&w->event, EVENT_TYPE, type);
	proto_uint(&w->event, EVENT_TRACK_UUID, lane_uuid(w, lane));
}

static void name_event(struct writer *w, const char *category, const char *name)
{
	proto_uint(&w->event, EVENT_CATEGORY_IIDS, intern(w, INTERN_CATEGORY, category));
	proto_uint(&w->event, EVENT_NAME_IID, intern(w, INTERN_NAME, name ? name : ""));
}

static void put_event(struct writer *w, uint64_t time_ns)
{
	uint64_t started = w->r->started_ns < INT64_MAX ? w->r->started_ns : INT64_MAX;
	uint64_t room = INT64_MAX - started;
	uint64_t time = started + (time_ns < room ? time_ns : room);

	put(w, PACKET_TRACK_EVENT, &w->event, &time);
}

/* Starts an annotation in w->part; its value is to follow, then annotate(). */
static void begin_annotation(struct writer *w, const char *name)
{
	uint32_t id = intern(w, INTERN_ANNOTATION, name);

	buf_clear(&w->part);
	proto_uint(&w->part, ANNOTATION_NAME_IID, id);
}

static void annotate(struct writer *w)
{
	proto_message(&w->event, EVENT_DEBUG_ANNOTATIONS, &w->part);
}

static void annotate_text(struct writer *w, const char *name, const char *value)
{
	if (!value)
		return;
	begin_annotation(w, name);
	proto_str(&w->part, ANNOTATION_STRING, clean(w, value));
	annotate(w);
}

static void annotate_slice(struct writer *w, const struct slice *s)
{
	struct buf path = {};

	annotate_text(w, "error", s->error);
	annotate_text(w, "args", s->args);
	if (s->path < w->r->paths.n) {
		path_format(&path, w->r, s->path, " > ");
		w->err = w->err ?: path.err;
		annotate_text(w, "path", buf_str(&path));
	}
	if (s->open) {
		begin_annotation(w, "still running");
		proto_present(&w->part, ANNOTATION_BOOL, 1);
		annotate(w);
	}
	buf_done(&path);
}

static void annotate_trace(struct writer *w, const struct trace *t)
{
	struct buf text = {};

	timeline_format_why(&text, t);
	annotate_text(w, "kept as", buf_str(&text));
	buf_clear(&text);
	if (t->path < w->r->paths.n) {
		path_format(&text, w->r, t->path, " > ");
		annotate_text(w, "example of", buf_str(&text));
	}
	if (t->slices_lost) {
		begin_annotation(w, "pieces lost");
		proto_present(&w->part, ANNOTATION_UINT, t->slices_lost);
		annotate(w);
	}
	w->err = w->err ?: text.err;
	buf_done(&text);
}

/* `trace` is the trace's index; REPORT_NONE for plugins, on whose lane it is. */
static void put_slice(struct writer *w, const struct trace *t, uint32_t trace, uint32_t lane,
		      uint32_t i, const struct timeline_slice *at)
{
	const struct slice *s = &t->slices.v[i];

	begin_event(w, s->kind == SLICE_INSTANT ? TYPE_INSTANT : TYPE_SLICE_BEGIN, lane);
	name_event(w, trace == REPORT_NONE ? "plugin" : timeline_kind(s->kind), s->name);
	annotate_slice(w, s);
	if (!i && trace != REPORT_NONE) {
		annotate_trace(w, t);
		if (timeline_cause(w->r, t) != REPORT_NONE)
			proto_fixed64(&w->event, EVENT_TERMINATING_FLOW_IDS, flow_id(w, trace));
	}
	put_event(w, at->start_ns);
}

static void put_end(struct writer *w, uint32_t lane, const struct timeline_slice *at)
{
	begin_event(w, TYPE_SLICE_END, lane);
	put_event(w, at->end_ns);
}

/* The arrow's other end, on the thread that caused the trace. */
static void put_cause(struct writer *w, uint32_t trace)
{
	const struct trace *t = &w->r->traces.v[trace];
	uint32_t cause = timeline_cause(w->r, t);

	if (cause == REPORT_NONE)
		return;
	begin_event(w, TYPE_INSTANT, w->lanes.of_trace[cause]);
	name_event(w, "cause", t->cause_kind);
	proto_fixed64(&w->event, EVENT_FLOW_IDS, flow_id(w, trace));
	put_event(w, t->cause_ns);
}

static void put_slices(struct writer *w, const struct trace *t, uint32_t trace, uint32_t lane)
{
	_cleanup_free_ struct timeline_slice *at = calloc(t->slices.n + 1, sizeof(*at));
	uint32_t open = REPORT_NONE;

	w->err = w->err ?: at ? timeline_nest(t, at) : -ENOMEM;
	for (uint32_t i = 0; i < t->slices.n && !w->err; i++) {
		for (; open != at[i].parent; open = at[open].parent)
			put_end(w, lane, &at[open]);
		put_slice(w, t, trace, lane, i, &at[i]);
		if (t->slices.v[i].kind != SLICE_INSTANT)
			open = i;
	}
	for (; open != REPORT_NONE && !w->err; open = at[open].parent)
		put_end(w, lane, &at[open]);
}

static void put_trace(struct writer *w, uint32_t trace)
{
	put_slices(w, &w->r->traces.v[trace], trace, w->lanes.of_trace[trace]);
	put_cause(w, trace);
}

static int render(const struct report *r, FILE *out)
{
	_cleanup_(writer_done) struct writer w = { .r = r, .out = out };
	int err = timeline_lanes_init(&w.lanes, r);

	if (!err)
		err = timeline_plugins_init(&w.plugins, &w.lanes, r);
	if (err)
		return err;
	put_clocks(&w);
	put_tracks(&w);
	for (uint32_t i = 0; i < r->traces.n && !w.err; i++)
		put_trace(&w, i);
	for (uint32_t i = 0; i < w.plugins.traces.n && !w.err; i++)
		put_slices(&w, &w.plugins.traces.v[i], REPORT_NONE, w.plugins.first_lane + i);
	return w.err;
}

const struct view view_perfetto = { .name = "perfetto", .suffix = ".pftrace", .render = render };
