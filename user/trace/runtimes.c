/* SPDX-License-Identifier: GPL-2.0-only */
/* The targets' language runtimes. */
#include "trace/runtimes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <bpf/bpf.h>

#include "data/report.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/strpool.h"
#include "lib/table.h"
#include "trace/process.h"

#define NAMES_MAX   400000
#define CACHE_MAX   400000
#define PARTS_MAX   2000000
#define RETRIES_MAX 100 /* to open a runtime that is only about to begin */

/* What is known of an object file. */
struct object_runtime {
	bool tried;
	const struct runtime *runtime; /* NULL: none */
	const struct runtime *lacking; /* it is one, but without what is needed; or NULL */
	struct export_symbol exports[RUNTIME_EXPORTS_MAX];
	unwind_marks marks;
};

/* A runtime in a process. */
struct opened {
	const struct runtime *runtime; /* NULL: nothing was tried */
	uint32_t object;
	uint64_t bias;
	void *state;    /* NULL: it could not be opened */
	uint16_t image; /* key of the map */
	uint16_t tries;
	bool pending; /* it is not there yet */
};

struct process_runtimes {
	uint32_t pid, version; /* of its mappings; 0: not looked at */
	struct opened kinds[PB_RUNTIMES];
};

struct cached {
	uint32_t first, n; /* in `parts` */
};

struct complaint {
	const struct runtime *runtime;
	uint32_t pid, processes;
	char why[RUNTIME_WHY_MAX];
};

struct runtimes {
	int images_fd;
	VEC(uint16_t) free_images;
	uint16_t images_n;
	VEC(struct object_runtime) objects; /* by object file */
	VEC(struct process_runtimes) processes;
	struct table process_index; /* by PID */
	struct strpool strings;
	VEC(struct runtime_name) names;
	struct table name_index;
	VEC(uint32_t) parts;
	VEC(struct cached) cache;
	struct table cache_index;
	VEC(struct complaint) complaints;
	uint64_t unnamed[PB_RUNTIMES], named[PB_RUNTIMES];
};

int runtimes_new(struct runtimes **ret)
{
	struct runtimes *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->images_fd = -1;
	*ret = r;
	return 0;
}

void runtimes_begin(struct runtimes *r, int images_fd)
{
	r->images_fd = images_fd;
}

/* Not reused before all others were: a child that was forked a moment ago may still have it. */
static void give_image(struct runtimes *r, struct opened *o)
{
	if (o->image)
		vec_push(&r->free_images, o->image);
	o->image = 0;
}

static void forget(struct runtimes *r, struct opened *o)
{
	if (o->runtime && o->state)
		o->runtime->close(o->state);
	give_image(r, o);
	*o = (struct opened){};
}

static void drop_cache(struct runtimes *r)
{
	vec_done(&r->parts);
	vec_done(&r->cache);
	table_done(&r->cache_index);
}

void runtimes_free(struct runtimes *r)
{
	if (!r)
		return;
	vec_foreach (p, &r->processes) {
		for (int i = 0; i < PB_RUNTIMES; i++)
			forget(r, &p->kinds[i]);
	}
	vec_foreach (o, &r->objects)
		vec_done(&o->marks);
	vec_done(&r->objects);
	vec_done(&r->processes);
	vec_done(&r->free_images);
	vec_done(&r->names);
	vec_done(&r->complaints);
	drop_cache(r);
	table_done(&r->process_index);
	table_done(&r->name_index);
	strpool_done(&r->strings);
	free(r);
}

/*
 * Does the object export what this runtime needs? Fills the exports. *is_it: it is this runtime in
 * any case.
 */
static bool exports_all(int fd, const struct runtime *rt, struct export_symbol *exports,
			bool *is_it)
{
	size_t n = 0;

	for (; n < RUNTIME_EXPORTS_MAX && rt->exports[n]; n++)
		exports[n] = (struct export_symbol){ .name = rt->exports[n] };
	if (exports_find(fd, exports, n) < 0)
		return false;
	*is_it = rt->has_sign && exports[rt->sign].addr;
	for (size_t i = 0; i < rt->needed; i++) {
		if (!exports[i].addr)
			return false;
	}
	return true;
}

static void look_for(struct object_runtime *o, int fd)
{
	for (const struct runtime *const *rt = runtimes_known; *rt; rt++) {
		struct runtime_object host = { fd, o->exports };
		bool is_it = false;

		if (!exports_all(fd, *rt, o->exports, &is_it)) {
			if (is_it)
				o->lacking = *rt;
			continue;
		}
		if ((*rt)->mark && (*rt)->mark(&host, &o->marks)) {
			vec_done(&o->marks);
			continue;
		}
		o->runtime = *rt;
		return;
	}
}

