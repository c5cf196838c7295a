/* SPDX-License-Identifier: GPL-2.0-only */
/* Which stretches of a numbered space are free. */
#include "lib/extents.h"

#include <errno.h>
#include <string.h>

void extents_done(struct extents *e)
{
	vec_done(&e->free);
}

static void drop(struct extents *e, size_t i)
{
	e->free.n--;
	memmove(e->free.v + i, e->free.v + i + 1, (e->free.n - i) * sizeof(*e->free.v));
}

int extents_give(struct extents *e, uint32_t first, uint32_t n)
{
	size_t i = 0;
	struct extent *before, *behind;

	if (!n)
		return 0;
	while (i < e->free.n && e->free.v[i].first < first)
		i++;
	before = i ? &e->free.v[i - 1] : NULL;
	behind = i < e->free.n ? &e->free.v[i] : NULL;
	if (before && before->first + before->n == first) {
		before->n += n;
		if (behind && first + n == behind->first) {
			before->n += behind->n;
			drop(e, i);
		}
		return 0;
	}
	if (behind && first + n == behind->first) {
		behind->first = first;
		behind->n += n;
		return 0;
	}
	if (vec_reserve(&e->free, 1))
		return -ENOMEM;
	memmove(e->free.v + i + 1, e->free.v + i, (e->free.n - i) * sizeof(*e->free.v));
	e->free.v[i] = (struct extent){ first, n };
	e->free.n++;
	return 0;
}

static uint32_t cut(struct extents *e, size_t i, uint32_t n)
{
	uint32_t first = e->free.v[i].first;

	e->free.v[i].first += n;
	e->free.v[i].n -= n;
	if (!e->free.v[i].n)
		drop(e, i);
	return first;
}

int extents_take(struct extents *e, uint32_t n, uint32_t *ret)
{
	for (size_t i = 0; i < e->free.n; i++) {
		if (e->free.v[i].n < n)
			continue;
		*ret = cut(e, i, n);
		return 0;
	}
	return -ENOSPC;
}

uint32_t extents_take_some(struct extents *e, uint32_t n, uint32_t *ret)
{
	if (!e->free.n)
		return 0;
	if (n > e->free.v[0].n)
		n = e->free.v[0].n;
	*ret = cut(e, 0, n);
	return n;
}

uint64_t extents_free(const struct extents *e)
{
	uint64_t n = 0;

	vec_foreach (f, &e->free)
		n += f->n;
	return n;
}
