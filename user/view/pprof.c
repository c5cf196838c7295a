/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * profile.proto, gzipped, for `go tool pprof` and what else reads it. The format is described in
 * github.com/google/pprof/proto/profile.proto.
 *
 * On-CPU and off-CPU stacks share one profile and differ in which value columns they fill:
 * samples and cpu, offcpu_events and offcpu. `pprof -sample_index=offcpu` shows the second;
 * the default is cpu where it was sampled.
 *
 * One object may lie at other addresses in each process, so addresses are made up: object n is
 * mapped whole at (n + 1) << 32, which keeps the file offset readable in an address and lets
 * pprof find instructions in the file. Kernel addresses stand as they are.
 */
#include "view/view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "lib/gzip.h"
#include "lib/proto.h"
#include "view/flame.h"

/* Field numbers of profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_TIME_NANOS = 9,
	PROFILE_DURATION_NANOS = 10,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_COMMENT = 13,
	PROFILE_DEFAULT_TYPE = 14,

	VALUE_TYPE_TYPE = 1,
	VALUE_TYPE_UNIT = 2,

	SAMPLE_LOCATION = 1,
	SAMPLE_VALUE = 2,
	SAMPLE_LABEL = 3,

	LABEL_KEY = 1,
	LABEL_STR = 2,
	LABEL_NUM = 3,

	MAPPING_ID = 1,
	MAPPING_START = 2,
	MAPPING_LIMIT = 3,
	MAPPING_OFFSET = 4,
	MAPPING_FILE = 5,
	MAPPING_BUILD_ID = 6,
	MAPPING_HAS_FUNCTIONS = 7,
	MAPPING_HAS_FILES = 8,
	MAPPING_HAS_LINES = 9,
	MAPPING_HAS_INLINES = 10,

	LOCATION_ID = 1,
	LOCATION_MAPPING = 2,
	LOCATION_ADDRESS = 3,
	LOCATION_LINE = 4,

	LINE_FUNCTION = 1,
	LINE_LINE = 2,

	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
	FUNCTION_FILE = 4,
};

#define PAGE 4096ull

/* What an object's mapping covers: the lowest and highest offset of its frames. */
struct extent {
	uint64_t low, high;
	bool used, absolute; /* absolute: offsets are addresses */
};

typedef VEC(uint64_t) id_vec;

struct profile {
	const struct report *r;
	struct buf out;                             /* the Profile message */
	struct table strings, functions, locations; /* text, name and file, frames → id */
	uint32_t n_strings, n_functions, n_locations;
	struct extent *extents;         /* owned: one an object */
	struct buf message, part, text; /* scratch */
	id_vec ids;                     /* scratch: the locations of a stack */
	int err;
};

static void profile_done(struct profile *p)
{
	buf_done(&p->out);
	table_done(&p->strings);
	table_done(&p->functions);
	table_done(&p->locations);
	free(p->extents);
	buf_done(&p->message);
	buf_done(&p->part);
	buf_done(&p->text);
	vec_done(&p->ids);
}

/*
 * The id of a key: what it was entered with, or the next of *n. True when it is new. Ids start at
 * `first`: 0 for strings (which number 0 is the empty one), 1 for everything else.
 */
static bool intern(struct profile *p, struct table *t, uint32_t *n, uint32_t first, const void *key,
		   size_t len, uint32_t *ret)
{
	*ret = table_find(t, key, len);
	if (*ret != TABLE_NONE)
		return false;
	*ret = first + (*n)++;
	p->err = p->err ?: table_add(t, key, len, *ret);
	return true;
}

static uint32_t string_of(struct profile *p, const char *s)
{
	uint32_t id;

	if (intern(p, &p->strings, &p->n_strings, 0, s, strlen(s), &id))
		proto_str(&p->out, PROFILE_STRING, s);
	return id;
}

/* The same for text of the target, which must become UTF-8. */
static uint32_t clean_string_of(struct profile *p, const char *s)
{
	buf_clear(&p->text);
	text_clean(&p->text, s);
	p->err = p->err ?: p->text.err;
	return string_of(p, buf_str(&p->text));
}

static uint32_t function_name(struct profile *p, uint32_t frame)
{
	buf_clear(&p->text);
	flame_label(&p->text, p->r, &(struct flame_site){ .frame = frame });
	p->err = p->err ?: p->text.err;
	return string_of(p, buf_str(&p->text));
}

static uint32_t function_of(struct profile *p, uint32_t frame)
{
	const struct frame *f = &p->r->frames.v[frame];
	uint32_t key[3], id;
	struct buf m = {};

	key[0] = function_name(p, frame);
	key[1] = f->file ? clean_string_of(p, f->file) : 0;
	key[2] = f->object; /* two objects may have functions of one name */
	if (!intern(p, &p->functions, &p->n_functions, 1, key, sizeof(key), &id))
		return id;
	proto_uint(&m, FUNCTION_ID, id);
	proto_uint(&m, FUNCTION_NAME, key[0]);
	/*
	 * No system name: where it equals the name, pprof strips what it takes for C++ templates
	 * and arguments, and "<[u8; 4] as Hash>::hash" becomes "::hash".
	 */
	proto_uint(&m, FUNCTION_FILE, key[1]);
	proto_message(&p->out, PROFILE_FUNCTION, &m);
	buf_done(&m);
	return id;
}