/* What is known of an object; NULL: out of memory. */
static struct object_runtime *object_of(struct runtimes *r, struct object_files *o, uint32_t object)
{
	_cleanup_close_ int fd = -1;

	while (r->objects.n <= object) {
		if (vec_push(&r->objects, (struct object_runtime){}))
			return NULL;
	}
	if (!r->objects.v[object].tried) {
		r->objects.v[object].tried = true;
		fd = object_open(o, object);
		if (fd >= 0)
			look_for(&r->objects.v[object], fd);
	}
	return &r->objects.v[object];
}

bool runtimes_host(struct runtimes *r, struct object_files *o, uint32_t object)
{
	const struct object_runtime *known = r ? object_of(r, o, object) : NULL;

	return known && known->runtime;
}

int runtimes_mark(struct runtimes *r, struct object_files *o, uint32_t object,
		  struct unwindtable *t)
{
	const struct object_runtime *known = r ? object_of(r, o, object) : NULL;
	uint8_t host;
	int err = 0;

	if (!known || !known->runtime)
		return 0;
	host = known->runtime->hides_host ? PB_MARK_HOST : 0;
	vec_foreach (m, &known->marks) {
		struct unwind_mark mark = { m->start, m->end, m->mark | host };

		err = err ? err : unwindtable_mark(t, &mark);
	}
	vec_foreach (s, &t->segments) {
		struct unwind_mark mark = { s->addr, s->addr + s->size, host };

		if (host && s->exec)
			err = err ? err : unwindtable_mark(t, &mark);
	}
	return err;
}

static struct process_runtimes *process_runtimes(struct runtimes *r, uint32_t pid, bool make)
{
	uint32_t i = table_find(&r->process_index, &pid, sizeof(pid));

	if (i != TABLE_NONE)
		return &r->processes.v[i];
	if (!make || vec_push(&r->processes, (struct process_runtimes){ .pid = pid }))
		return NULL;
	i = (uint32_t)r->processes.n - 1;
	if (!table_add(&r->process_index, &pid, sizeof(pid), i))
		return &r->processes.v[i];
	r->processes.n--;
	return NULL;
}

static void complain(struct runtimes *r, const struct runtime *rt, uint32_t pid, const char *why)
{
	struct complaint c = { rt, pid, 1, "" };

	snprintf(c.why, sizeof(c.why), "%s", why);
	vec_foreach (known, &r->complaints) {
		if (known->runtime == c.runtime && !strcmp(known->why, c.why)) {
			known->processes += known->pid != pid;
			return;
		}
	}
	vec_push(&r->complaints, c);
}

static uint16_t take_image(struct runtimes *r)
{
	if (r->images_n + 1 < PB_RUNTIME_IMAGES)
		return ++r->images_n;
	if (!r->free_images.n)
		return 0;
	r->free_images.n--;
	return r->free_images.v[r->free_images.n];
}

/* True: BPF can be told of it. */
static bool open_runtime(struct runtimes *r, struct object_files *o, struct opened *opened,
			 uint32_t pid)
{
	struct runtime_host host = { .pid = pid, .bias = opened->bias };
	union pb_runtime_image image = {};
	char why[RUNTIME_WHY_MAX] = "it could not be read";
	_cleanup_close_ int fd = object_open(o, opened->object);
	uint32_t key;
	int err;

	host.object = (struct runtime_object){ fd, r->objects.v[opened->object].exports };
	err = opened->runtime->open(&host, &image, &opened->state, why);
	opened->pending = err == -EAGAIN && ++opened->tries < RETRIES_MAX;
	if (opened->pending)
		return false;
	opened->image = err ? 0 : take_image(r);
	key = opened->image;
	if (!err && !key)
		snprintf(why, sizeof(why), "there are too many processes");
	if (!err && (!key || bpf_map_update_elem(r->images_fd, &key, &image, BPF_ANY)))
		err = -ENOSPC;
	if (err && err != -ESRCH)
		complain(r, opened->runtime, pid, why);
	if (err)
		give_image(r, opened);
	return !err;
}

/* The address of a file in a process minus that in the file. */
static uint64_t bias_of(struct object_files *o, const struct mapping *m)
{
	const struct symbols *s = object_symbols(o, m->object);
	uint64_t addr = s ? symbols_addr_of(s, m->offset) : UINT64_MAX;

	/* A mapping begins at a whole page, the segment in it need not. */
	for (uint64_t skip = 1; addr == UINT64_MAX && s && skip < 4096; skip++) {
		addr = symbols_addr_of(s, m->offset + skip);
		if (addr != UINT64_MAX)
			addr -= skip;
	}
	return addr == UINT64_MAX ? UINT64_MAX : m->start - addr;
}

