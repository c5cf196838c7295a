/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Merging stacks by text. A stack's key is made of the interned texts of its frames, so that
 * memory grows with the frames and not with the length of the names in every line.
 */
#include "view/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fold_init(struct fold *f, const struct report *r)
{
	*f = (struct fold){ .r = r };
	f->frames = calloc(r->frames.n + 1, sizeof(*f->frames));
	f->comms = calloc(r->targets.n + 1, sizeof(*f->comms));
	if (!f->frames || !f->comms) {
		fold_done(f);
		return -ENOMEM;
	}
	return 0;
}

void fold_done(struct fold *f)
{
	strpool_done(&f->texts);
	free(f->frames);
	free(f->comms);
	table_done(&f->index);
	buf_done(&f->scratch);
	buf_done(&f->key);
	vec_done(&f->errors);
	vec_done(&f->lines);
	*f = (struct fold){};
}

/* Fills a slot of the text arrays; the last slot of each stands for everything out of range. */
static const char *intern(struct fold *f, const char **slot, uint32_t i,
			  void (*format)(struct buf *, const struct report *, uint32_t))
{
	if (*slot)
		return *slot;
	buf_clear(&f->scratch);
	format(&f->scratch, f->r, i);
	if (!f->scratch.err)
		*slot = strpool_add(&f->texts, buf_str(&f->scratch));
	return *slot;
}

static size_t frame_slot(const struct fold *f, const struct fold_line *line, uint32_t i)
{
	const struct report *r = f->r;
	uint32_t frame = REPORT_NONE;

	if (line->stack < r->stacks.n && i + line->skip < r->stacks.v[line->stack].n)
		frame = r->stacks.v[line->stack].frames[i + line->skip];
	return frame < r->frames.n ? frame : r->frames.n;
}

static size_t comm_slot(const struct fold *f, const struct fold_line *line)
{
	return line->target < f->r->targets.n ? line->target : f->r->targets.n;
}

uint32_t fold_depth(const struct fold *f, const struct fold_line *line)
{
	uint32_t n = line->stack < f->r->stacks.n ? f->r->stacks.v[line->stack].n : 0;

	return 1 + (n > line->skip ? n - line->skip : 1);
}

const char *fold_frame(const struct fold *f, const struct fold_line *line, uint32_t i)
{
	return i ? f->frames[frame_slot(f, line, i - 1)] : f->comms[comm_slot(f, line)];
}

/* The texts' addresses and the tag into f->key. */
static int make_key(struct fold *f, const struct fold_line *line)
{
	uint32_t depth = fold_depth(f, line);
	size_t slot = comm_slot(f, line);
	const char *text = intern(f, &f->comms[slot], (uint32_t)slot, comm_format);

	buf_clear(&f->key);
	buf_add(&f->key, &line->tag, sizeof(line->tag));
	buf_add(&f->key, &text, sizeof(text));
	for (uint32_t i = 1; text && i < depth; i++) {
		slot = frame_slot(f, line, i - 1);
		text = intern(f, &f->frames[slot], (uint32_t)slot, frame_format);
		buf_add(&f->key, &text, sizeof(text));
	}
	return text ? f->key.err : -ENOMEM;
}

int fold_add(struct fold *f, const struct fold_line *sample)
{
	struct fold_line *line;
	uint32_t i;
	int err = make_key(f, sample);

	if (err)
		return err;
	i = table_find(&f->index, f->key.data, f->key.len);
	if (i == TABLE_NONE) {
		err = table_add(&f->index, f->key.data, f->key.len, (uint32_t)f->lines.n);
		return err ? err : vec_push(&f->lines, *sample);
	}
	line = &f->lines.v[i];
	line->value += sample->value;
	line->count += sample->count;
	if (sample->max > line->max)
		line->max = sample->max;
	return 0;
}

int fold_cpu(struct fold *f)
{
	int err = 0;

	vec_foreach (s, &f->r->cpu_samples) {
		err = fold_add(f, &(struct fold_line){ .target = s->target,
						       .stack = s->stack,
						       .value = s->count,
						       .count = s->count });
		if (err)
			break;
	}
	return err;
}

int fold_offcpu(struct fold *f, enum fold_offcpu what)
{
	int err = 0;

	vec_foreach (s, &f->r->offcpu_samples) {
		if (what == FOLD_PREEMPTED && s->why != OFFCPU_PREEMPTED)
			continue;
		err = fold_add(f, &(struct fold_line){ .target = s->target,
						       .stack = s->stack,
						       .tag = what == FOLD_SPLIT ? s->why : 0,
						       .value = s->total_ns,
						       .count = s->count,
						       .max = s->max_ns });
		if (err)
			break;
	}
	return err;
}

/* The first frame of a stack that lies in an object; the number of its frames when none does. */
static uint32_t first_within(const struct report *r, const struct stack *s, uint32_t object)
{
	uint32_t i = 0;

	while (i < s->n &&
	       (s->frames[i] >= r->frames.n || r->frames.v[s->frames[i]].object != object))
		i++;
	return i;
}

