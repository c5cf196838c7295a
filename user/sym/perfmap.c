/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbols of JIT-compiled code. A compiler that reuses memory writes entries that overlap older
 * ones; they are cut into ranges without overlap when read, so that look-ups are a plain search.
 */
#include "sym/perfmap.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/vec.h"

/* Bounds on what a target can make us read and hold. */
#define LINE_BYTES_MAX 4096 /* names are cut there */
#define ENTRIES_MAX    2000000
#define NAMES_MAX      (256u << 20)
#define FILE_MAX       (1ull << 30)

struct entry {
	uint64_t start, end;
	uint32_t name; /* offset into the arena; later lines have greater ones */
};

/* From start to the next range's start. */
struct range {
	uint64_t start;
	uint32_t name; /* 0: no code */
};

typedef VEC(struct entry) entry_vec;

struct perfmap {
	VEC(struct range) ranges;
	struct buf arena;
};

/* Entries that cover the place under the sweep: a heap, the latest line on top. */
struct active {
	const entry_vec *entries;
	VEC(uint32_t) heap; /* indices */
};

void perfmap_free(struct perfmap *m)
{
	if (!m)
		return;
	vec_done(&m->ranges);
	buf_done(&m->arena);
	free(m);
}

DEFINE_CLEANUP(struct perfmap *, perfmap_free)

static void entries_done(entry_vec *entries)
{
	vec_done(entries);
}

static void active_done(struct active *a)
{
	vec_done(&a->heap);
}

static bool is_later(const struct active *a, size_t i, size_t k)
{
	return a->entries->v[a->heap.v[i]].name > a->entries->v[a->heap.v[k]].name;
}

static void swap(struct active *a, size_t i, size_t k)
{
	uint32_t x = a->heap.v[i];

	a->heap.v[i] = a->heap.v[k];
	a->heap.v[k] = x;
}

static int active_add(struct active *a, uint32_t entry)
{
	size_t i = a->heap.n;
	int err = vec_push(&a->heap, entry);

	for (; !err && i && is_later(a, i, (i - 1) / 2); i = (i - 1) / 2)
		swap(a, i, (i - 1) / 2);
	return err;
}

static void active_drop_top(struct active *a)
{
	size_t i = 0, child;

	a->heap.v[0] = a->heap.v[--a->heap.n];
	while ((child = 2 * i + 1) < a->heap.n) {
		if (child + 1 < a->heap.n && is_later(a, child + 1, child))
			child++;
		if (!is_later(a, child, i))
			return;
		swap(a, i, child);
		i = child;
	}
}

/* The latest entry that still covers addr, or NULL. */
static const struct entry *active_at(struct active *a, uint64_t addr)
{
	while (a->heap.n && a->entries->v[a->heap.v[0]].end <= addr)
		active_drop_top(a);
	return a->heap.n ? &a->entries->v[a->heap.v[0]] : NULL;
}

static int by_start(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->name < b->name ? -1 : a->name > b->name;
}

/* "START SIZE NAME"; the name is kept. */
static int add_line(entry_vec *entries, struct buf *arena, const char *line)
{
	struct entry e = { .name = (uint32_t)arena->len };
	uint64_t size;
	char *end;

	if (!isxdigit((unsigned char)*line))
		return 0;
	e.start = strtoull(line, &end, 16);
	if (*end != ' ' || !isxdigit((unsigned char)end[1]))
		return 0;
	size = strtoull(end + 1, &end, 16);
	if (*end != ' ' || !end[1] || !size || __builtin_add_overflow(e.start, size, &e.end))
		return 0;
	if (entries->n >= ENTRIES_MAX || arena->len > NAMES_MAX)
		return 0;
	buf_add(arena, end + 1, strlen(end + 1) + 1);
	return arena->err ? arena->err : vec_push(entries, e);
}

/* Reads a line without its end, cut to the buffer; *total counts all its bytes. */
static bool read_line(FILE *f, char *line, size_t size, uint64_t *total)
{
	size_t len = 0;
	int c = getc_unlocked(f);

	if (c == EOF)
		return false;
	for (; c != EOF && c != '\n'; c = getc_unlocked(f)) {
		if (++*total > FILE_MAX)
			return false;
		if (len < size - 1)
			line[len++] = (char)c;
	}
	++*total;
	line[len] = '\0';
	return true;
}

static int read_entries(FILE *f, entry_vec *entries, struct buf *arena)
{
	char line[LINE_BYTES_MAX];
	uint64_t total = 0;
	int err = 0;

	buf_add(arena, "", 1); /* offset 0 means none */
	while (!err && read_line(f, line, sizeof(line), &total))
		err = add_line(entries, arena, line);
	if (!err && ferror(f))
		err = -EIO;
	return err ? err : arena->err;
}

static int add_range(struct perfmap *m, uint64_t start, uint32_t name)
{
	struct range *last = m->ranges.n ? &m->ranges.v[m->ranges.n - 1] : NULL;

	if (last && last->start == start) {
		last->name = name;
		return 0;
	}
	if (last ? last->name == name : !name)
		return 0;
	/* clang 14 does not see that a vector with room has memory. */
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	return vec_push(&m->ranges, (struct range){ start, name });
}

/* Adds the ranges from `at` up to `end`, with the entries that are active there. */
static int sweep(struct perfmap *m, struct active *a, uint64_t at, uint64_t end)
{
	int err = 0;

	while (!err && at < end) {
		const struct entry *e = active_at(a, at);

		err = add_range(m, at, e ? e->name : 0);
		if (!e)
			break;
		at = e->end;
	}
	return err;
}

static int make_ranges(struct perfmap *m, entry_vec *entries)
{
	_cleanup_(active_done) struct active a = { .entries = entries };
	int err = 0;

	if (entries->n)
		qsort(entries->v, entries->n, sizeof(*entries->v), by_start);
	for (size_t i = 0; i < entries->n && !err; i++) {
		uint64_t start = entries->v[i].start;

		err = active_add(&a, (uint32_t)i);
		if (!err)
			err = sweep(m, &a, start,
				    i + 1 < entries->n ? entries->v[i + 1].start : UINT64_MAX);
	}
	return err;
}

int perfmap_read(FILE *f, struct perfmap **ret)
{
	_cleanup_(perfmap_freep) struct perfmap *m = calloc(1, sizeof(*m));
	_cleanup_(entries_done) entry_vec entries = {};
	int err;

	if (!m)
		return -ENOMEM;
	err = read_entries(f, &entries, &m->arena);
	if (!err)
		err = make_ranges(m, &entries);
	if (err)
		return err;
	*ret = TAKE_PTR(m);
	return 0;
}

const char *perfmap_find(const struct perfmap *m, uint64_t addr)
{
	size_t low = 0, high = m->ranges.n;

	while (low < high) { /* the first range above addr */
		size_t mid = low + (high - low) / 2;

		if (m->ranges.v[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low && m->ranges.v[low - 1].name ? m->arena.data + m->ranges.v[low - 1].name : NULL;
}
