/* SPDX-License-Identifier: GPL-2.0-only */
/* Source lines by the CPU samples under them. */
#include "view/hot_lines.h"

#include <string.h>

#include "lib/cleanup.h"
#include "lib/table.h"

/* The place of a frame's line, entered when new; TABLE_NONE: out of memory. */
static uint32_t find(struct table *index, hot_line_vec *lines, const struct report *r,
		     uint32_t frame)
{
	const struct frame *f = &r->frames.v[frame];
	struct {
		const char *name, *file;
		uint64_t line;
	} key = { f->name, f->file, f->line };
	uint32_t i = table_find(index, &key, sizeof(key));

	if (i != TABLE_NONE)
		return i;
	i = (uint32_t)lines->n;
	if (vec_push(lines,
		     (struct hot_line){
			 .name = f->name, .file = f->file, .line = f->line, .frame = frame }) ||
	    table_add(index, &key, sizeof(key), i))
		return TABLE_NONE;
	return i;
}

static int by_self(const void *a, const void *b)
{
	const struct hot_line *x = a, *y = b;

	if (x->self != y->self)
		return x->self > y->self ? -1 : 1;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return strcmp(x->file, y->file);
}

int hot_lines(const struct report *r, hot_line_vec *ret)
{
	_cleanup_(table_done) struct table index = {};

	for (size_t n = 0; n < r->cpu_samples.n; n++) {
		const struct cpu_sample *sample = &r->cpu_samples.v[n];
		const struct stack *stack = &r->stacks.v[sample->stack];

		for (uint32_t i = 0; i < stack->n; i++) {
			const struct frame *f = &r->frames.v[stack->frames[i]];
			struct hot_line *h;
			uint32_t at;

			if (!f->name || !f->file || !f->line)
				continue;
			at = find(&index, ret, r, stack->frames[i]);
			if (at == TABLE_NONE)
				return -ENOMEM;
			h = &ret->v[at];
			if (h->last_sample != n + 1)
				h->total += sample->count;
			h->last_sample = n + 1;
			if (i + 1 == stack->n)
				h->self += sample->count;
		}
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_self);
	return 0;
}