/* Adds a sample if its stack goes through the object. */
static int add_within(struct fold *f, struct fold_line *sample, uint32_t object)
{
	const struct stack *s;

	if (sample->stack >= f->r->stacks.n)
		return 0;
	s = &f->r->stacks.v[sample->stack];
	sample->skip = first_within(f->r, s, object);
	return sample->skip < s->n ? fold_add(f, sample) : 0;
}

int fold_object(struct fold *f, uint32_t object, bool offcpu)
{
	int err = 0;

	if (object >= f->r->objects.n)
		return 0;
	for (size_t i = 0; !offcpu && !err && i < f->r->cpu_samples.n; i++) {
		const struct cpu_sample *s = &f->r->cpu_samples.v[i];
		struct fold_line line = {
			.target = s->target, .stack = s->stack, .value = s->count, .count = s->count
		};

		err = add_within(f, &line, object);
	}
	for (size_t i = 0; offcpu && !err && i < f->r->offcpu_samples.n; i++) {
		const struct offcpu_sample *s = &f->r->offcpu_samples.v[i];
		struct fold_line line = { .target = s->target,
					  .stack = s->stack,
					  .value = s->total_ns,
					  .count = s->count,
					  .max = s->max_ns };

		err = add_within(f, &line, object);
	}
	return err;
}

/* The index of an error name (or NULL) in f->errors, entered when new; or a negative errno. */
static int64_t error_index(struct fold *f, const char *error)
{
	size_t i;

	for (i = 0; i < f->errors.n; i++) {
		const char *known = f->errors.v[i];

		if (known == error || (known && error && !strcmp(known, error)))
			return (int64_t)i;
	}
	return vec_push(&f->errors, error) ? -ENOMEM : (int64_t)i;
}

int fold_syscalls(struct fold *f)
{
	int err = 0;

	vec_foreach (s, &f->r->syscall_samples) {
		int64_t error = error_index(f, s->error);

		if (error < 0)
			return (int)error;
		err = fold_add(
		    f, &(struct fold_line){ .target = s->target,
					    .stack = s->stack,
					    .tag = (uint64_t)s->syscall << 32 | (uint32_t)error,
					    .value = s->count,
					    .count = s->count });
		if (err)
			break;
	}
	return err;
}

uint32_t fold_syscall(const struct fold_line *line)
{
	return (uint32_t)(line->tag >> 32);
}

const char *fold_error(const struct fold *f, const struct fold_line *line)
{
	return f->errors.v[(uint32_t)line->tag];
}

/* Two different texts of the same place in a line, each followed by ';' or the line's end. */
static int compare_frames(const char *a, bool a_last, const char *b, bool b_last)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	int diff = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (diff)
		return diff;
	if (a_len < b_len)
		return (a_last ? '\0' : ';') - (int)(unsigned char)b[a_len];
	return (int)(unsigned char)a[b_len] - (b_last ? '\0' : ';');
}

static int by_text(const void *a, const void *b, void *arg)
{
	const struct fold_line *x = a, *y = b;
	const struct fold *f = arg;
	uint32_t x_depth = fold_depth(f, x), y_depth = fold_depth(f, y);

	for (uint32_t i = 0; i < x_depth && i < y_depth; i++) {
		const char *s = fold_frame(f, x, i), *t = fold_frame(f, y, i);

		if (s != t)
			return compare_frames(s, i + 1 == x_depth, t, i + 1 == y_depth);
	}
	if (x_depth != y_depth)
		return x_depth < y_depth ? -1 : 1;
	return x->tag < y->tag ? -1 : x->tag > y->tag;
}

static int by_value(const void *a, const void *b, void *arg)
{
	const struct fold_line *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return by_text(a, b, arg);
}

static int by_tag(const void *a, const void *b, void *arg)
{
	const struct fold_line *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return by_value(a, b, arg);
}

static void sort(struct fold *f, int (*compare)(const void *, const void *, void *))
{
	/* Its values were places of lines, which move now. */
	table_done(&f->index);
	if (f->lines.n)
		qsort_r(f->lines.v, f->lines.n, sizeof(*f->lines.v), compare, f);
}

void fold_sort_by_text(struct fold *f)
{
	sort(f, by_text);
}

void fold_sort_by_value(struct fold *f)
{
	sort(f, by_value);
}

void fold_sort_by_tag(struct fold *f)
{
	sort(f, by_tag);
}

void fold_format(struct buf *b, const struct fold *f, const struct fold_line *line)
{
	uint32_t depth = fold_depth(f, line);

	for (uint32_t i = 0; i < depth; i++) {
		if (i)
			buf_add_char(b, ';');
		buf_add_str(b, fold_frame(f, line, i));
	}
}

void fold_format_within(struct buf *b, const struct fold *f, const struct fold_line *line,
			const char *within)
{
	uint32_t depth = fold_depth(f, line);

	buf_add_str(b, fold_frame(f, line, 0));
	buf_add_char(b, ';');
	name_format(b, within);
	for (uint32_t i = 1; i < depth; i++) {
		buf_add_char(b, ';');
		buf_add_str(b, fold_frame(f, line, i));
	}
}