/*
 * The mapping of an object that shows the lowest part of its code: V8 maps some of it a second
 * time, elsewhere.
 */
static bool is_lowest(const struct process *proc, const struct mapping *m)
{
	vec_foreach (other, &proc->maps) {
		if (other->object == m->object && other->offset < m->offset)
			return false;
	}
	return true;
}

static bool see_mapping(struct runtimes *r, struct object_files *o, struct process_runtimes *p,
			const struct process *proc, const struct mapping *m)
{
	struct object_runtime *object = object_of(r, o, m->object);
	struct opened *opened;
	uint64_t bias;

	if (object && object->lacking && is_lowest(proc, m)) {
		complain(r, object->lacking, p->pid, "this build does not export what tells of it");
		return false;
	}
	if (!object || !object->runtime || !is_lowest(proc, m))
		return false;
	bias = bias_of(o, m);
	opened = &p->kinds[object->runtime->kind];
	if (bias == UINT64_MAX ||
	    (opened->runtime && opened->bias == bias && opened->object == m->object))
		return false;
	forget(r, opened);
	*opened = (struct opened){ .runtime = object->runtime, .object = m->object, .bias = bias };
	return open_runtime(r, o, opened, p->pid);
}

bool runtimes_update(struct runtimes *r, struct object_files *o, const struct process *proc)
{
	struct process_runtimes *p = r ? process_runtimes(r, proc->pid, true) : NULL;
	bool changed = false;

	if (!p)
		return false;
	if (p->version != proc->maps_version) {
		p->version = proc->maps_version;
		vec_foreach (m, &proc->maps) {
			if (m->object != OBJECT_NONE)
				changed = see_mapping(r, o, p, proc, m) || changed;
		}
	}
	for (int i = 0; i < PB_RUNTIMES; i++) {
		if (p->kinds[i].pending)
			changed = open_runtime(r, o, &p->kinds[i], p->pid) || changed;
	}
	return changed;
}

void runtimes_ended(struct runtimes *r, const struct process *proc)
{
	struct process_runtimes *p = r ? process_runtimes(r, proc->pid, false) : NULL;

	for (int i = 0; p && i < PB_RUNTIMES; i++) {
		give_image(r, &p->kinds[i]);
		p->kinds[i].pending = false;
	}
}

void runtimes_image(struct runtimes *r, const struct process *proc, struct pb_unwind_image *ret)
{
	const struct process_runtimes *p = r ? process_runtimes(r, proc->pid, false) : NULL;

	for (int i = 0; p && i < PB_RUNTIMES; i++) {
		const struct opened *o = &p->kinds[i];

		ret->runtime[i] = o->image;
		if (o->image && o->runtime->has_jit)
			ret->anon = (uint16_t)i;
	}
}

enum pb_runtime runtimes_jit(struct runtimes *r, const struct process *proc)
{
	struct pb_unwind_image image = {};

	runtimes_image(r, proc, &image);
	return image.anon;
}

bool runtimes_wants_ranges(enum pb_runtime kind)
{
	for (const struct runtime *const *rt = runtimes_known; *rt; rt++) {
		if ((*rt)->kind == kind)
			return (*rt)->wants_ranges;
	}
	return false;
}

/* The number of a frame's name; TABLE_NONE: there is no room. */
static uint32_t intern_name(struct runtimes *r, const struct runtime_frame *f, enum pb_runtime kind)
{
	struct {
		const char *name, *file;
		uint32_t line;
		uint16_t native, kind;
	} key = { strpool_add(&r->strings, f->name), strpool_add(&r->strings, f->file), f->line,
		  f->native, (uint16_t)kind };
	uint32_t i;

	if (!key.name || (f->file && !key.file))
		return TABLE_NONE;
	i = table_find(&r->name_index, &key, sizeof(key));
	if (i != TABLE_NONE || r->names.n >= NAMES_MAX)
		return i;
	i = (uint32_t)r->names.n;
	if (vec_push(&r->names,
		     (struct runtime_name){ key.name, key.file, f->line, f->native, kind }))
		return TABLE_NONE;
	if (!table_add(&r->name_index, &key, sizeof(key), i))
		return i;
	r->names.n--;
	return TABLE_NONE;
}

