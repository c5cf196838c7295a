/* SPDX-License-Identifier: GPL-2.0-only */
/* The model's memory: making, interning, releasing. */
#include "data/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/path.h"

struct report *report_new(void)
{
	struct report *r = calloc(1, sizeof(*r));

	if (r)
		r->limits = LIMITS_DEFAULT;
	return r;
}

static void call_stats_done(struct call_stats *s)
{
	free(s->hist);
	s->hist = NULL;
	vec_done(&s->error_types);
}

static uint64_t scale(uint64_t n, double factor)
{
	return (uint64_t)((double)n * factor + 0.5);
}

void call_stats_scale(struct call_stats *s, double seen)
{
	double factor = 1 / seen;

	s->seen = seen;
	s->observed = s->calls;
	s->calls = scale(s->calls, factor);
	s->errors = scale(s->errors, factor);
	s->total_ns = scale(s->total_ns, factor);
	s->self_ns = scale(s->self_ns, factor);
	for (uint32_t i = 0; s->hist && i < HIST_BUCKETS; i++)
		s->hist->buckets[i] = scale(s->hist->buckets[i], factor);
	vec_foreach (e, &s->error_types)
		e->count = scale(e->count, factor);
}

static void done_stacks(struct report *r)
{
	vec_foreach (s, &r->stacks)
		free((void *)s->frames);
	vec_done(&r->stacks);
	vec_done(&r->frames);
	vec_done(&r->objects);
	table_done(&r->frame_index);
	table_done(&r->stack_index);
	table_done(&r->object_index);
}

static void done_calls(struct report *r)
{
	vec_foreach (p, &r->paths) {
		call_stats_done(&p->stats);
		vec_done(&p->inside);
	}
	vec_foreach (t, &r->traces)
		vec_done(&t->slices);
	vec_done(&r->traces);
	vec_foreach (s, &r->syscalls)
		call_stats_done(&s->stats);
	vec_done(&r->nodes);
	vec_done(&r->paths);
	vec_done(&r->idle);
	vec_done(&r->unused);
	vec_done(&r->syscalls);
	vec_done(&r->syscall_paths);
	vec_done(&r->syscall_samples);
}

static void done_plugins(struct report *r)
{
	vec_foreach (p, &r->plugins) {
		if (p->stats)
			call_stats_done(p->stats);
		free(p->stats);
	}
	vec_done(&r->plugins);
	vec_done(&r->plugin_events);
	vec_done(&r->activities);
}

void report_free(struct report *r)
{
	if (!r)
		return;
	done_stacks(r);
	done_calls(r);
	vec_done(&r->targets);
	vec_done(&r->cpu_samples);
	vec_done(&r->cuts);
	vec_done(&r->offcpu_samples);
	done_plugins(r);
	vec_done(&r->events);
	vec_done(&r->missing);
	vec_done(&r->skipped);
	vec_done(&r->notes);
	vec_done(&r->overhead.detached);
	vec_done(&r->overhead.breaker);
	strpool_done(&r->strings);
	free(r);
}

const char *report_str(struct report *r, const char *s)
{
	return strpool_add(&r->strings, s);
}

uint32_t report_add_object(struct report *r, const char *path, const char *build_id)
{
	struct object o = { .path = report_str(r, path ? path : ""),
			    .build_id = report_str(r, build_id) };
	const char *key[2] = { o.path, o.build_id };
	uint32_t i;

	if (!o.path || (build_id && !o.build_id))
		return REPORT_NONE;
	i = table_find(&r->object_index, key, sizeof(key));
	if (i != TABLE_NONE)
		return i;
	o.name = report_str(r, path_last(o.path));
	if (!o.name || vec_push(&r->objects, o))
		return REPORT_NONE;
	i = (uint32_t)r->objects.n - 1;
	if (table_add(&r->object_index, key, sizeof(key), i)) {
		r->objects.n--;
		return REPORT_NONE;
	}
	return i;
}

/* What makes two frames the same; strings are interned, so that their addresses stand for them. */
struct frame_key {
	const char *name, *file;
	uint64_t offset;
	uint32_t kind, object, line, language;
};

uint32_t report_add_frame(struct report *r, const struct frame *f)
{
	struct frame copy = *f;
	struct frame_key key;
	uint32_t i;

	copy.name = report_str(r, f->name);
	copy.file = report_str(r, f->file);
	if ((f->name && !copy.name) || (f->file && !copy.file))
		return REPORT_NONE;
	key = (struct frame_key){ .name = copy.name,
				  .file = copy.file,
				  .offset = f->offset,
				  .kind = f->kind,
				  .object = f->object,
				  .line = f->line,
				  .language = f->language };
	i = table_find(&r->frame_index, &key, sizeof(key));
	if (i != TABLE_NONE)
		return i;
	if (vec_push(&r->frames, copy))
		return REPORT_NONE;
	i = (uint32_t)r->frames.n - 1;
	if (table_add(&r->frame_index, &key, sizeof(key), i)) {
		r->frames.n--;
		return REPORT_NONE;
	}
	return i;
}

uint32_t report_add_stack(struct report *r, const uint32_t *frames, uint32_t n)
{
	_cleanup_free_ uint32_t *copy = NULL;
	const void *key = n ? frames : (const void *)"";
	size_t size = n * sizeof(*frames);
	struct stack s = { .n = n };
	uint32_t i;

	i = table_find(&r->stack_index, key, size);
	if (i != TABLE_NONE)
		return i;
	copy = malloc(size ? size : 1);
	if (!copy || vec_reserve(&r->stacks, 1))
		return REPORT_NONE;
	if (size)
		memcpy(copy, frames, size);
	i = (uint32_t)r->stacks.n;
	if (table_add(&r->stack_index, key, size, i))
		return REPORT_NONE;
	for (uint32_t f = 0; f < n; f++)
		s.truncated = s.truncated || (frames[f] < r->frames.n &&
					      r->frames.v[frames[f]].kind == FRAME_TRUNCATED);
	s.frames = TAKE_PTR(copy);
	r->stacks.v[r->stacks.n++] = s;
	return i;
}

int error_counts_add(struct report *r, error_count_vec *v, const char *type, uint64_t count)
{
	const char *name = report_str(r, type);

	if (!name)
		return -ENOMEM;
	vec_foreach (e, v) {
		if (e->type == name) {
			e->count += count;
			return 0;
		}
	}
	return vec_push(v, (struct error_count){ .type = name, .count = count });
}
