/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Perfetto trace, read back by a strict reader written for this test: it knows the fields
 * that the view may write, refuses all others, and holds what trace_processor relies on.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/vec.h"
#include "sample_plugins.h"
#include "sample_report.h"
#include "view/view.h"

#define STARTED UINT64_C(1767323045123456789)
#define US      UINT64_C(1000)
#define MS      UINT64_C(1000000)
#define SEC     UINT64_C(1000000000)

struct field {
	uint64_t number, value; /* value: of a number, or the length of the bytes */
	const uint8_t *bytes;
};

typedef VEC(struct field) field_vec;

struct track {
	uint64_t uuid, parent;
	int pid, tid; /* tid 0: a process */
	char name[64];
	uint64_t time; /* of its last event */
	size_t open[64], depth;
};

struct drawn {
	uint64_t type, start, end;
	size_t track, depth;
	const char *name, *category;
	char notes[256]; /* "error=ret=-1;path=serve;" */
	uint64_t flow, terminating;
};

static struct report *r;
static char *file;
static size_t file_len;
static char strings[4][64][256]; /* by field of InternedData and iid */
static VEC(struct track) tracks;
static VEC(struct drawn) events;
static size_t packet_cnt;
static bool realtime;

static uint64_t read_varint(const uint8_t **p, const uint8_t *end)
{
	uint64_t value = 0;

	for (int shift = 0;; shift += 7) {
		cr_assert_lt((void *)*p, (void *)end);
		cr_assert_lt(shift, 64);
		value |= (uint64_t)(**p & 0x7f) << shift;
		if (!(*(*p)++ & 0x80))
			return value;
	}
}

static uint64_t read_fixed64(const uint8_t **p, const uint8_t *end)
{
	uint64_t value = 0;

	cr_assert_geq(end - *p, 8);
	for (int i = 0; i < 8; i++)
		value |= (uint64_t) * (*p)++ << 8 * i;
	return value;
}

/*
 * The fields of a message; `known` lists those it may have, each with its wire type: "8v 11b",
 * v number, f fixed, b bytes.
 */
static field_vec read_message(const uint8_t *p, size_t len, const char *known)
{
	const uint8_t *end = p + len;
	field_vec fields = {};

	while (p < end) {
		uint64_t tag = read_varint(&p, end);
		struct field f = { .number = tag >> 3 };
		char name[32];

		cr_assert_lt(tag % 8, 3, "wire type %d", (int)(tag % 8));
		snprintf(name, sizeof(name), " %" PRIu64 "%c ", f.number, "vfb"[tag % 8]);
		cr_assert_not_null(strstr(known, name), "field%sis not one of%s", name, known);
		f.value = tag % 8 == 1 ? read_fixed64(&p, end) : read_varint(&p, end);
		if (tag % 8 == 2) {
			f.bytes = p;
			cr_assert_leq(f.value, (uint64_t)(end - p));
			p += f.value;
		}
		vec_push(&fields, f);
	}
	return fields;
}

static const struct field *find(const field_vec *v, uint64_t number)
{
	vec_foreach (f, v) {
		if (f->number == number)
			return f;
	}
	return NULL;
}

static uint64_t number_of(const field_vec *v, uint64_t number)
{
	const struct field *f = find(v, number);

	return f ? f->value : 0;
}

static void text_of(const field_vec *v, uint64_t number, char *to, size_t size)
{
	const struct field *f = find(v, number);

	if (f)
		snprintf(to, size, "%.*s", (int)f->value, (const char *)f->bytes);
}

static const char *interned(uint64_t kind, uint64_t iid)
{
	cr_assert(iid && iid < 64 && strings[kind][iid][0], "iid %" PRIu64 " of %" PRIu64, iid,
		  kind);
	return strings[kind][iid] + 1;
}

/* What was interned once must not change. */
static void read_interned(const struct field *data)
{
	field_vec v = read_message(data->bytes, data->value, " 1b 2b 3b ");

	cr_assert_gt(v.n, 0);
	vec_foreach (f, &v) {
		field_vec entry = read_message(f->bytes, f->value, " 1v 2b ");
		uint64_t iid = number_of(&entry, 1);

		cr_assert(iid && iid < 64);
		cr_assert_not(strings[f->number][iid][0], "iid %" PRIu64 " twice", iid);
		strings[f->number][iid][0] = '=';
		text_of(&entry, 2, strings[f->number][iid] + 1, 255);
		vec_done(&entry);
	}
	vec_done(&v);
}

static size_t find_track(uint64_t uuid)
{
	for (size_t i = 0; i < tracks.n; i++) {
		if (tracks.v[i].uuid == uuid)
			return i;
	}
	return SIZE_MAX;
}

