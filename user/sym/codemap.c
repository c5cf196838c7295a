/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of code that was compiled at run time. Each page of memory has a list of what lies in it,
 * the newest first; few things are larger than many pages, and these have a list of their own.
 */
#include "sym/codemap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/vec.h"

/* Bounds on what a target can make us hold and search. */
#define ENTRIES_MAX 1000000
#define REFS_MAX    4000000
#define LINES_MAX   4000000
#define NAMES_MAX   (128U << 20)
#define SEARCH_MAX  4096 /* functions at one place that are looked at, the newest */

#define PAGE_SHIFT 12
#define LARGE      256 /* pages */
#define NONE       UINT32_MAX

struct entry {
	uint64_t start, size, time_ns;
	uint32_t name; /* offset in the strings */
	uint32_t line, lines;
};

struct line {
	uint32_t offset, line, file; /* file: as a name; 0: none */
};

/* A link of a page's list. */
struct ref {
	uint32_t entry, next;
};

struct page {
	uint64_t number; /* + 1; 0: an empty slot */
	uint32_t newest;
};

struct codemap {
	VEC(struct entry) entries;
	VEC(struct ref) refs;
	VEC(struct line) lines;
	struct page *pages; /* open addressing; a power of two */
	size_t pages_n, pages_cap;
	uint32_t large; /* list of what is large */
	struct buf strings;
	uint32_t last_file; /* the same again and again */
	uint64_t left_out;
};

