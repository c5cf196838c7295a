/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions by the samples under them. */
#include "view/hot.h"

#include <string.h>

#include "lib/cleanup.h"
#include "lib/table.h"
#include "view/fold.h"

/* The place of a function, entered when new; texts are interned, so that the address is the key. */
static uint32_t find(struct table *index, hot_vec *functions, const char *name)
{
	uint32_t i = table_find(index, &name, sizeof(name));

	if (i != TABLE_NONE)
		return i;
	i = (uint32_t)functions->n;
	if (table_add(index, &name, sizeof(name), i) ||
	    vec_push(functions, (struct hot_function){ .name = name }))
		return TABLE_NONE;
	return i;
}

static int by_self(const void *a, const void *b)
{
	const struct hot_function *x = a, *y = b;

	if (x->self != y->self)
		return x->self > y->self ? -1 : 1;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	return strcmp(x->name, y->name);
}

int hot_functions(const struct fold *f, hot_vec *ret)
{
	_cleanup_(table_done) struct table index = {};

	for (size_t n = 0; n < f->lines.n; n++) {
		const struct fold_line *line = &f->lines.v[n];
		uint32_t depth = fold_depth(f, line);

		for (uint32_t d = 1; d < depth; d++) {
			const char *name = fold_frame(f, line, d);
			struct hot_function *h;
			uint32_t i;

			if (!strcmp(name, "[truncated]"))
				continue;
			i = find(&index, ret, name);
			if (i == TABLE_NONE)
				return -ENOMEM;
			h = &ret->v[i];
			if (h->last_line != n + 1)
				h->total += line->value;
			h->last_line = n + 1;
			if (d + 1 == depth)
				h->self += line->value;
		}
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_self);
	return 0;
}