static void read_track(const struct field *f)
{
	field_vec v = read_message(f->bytes, f->value, " 1v 2b 3b 4b 5v ");
	struct track t = { .uuid = number_of(&v, 1), .parent = number_of(&v, 5) };
	const struct field *process = find(&v, 3), *thread = find(&v, 4);
	field_vec part = {};

	cr_assert_neq(t.uuid, 0);
	cr_assert_eq(find_track(t.uuid), SIZE_MAX, "a track twice");
	text_of(&v, 2, t.name, sizeof(t.name));
	if (process) {
		part = read_message(process->bytes, process->value, " 1v 2b 6b ");
		text_of(&part, 6, t.name, sizeof(t.name));
		cr_assert_eq(t.parent, 0);
	} else {
		cr_assert_neq(find_track(t.parent), SIZE_MAX, "the parent comes first");
	}
	if (thread) {
		part = read_message(thread->bytes, thread->value, " 1v 2v 5b ");
		t.tid = (int)number_of(&part, 2);
		text_of(&part, 5, t.name, sizeof(t.name));
		cr_assert_neq(t.tid, 0);
		cr_assert_eq(tracks.v[find_track(t.parent)].pid, (int)number_of(&part, 1));
	}
	t.pid = (int)number_of(&part, 1);
	vec_push(&tracks, t);
	vec_done(&part);
	vec_done(&v);
}

static void read_note(struct drawn *e, const struct field *f)
{
	field_vec v = read_message(f->bytes, f->value, " 1v 2v 3v 6b ");
	size_t len = strlen(e->notes);
	char text[128] = "";

	cr_assert_eq(v.n, 2, "a name and one value");
	if (find(&v, 6))
		text_of(&v, 6, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%" PRIu64, number_of(&v, 2) + number_of(&v, 3));
	snprintf(e->notes + len, sizeof(e->notes) - len, "%s=%s;", interned(3, number_of(&v, 1)),
		 text);
	vec_done(&v);
}

static void end_slice(struct track *t, uint64_t time)
{
	cr_assert_gt(t->depth, 0, "an end without a beginning");
	events.v[t->open[--t->depth]].end = time;
}

static void read_event(const struct field *f, uint64_t time)
{
	field_vec v = read_message(f->bytes, f->value, " 3v 4b 9v 10v 11v 47f 48f ");
	struct drawn e = { .type = number_of(&v, 9), .start = time, .end = time };
	struct track *t;

	e.track = find_track(number_of(&v, 11));
	cr_assert_neq(e.track, SIZE_MAX, "a track that nobody described");
	t = &tracks.v[e.track];
	e.depth = t->depth;
	if (e.type == 2) {
		end_slice(t, time);
	} else {
		cr_assert(e.type == 1 || e.type == 3);
		e.category = interned(1, number_of(&v, 3));
		e.name = interned(2, number_of(&v, 10));
		e.flow = number_of(&v, 47);
		e.terminating = number_of(&v, 48);
		vec_foreach (note, &v) {
			if (note->number == 4)
				read_note(&e, note);
		}
		if (e.type == 1)
			t->open[t->depth++] = events.n;
		vec_push(&events, e);
	}
	/* The arrow's origin is written behind the slices. */
	if (e.flow == 0) {
		cr_assert_geq(time, t->time, "time goes back on a track");
		t->time = time;
	}
	vec_done(&v);
}

static void read_clocks(const struct field *f)
{
	field_vec v = read_message(f->bytes, f->value, " 1b ");

	vec_foreach (clock, &v) {
		field_vec c = read_message(clock->bytes, clock->value, " 1v 2v ");

		cr_assert_not_null(find(&c, 2));
		cr_assert_eq(number_of(&c, 2), r->started_ns);
		cr_assert(number_of(&c, 1) == 1 || number_of(&c, 1) == 6);
		realtime |= number_of(&c, 1) == 1;
		vec_done(&c);
	}
	cr_assert_eq(v.n, 2);
	vec_done(&v);
}

static void read_packet(const struct field *f)
{
	field_vec v = read_message(f->bytes, f->value, " 6b 8v 10v 11b 12b 13v 42v 60b 87v ");
	bool first = !packet_cnt++;

	cr_assert_neq(number_of(&v, 10), 0, "a packet needs its sequence");
	cr_assert_eq(number_of(&v, 13), first ? 3 : 2);
	cr_assert_eq(!!find(&v, 87), first);
	cr_assert_eq(!!find(&v, 42), first);
	if (find(&v, 12))
		read_interned(find(&v, 12));
	cr_assert_eq(!!find(&v, 6) + !!find(&v, 11) + !!find(&v, 60), 1, "one thing a packet");
	if (find(&v, 6))
		read_clocks(find(&v, 6));
	if (find(&v, 60))
		read_track(find(&v, 60));
	cr_assert_eq(!!find(&v, 8), !!find(&v, 11), "an event has its time");
	if (find(&v, 11))
		read_event(find(&v, 11), number_of(&v, 8));
	vec_done(&v);
}

static void forget(void)
{
	vec_done(&tracks);
	vec_done(&events);
	memset(strings, 0, sizeof(strings));
	free(file);
	file = NULL;
	packet_cnt = 0;
	realtime = false;
}

static void render(void)
{
	FILE *out;
	field_vec packets;

	forget();
	out = open_memstream(&file, &file_len);
	cr_assert_eq(view_perfetto.render(r, out), 0);
	fclose(out);
	packets = read_message((const uint8_t *)file, file_len, " 1b ");
	vec_foreach (f, &packets)
		read_packet(f);
	vec_done(&packets);
	vec_foreach (t, &tracks)
		cr_assert_eq(t->depth, 0, "%zu slices never end", t->depth);
}

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
}