int codemap_new(struct codemap **ret)
{
	struct codemap *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->large = NONE;
	buf_add(&m->strings, "", 1); /* offset 0 means none */
	if (m->strings.err) {
		codemap_free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

void codemap_free(struct codemap *m)
{
	if (!m)
		return;
	vec_done(&m->entries);
	vec_done(&m->refs);
	vec_done(&m->lines);
	free(m->pages);
	buf_done(&m->strings);
	free(m);
}

uint64_t codemap_left_out(const struct codemap *m)
{
	return m->left_out;
}

static size_t slot_of(const struct page *pages, size_t cap, uint64_t number)
{
	size_t i = (size_t)((number * 0x9e3779b97f4a7c15ULL) >> 20) & (cap - 1);

	while (pages[i].number && pages[i].number != number + 1)
		i = (i + 1) & (cap - 1);
	return i;
}

static int grow_pages(struct codemap *m)
{
	size_t cap = m->pages_cap ? 2 * m->pages_cap : 1024;
	struct page *pages;

	if (3 * (m->pages_n + 1) < 2 * m->pages_cap)
		return 0;
	pages = calloc(cap, sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	for (size_t i = 0; i < m->pages_cap; i++) {
		if (m->pages[i].number)
			pages[slot_of(pages, cap, m->pages[i].number - 1)] = m->pages[i];
	}
	free(m->pages);
	m->pages = pages;
	m->pages_cap = cap;
	return 0;
}

/* Puts an entry at the head of a list. */
static int link_entry(struct codemap *m, uint32_t entry, uint32_t *list)
{
	int err = vec_push(&m->refs, (struct ref){ entry, *list });

	if (!err)
		*list = (uint32_t)m->refs.n - 1;
	return err;
}

static int link_page(struct codemap *m, uint32_t entry, uint64_t number)
{
	int err = grow_pages(m);
	struct page *p;

	if (err)
		return err;
	p = &m->pages[slot_of(m->pages, m->pages_cap, number)];
	if (!p->number) {
		*p = (struct page){ number + 1, NONE };
		m->pages_n++;
	}
	return link_entry(m, entry, &p->newest);
}

/* Files an entry under all of its pages. Its end lies within memory. */
static int link_all(struct codemap *m, const struct entry *e)
{
	uint64_t first = e->start >> PAGE_SHIFT, last = (e->start + e->size - 1) >> PAGE_SHIFT;
	int err;

	if (m->entries.n >= ENTRIES_MAX || m->refs.n + LARGE > REFS_MAX) {
		m->left_out++;
		return 0;
	}
	err = vec_push(&m->entries, *e);
	if (!err && last - first >= LARGE)
		return link_entry(m, (uint32_t)m->entries.n - 1, &m->large);
	for (uint64_t i = first; !err && i <= last; i++)
		err = link_page(m, (uint32_t)m->entries.n - 1, i);
	return err;
}

static uint32_t add_string(struct codemap *m, const char *s)
{
	uint32_t at = (uint32_t)m->strings.len;

	buf_add(&m->strings, s, strlen(s) + 1);
	return at;
}

static uint32_t add_file(struct codemap *m, const char *file)
{
	if (!m->last_file || strcmp(m->strings.data + m->last_file, file) != 0)
		m->last_file = add_string(m, file);
	return m->last_file;
}

static int add_lines(struct codemap *m, const struct code_entry *e, struct entry *to)
{
	uint32_t file = 0;
	int err = 0;

	to->line = (uint32_t)m->lines.n;
	for (size_t i = 0; i < e->lines_n && !err && m->lines.n < LINES_MAX; i++) {
		const struct code_line *l = &e->lines[i];

		if (l->file)
			file = add_file(m, l->file);
		err = vec_push(&m->lines, (struct line){ l->offset, l->line, file });
		to->lines += !err;
	}
	return err;
}

int codemap_add(struct codemap *m, const struct code_entry *e)
{
	struct entry to = { .start = e->start, .size = e->size, .time_ns = e->time_ns };
	uint64_t end;
	int err;

	if (!e->size || __builtin_add_overflow(e->start, e->size, &end))
		return 0;
	if (m->strings.len > NAMES_MAX || m->entries.n >= ENTRIES_MAX) {
		m->left_out++;
		return 0;
	}
	to.name = add_string(m, e->name);
	err = add_lines(m, e, &to);
	if (m->strings.err)
		return m->strings.err;
	return err ? err : link_all(m, &to);
}

/* The newest of a list that covers an address and suits; NULL: none. */
static const struct entry *search(const struct codemap *m, uint32_t list, uint64_t addr,
				  uint64_t time_ns)
{
	const struct entry *first = NULL;

	for (uint32_t n = 0; list != NONE && n < SEARCH_MAX; n++, list = m->refs.v[list].next) {
		const struct entry *e = &m->entries.v[m->refs.v[list].entry];

		if (addr - e->start >= e->size)
			continue;
		if (e->time_ns <= time_ns)
			return e;
		first = e;
	}
	return first;
}

/* The better one for a time, of two of which either may be NULL. */
static const struct entry *better(const struct entry *a, const struct entry *b, uint64_t time_ns)
{
	bool a_was, b_was;

	if (!a || !b)
		return a ? a : b;
	a_was = a->time_ns <= time_ns;
	b_was = b->time_ns <= time_ns;
	if (a_was != b_was)
		return a_was ? a : b;
	return (a > b) == a_was ? a : b; /* the later one of two that were, else the earlier */
}

static const struct entry *find(const struct codemap *m, uint64_t addr, uint64_t time_ns)
{
	const struct page *p =
	    m->pages_cap ? &m->pages[slot_of(m->pages, m->pages_cap, addr >> PAGE_SHIFT)] : NULL;
	const struct entry *small = p && p->number ? search(m, p->newest, addr, time_ns) : NULL;

	return better(small, search(m, m->large, addr, time_ns), time_ns);
}

int codemap_move(struct codemap *m, uint64_t from, uint64_t to, uint64_t time_ns)
{
	const struct entry *e = find(m, from, UINT64_MAX);
	struct entry moved;
	uint64_t end;

	if (!e || e->start != from || __builtin_add_overflow(to, e->size, &end))
		return 0;
	moved = *e;
	moved.start = to;
	moved.time_ns = time_ns;
	return link_all(m, &moved);
}

bool codemap_find(const struct codemap *m, uint64_t addr, uint64_t time_ns, struct code_place *ret)
{
	const struct entry *e = find(m, addr, time_ns);
	struct code_place place = {};

	if (!e)
		return false;
	place.name = m->strings.data + e->name;
	for (uint32_t i = 0; i < e->lines; i++) {
		const struct line *l = &m->lines.v[e->line + i];

		if (l->offset > addr - e->start)
			break;
		place.line = l->line;
		place.file = l->file ? m->strings.data + l->file : NULL;
	}
	*ret = place;
	return true;
}