static uint64_t mapping_start(const struct profile *p, uint32_t object)
{
	const struct extent *e = &p->extents[object];

	return e->absolute ? e->low & ~(PAGE - 1) : (object + 1ull) << 32;
}

static uint64_t address_of(const struct profile *p, const struct frame *f)
{
	if (f->object >= p->r->objects.n || p->extents[f->object].absolute)
		return f->offset;
	return mapping_start(p, f->object) + f->offset;
}

/*
 * The location of frames[0] and the functions inlined into it, frames[1] … [n - 1]. A location
 * lists its lines from the innermost function outwards.
 */
static uint32_t location_of(struct profile *p, const uint32_t *frames, uint32_t n)
{
	const struct frame *f = &p->r->frames.v[frames[0]];
	struct buf *m = &p->message;
	uint32_t id;

	if (!intern(p, &p->locations, &p->n_locations, 1, frames, n * sizeof(*frames), &id))
		return id;
	buf_clear(m);
	proto_uint(m, LOCATION_ID, id);
	if (f->object < p->r->objects.n)
		proto_uint(m, LOCATION_MAPPING, f->object + 1);
	proto_uint(m, LOCATION_ADDRESS, address_of(p, f));
	for (uint32_t i = n; i-- > 0;) {
		buf_clear(&p->part);
		proto_uint(&p->part, LINE_FUNCTION, function_of(p, frames[i]));
		proto_uint(&p->part, LINE_LINE, p->r->frames.v[frames[i]].line);
		proto_message(m, LOCATION_LINE, &p->part);
	}
	proto_message(&p->out, PROFILE_LOCATION, m);
	return id;
}

/* Fills ids with a stack's locations, leaf first. */
static void locate(struct profile *p, const struct stack *s)
{
	p->ids.n = 0;
	for (uint32_t end = s->n; end > 0;) {
		uint32_t start = end - 1;

		while (start > 0 && p->r->frames.v[s->frames[start]].kind == FRAME_INLINED)
			start--;
		p->err =
		    p->err ?: vec_push(&p->ids, location_of(p, s->frames + start, end - start));
		end = start;
	}
}

static void add_label(struct profile *p, const char *key, const char *value)
{
	buf_clear(&p->part);
	proto_uint(&p->part, LABEL_KEY, string_of(p, key));
	proto_uint(&p->part, LABEL_STR, clean_string_of(p, value));
	proto_message(&p->message, SAMPLE_LABEL, &p->part);
}

/* `values` has all four columns; those of a signal that was not traced are left out. */
static void add_sample(struct profile *p, uint32_t target, uint32_t stack, const char *state,
		       const uint64_t values[4])
{
	const struct target *t = &p->r->targets.v[target];
	const struct stack *s = &p->r->stacks.v[stack];
	bool offcpu_only = p->r->has_offcpu && !p->r->has_cpu;

	locate(p, s);
	buf_clear(&p->message);
	proto_packed(&p->message, SAMPLE_LOCATION, p->ids.v, p->ids.n);
	proto_packed(&p->message, SAMPLE_VALUE, values + (offcpu_only ? 2 : 0),
		     offcpu_only || !p->r->has_offcpu ? 2 : 4);
	buf_clear(&p->part);
	proto_uint(&p->part, LABEL_KEY, string_of(p, "pid"));
	proto_uint(&p->part, LABEL_NUM, t->pid);
	proto_message(&p->message, SAMPLE_LABEL, &p->part);
	add_label(p, "comm", t->comm);
	if (s->n)
		add_label(p, "mode",
			  p->r->frames.v[s->frames[s->n - 1]].kind == FRAME_KERNEL ? "kernel"
										   : "user");
	add_label(p, "state", state);
	if (s->truncated)
		add_label(p, "stack", "truncated");
	proto_message(&p->out, PROFILE_SAMPLE, &p->message);
}

static uint64_t period_ns(const struct report *r)
{
	return r->cpu.frequency_hz ? 1000000000ull / r->cpu.frequency_hz : 0;
}

static void add_samples(struct profile *p)
{
	vec_foreach (c, &p->r->cpu_samples)
		add_sample(p, c->target, c->stack, "on-cpu",
			   (uint64_t[]){ c->count, c->count * period_ns(p->r), 0, 0 });
	vec_foreach (o, &p->r->offcpu_samples)
		add_sample(p, o->target, o->stack,
			   o->why == OFFCPU_PREEMPTED ? "preempted" : "blocked",
			   (uint64_t[]){ 0, 0, o->count, o->total_ns });
}