static void teardown(void)
{
	forget();
	report_free(r);
}

TestSuite(view_perfetto, .init = setup, .fini = teardown);

/* The nth event of a name. */
static const struct drawn *event(const char *name, size_t nth)
{
	vec_foreach (e, &events) {
		if (!strcmp(e->name, name) && !nth--)
			return e;
	}
	cr_assert(false, "no event '%s'", name);
	return NULL;
}

static void expect(const struct drawn *e, const char *category, uint64_t start, uint64_t end,
		   size_t depth)
{
	cr_assert_str_eq(e->category, category);
	cr_assert_eq(e->start, STARTED + start, "starts at %" PRIu64, e->start - STARTED);
	cr_assert_eq(e->end, STARTED + end, "ends at %" PRIu64, e->end - STARTED);
	cr_assert_eq(e->depth, depth);
}

Test(view_perfetto, every_slice_has_its_time_and_place)
{
	size_t n = 0;

	render();
	vec_foreach (t, &r->traces)
		n += t->slices.n;
	cr_assert_eq(events.n, n + 1, "and the cause");
	expect(event("serve", 0), "span", 2 * SEC, 2 * SEC + 60 * MS, 0);
	expect(event("parse_request", 0), "span", 2 * SEC + 200 * US, 2 * SEC + 1 * MS, 1);
	expect(event("read", 13), "syscall", 2 * SEC + 870 * US, 2 * SEC + 880 * US, 2);
	expect(event("recvfrom", 0), "syscall", 2 * SEC + 3 * MS, 2 * SEC + 53 * MS, 2);
	expect(event("blocked", 0), "offcpu", 2 * SEC + 3005 * US, 2 * SEC + 52005 * US, 3);
	expect(event("throw", 0), "instant", 2 * SEC + 56 * MS, 2 * SEC + 56 * MS, 2);
	cr_assert_eq(event("throw", 0)->type, 3);
	cr_assert(realtime, "the time of day can be told");
}

Test(view_perfetto, annotations_tell_errors_arguments_and_why)
{
	render();
	cr_assert_str_eq(
	    event("serve", 0)->notes,
	    "error=ret=-1;path=serve;kept as=slow, failed;example of=serve;pieces lost=2;");
	cr_assert_str_eq(event("parse_request", 0)->notes,
			 "args=len=1500, path=\"/login\";path=serve > parse_request;");
	cr_assert_str_eq(event("recvfrom", 0)->notes, "error=EAGAIN;");
	cr_assert_str_eq(event("blocked", 0)->notes, "");
	cr_assert_str_eq(event("throw", 0)->notes, "error=exception std::runtime_error;");
	cr_assert_str_eq(event("serve", 1)->notes,
			 "path=serve;still running=1;kept as=sampled;example of=serve;");
}

Test(view_perfetto, processes_and_threads_have_their_tracks)
{
	const struct track *t;

	render();
	cr_assert_eq(tracks.n, 6);
	t = &tracks.v[event("serve", 0)->track];
	cr_assert_eq(t->pid, 4242);
	cr_assert_eq(t->tid, 4250);
	cr_assert_str_eq(t->name, "worker-3");
	t = &tracks.v[find_track(t->parent)];
	cr_assert_eq(t->pid, 4242);
	cr_assert_eq(t->tid, 0);
	cr_assert_str_eq(t->name, "webd");
	cr_assert_str_eq(tracks.v[event("flush", 0)->track].name, "worker-7");
}

Test(view_perfetto, calls_that_overlap_on_a_thread_have_a_track_each)
{
	const struct drawn *first, *second;

	render();
	first = event("serve", 1);
	second = event("serve", 2);
	expect(first, "span", 5 * SEC, 5 * SEC + 7 * MS, 0);
	expect(second, "span", 5 * SEC + 2 * MS, 5 * SEC + 9 * MS, 0);
	cr_assert_neq(first->track, second->track);
	cr_assert_eq(tracks.v[second->track].parent, tracks.v[first->track].uuid);
	cr_assert_eq(tracks.v[first->track].tid, 4243);
}