uint32_t runtimes_add_name(struct runtimes *r, const struct runtime_frame *f)
{
	return r ? intern_name(r, f, PB_RUNTIME_NONE) : TABLE_NONE;
}

/* Asks the runtime itself. RUNTIME_NOTHING: there is nothing to show. */
static int ask(struct runtimes *r, const struct opened *o, const struct runtime_word *w,
	       struct cached *ret)
{
	runtime_frames frames = {};
	int err = o->runtime->frames(o->state, w, &frames);

	*ret = (struct cached){ .first = (uint32_t)r->parts.n };
	vec_foreach (f, &frames) {
		uint32_t name = err < 0 || ret->n >= RUNTIME_PARTS_MAX
				    ? TABLE_NONE
				    : intern_name(r, f, o->runtime->kind);

		if (name == TABLE_NONE)
			continue;
		err = vec_push(&r->parts, name);
		ret->n += !err;
	}
	runtime_frames_done(&frames);
	return err;
}

/* The parent of a process that was forked may still answer for it. */
static const struct opened *opened_of(struct runtimes *r, const struct process *proc,
				      enum pb_runtime kind)
{
	const struct process_runtimes *p = process_runtimes(r, proc->pid, false);

	if (p && p->kinds[kind].state)
		return &p->kinds[kind];
	p = process_runtimes(r, proc->ppid, false);
	return p && p->kinds[kind].state ? &p->kinds[kind] : NULL;
}

int runtimes_frames(struct runtimes *r, const struct process *proc, enum pb_runtime kind,
		    const struct runtime_word *w, const uint32_t **ret)
{
	const struct opened *o = r && proc && kind < PB_RUNTIMES ? opened_of(r, proc, kind) : NULL;
	struct {
		uint64_t what, where;
		uint32_t pid;
		uint8_t kind, is_address, is_return, zero;
	} key = { .what = w->what,
		  .where = w->where,
		  .kind = (uint8_t)kind,
		  .is_address = w->is_address,
		  .is_return = w->is_return };
	struct cached c;
	bool cached;
	uint32_t i;
	int err = 0;

	if (!o)
		return -1;
	key.pid = proc->pid;
	cached = !o->runtime->replaces_code;
	i = cached ? table_find(&r->cache_index, &key, sizeof(key)) : TABLE_NONE;
	if (i == TABLE_NONE) {
		if (r->cache.n >= CACHE_MAX || r->parts.n >= PARTS_MAX)
			drop_cache(r);
		err = ask(r, o, w, &c);
		if (err < 0)
			return -1;
		i = (uint32_t)r->cache.n;
		/* What has no name yet may have one a moment later. */
		if ((c.n || err) && cached && !vec_push(&r->cache, c))
			table_add(&r->cache_index, &key, sizeof(key), i);
	} else {
		c = r->cache.v[i];
		err = RUNTIME_NOTHING; /* if it has none */
	}
	if (!c.n && !err) {
		r->unnamed[kind]++;
		return -1;
	}
	r->named[kind] += c.n > 0;
	*ret = r->parts.v + c.first;
	return (int)c.n;
}

const struct runtime_name *runtimes_name(const struct runtimes *r, uint32_t name)
{
	return r && name < r->names.n ? &r->names.v[name] : NULL;
}

bool runtimes_hide(const struct runtimes *r, uint32_t object)
{
	const struct runtime *rt = r && object < r->objects.n ? r->objects.v[object].runtime : NULL;

	return rt && rt->hides_host;
}

void runtimes_tell(struct runtimes *r, struct report *report)
{
	char note[RUNTIME_WHY_MAX + 120];

	if (!r)
		return;
	vec_foreach (p, &r->processes) {
		for (int i = 0; i < PB_RUNTIMES; i++) {
			if (p->kinds[i].pending)
				complain(r, p->kinds[i].runtime, p->pid, "it had not begun yet");
		}
	}
	vec_foreach (c, &r->complaints) {
		snprintf(note, sizeof(note), "no %s frames in process %" PRIu32 "%s: %s",
			 c->runtime->name, c->pid, c->processes > 1 ? " and others" : "", c->why);
		vec_push(&report->notes, report_str(report, note));
	}
	for (const struct runtime *const *rt = runtimes_known; *rt; rt++) {
		if (!r->unnamed[(*rt)->kind])
			continue;
		snprintf(note, sizeof(note), "%" PRIu64 " of %" PRIu64 " %s frames have no name",
			 r->unnamed[(*rt)->kind], r->unnamed[(*rt)->kind] + r->named[(*rt)->kind],
			 (*rt)->name);
		vec_push(&report->notes, report_str(report, note));
	}
}