static int measure_objects(struct profile *p)
{
	p->extents = calloc(p->r->objects.n + 1, sizeof(*p->extents));
	if (!p->extents)
		return -ENOMEM;
	vec_foreach (f, &p->r->frames) {
		struct extent *e;

		if (f->object >= p->r->objects.n)
			continue;
		e = &p->extents[f->object];
		if (!e->used || f->offset < e->low)
			e->low = f->offset;
		if (!e->used || f->offset > e->high)
			e->high = f->offset;
		e->used = true;
		/* Beyond 4 GiB an offset would reach into the next object's addresses. */
		e->absolute |= f->kind == FRAME_KERNEL || f->offset >> 32;
	}
	return 0;
}

static void add_mapping(struct profile *p, uint32_t i)
{
	const struct extent *e = &p->extents[i];
	const struct object *o = &p->r->objects.v[i];
	uint64_t start = mapping_start(p, i), last = e->absolute ? e->high : start + e->high;
	uint64_t limit = last > UINT64_MAX - PAGE ? UINT64_MAX : (last | (PAGE - 1)) + 1;
	struct buf *m = &p->message;

	if (!e->used)
		return;
	buf_clear(m);
	proto_uint(m, MAPPING_ID, i + 1);
	proto_uint(m, MAPPING_START, start);
	proto_uint(m, MAPPING_LIMIT, limit);
	proto_uint(m, MAPPING_OFFSET, e->absolute ? start : 0);
	proto_uint(m, MAPPING_FILE, clean_string_of(p, o->path));
	proto_uint(m, MAPPING_BUILD_ID, o->build_id ? clean_string_of(p, o->build_id) : 0);
	/* Every location has its function, so that pprof need not look for the files. */
	for (uint32_t field = MAPPING_HAS_FUNCTIONS; field <= MAPPING_HAS_INLINES; field++)
		proto_uint(m, field, 1);
	proto_message(&p->out, PROFILE_MAPPING, m);
}

/* pprof takes the first mapping for the program, so the first target's executable leads. */
static void add_mappings(struct profile *p)
{
	const char *exe = p->r->targets.n ? p->r->targets.v[0].exe : NULL;
	uint32_t n = (uint32_t)p->r->objects.n, first = n;

	for (uint32_t i = 0; exe && i < n && first == n; i++) {
		if (!strcmp(p->r->objects.v[i].path, exe))
			first = i;
	}
	if (first < n)
		add_mapping(p, first);
	for (uint32_t i = 0; i < n; i++) {
		if (i != first)
			add_mapping(p, i);
	}
}

static void add_type(struct profile *p, uint32_t field, const char *type, const char *unit)
{
	buf_clear(&p->part);
	proto_uint(&p->part, VALUE_TYPE_TYPE, string_of(p, type));
	proto_uint(&p->part, VALUE_TYPE_UNIT, string_of(p, unit));
	proto_message(&p->out, field, &p->part);
}

static void add_comment(struct profile *p, const char *what, const char *text)
{
	struct buf comment = {};

	if (!text)
		return;
	buf_printf(&comment, "%s: ", what);
	text_clean(&comment, text);
	proto_uint(&p->out, PROFILE_COMMENT, string_of(p, buf_str(&comment)));
	p->err = p->err ?: comment.err;
	buf_done(&comment);
}

static void add_head(struct profile *p)
{
	const struct report *r = p->r;
	bool cpu = r->has_cpu || !r->has_offcpu;

	string_of(p, "");
	if (cpu) {
		add_type(p, PROFILE_SAMPLE_TYPE, "samples", "count");
		add_type(p, PROFILE_SAMPLE_TYPE, "cpu", "nanoseconds");
	}
	if (r->has_offcpu) {
		add_type(p, PROFILE_SAMPLE_TYPE, "offcpu_events", "count");
		add_type(p, PROFILE_SAMPLE_TYPE, "offcpu", "nanoseconds");
	}
	proto_uint(&p->out, PROFILE_DEFAULT_TYPE, string_of(p, cpu ? "cpu" : "offcpu"));
	proto_uint(&p->out, PROFILE_TIME_NANOS, r->started_ns);
	proto_uint(&p->out, PROFILE_DURATION_NANOS, r->duration_ns);
	if (cpu) {
		add_type(p, PROFILE_PERIOD_TYPE, "cpu", "nanoseconds");
		proto_uint(&p->out, PROFILE_PERIOD, period_ns(r));
	}
	add_comment(p, "pathbpf", r->version);
	add_comment(p, "kernel", r->kernel);
	add_comment(p, "command", r->command);
	vec_foreach (note, &r->notes)
		add_comment(p, "note", *note);
}

static int pprof_render(const struct report *r, FILE *out)
{
	_cleanup_(profile_done) struct profile p = { .r = r };
	int err = measure_objects(&p);

	if (err)
		return err;
	add_head(&p);
	add_mappings(&p);
	add_samples(&p);
	err = p.err ?: p.out.err;
	return err ?: gzip_write(&p.out, out);
}

const struct view view_pprof = { .name = "pprof", .suffix = ".pb.gz", .render = pprof_render };