Test(view_perfetto, an_arrow_leads_from_the_cause_to_the_caused)
{
	const struct drawn *from, *to;

	render();
	from = event("wakeup", 0);
	to = event("flush", 0);
	cr_assert_neq(from->flow, 0);
	cr_assert_eq(from->flow, to->terminating);
	cr_assert_eq(from->track, event("serve", 0)->track);
	expect(from, "cause", 2 * SEC + 2500 * US, 2 * SEC + 2500 * US, 0);
	vec_foreach (e, &events)
		cr_assert(e == to || !e->terminating);
	r->traces.v[1].cause = 77;
	render();
	vec_foreach (e, &events)
		cr_assert(!e->flow && !e->terminating);
}

Test(view_perfetto, tracks_of_different_runs_differ)
{
	uint64_t before;

	render();
	before = tracks.v[0].uuid;
	r->started_ns++;
	render();
	cr_assert_neq(tracks.v[0].uuid, before);
}

Test(view_perfetto, hostile_names_arrive_as_clean_text)
{
	r->traces.v[0].slices.v[0].name = report_str(r, "a\xff\n b");
	r->traces.v[0].slices.v[1].name = NULL;
	r->traces.v[0].thread = report_str(r, "\x1b[31m");
	render();
	cr_assert_eq(event("a?? b", 0)->start, STARTED + 2 * SEC);
	cr_assert_eq(event("", 0)->start, STARTED + 2 * SEC + 200 * US);
	cr_assert_str_eq(tracks.v[event("a?? b", 0)->track].name, "?[31m");
}

Test(view_perfetto, times_beyond_what_a_reader_holds_are_held)
{
	struct trace *t = &r->traces.v[0];

	t->slices.v[0].start_ns = 0;
	t->slices.v[0].duration_ns = UINT64_MAX;
	t->slices.v[19].start_ns = UINT64_MAX;
	render();
	cr_assert_eq(event("serve", 0)->start, STARTED);
	cr_assert_eq(event("serve", 0)->end, INT64_MAX);
}

Test(view_perfetto, slices_that_do_not_nest_are_made_to)
{
	struct trace *t = &r->traces.v[0];

	for (uint32_t i = 1; i < t->slices.n; i++) {
		t->slices.v[i].parent = i * 7 % 23;
		t->slices.v[i].start_ns = 2 * SEC + (uint64_t)(i * 37 % 11) * MS;
		t->slices.v[i].duration_ns = (uint64_t)(i * 5 % 17) * MS;
	}
	render();
	cr_assert_eq(events.n, 24);
}

Test(view_perfetto, without_traces_the_file_is_valid_and_has_no_slices)
{
	report_free(r);
	r = report_new();
	render();
	cr_assert_eq(packet_cnt, 1);
	cr_assert_eq(events.n, 0);
	cr_assert_eq(tracks.n, 0);
	r->started_ns = STARTED;
	vec_push(&r->traces, (struct trace){ .pid = 1, .tid = 1, .cause = 0 });
	render();
	cr_assert_eq(events.n, 0);
}

Test(view_perfetto, plugin_events_have_a_track_below_their_threads)
{
	const struct drawn *e;
	const struct track *t;

	sample_add_plugins(r);
	render();
	e = event("load mod_bad.so", 0);
	expect(e, "plugin", 1 * SEC, 1 * SEC + 20400 * US, 0);
	t = &tracks.v[e->track];
	cr_assert_str_eq(t->name, "plugins");
	cr_assert_eq(tracks.v[find_track(t->parent)].tid, 4250);
	e = event("unload mod_bad.so", 0);
	t = &tracks.v[find_track(tracks.v[e->track].parent)];
	cr_assert_eq(t->tid, 4299, "a thread without traces has a track all the same");
	cr_assert_eq(event("failed load of missing.so", 0)->type, 3);
}

Test(view_perfetto, a_load_within_another_stands_within_it)
{
	struct plugin_event *e;

	sample_add_plugins(r);
	/* Told when it ended, before the one around it. */
	vec_push(&r->plugin_events, r->plugin_events.v[1]);
	e = &r->plugin_events.v[r->plugin_events.n - 1];
	e->plugin = P_GOOD;
	e->time_ns -= 1 * MS;
	e->duration_ns += 5 * MS;
	render();
	expect(event("load mod_good.so", 0), "plugin", 999 * MS, 999 * MS + 25400 * US, 0);
	expect(event("load mod_bad.so", 0), "plugin", 1 * SEC, 1 * SEC + 20400 * US, 1);
}
