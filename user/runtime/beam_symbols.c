/* SPDX-License-Identifier: GPL-2.0-only */
/* Names and lines of code that the BEAM compiled. */
#include "runtime/beam_symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/vec.h"

/* Bounds on what a target can make us read and hold. */
#define ENTRIES_MAX 16384
#define MODULE_MAX  (8U << 20)  /* bytes; the largest of Debian's has 0.6 MB */
#define TOTAL_MAX   (64U << 20) /* bytes, of all modules */
#define LINES_MAX   16384       /* of a function, that are searched */

#define VERSION       1 /* of the interface with debuggers */
#define TYPE_MODULE   1
#define MODULE_HEADER 32
#define MODULE_NAME   26
#define RANGE_HEADER  16
#define RANGE_NAME    14
#define LINE_HEADER   12
#define LINE_FILE     10

#define SHARED_NAME "global"
#define PROLOGUE    "-CodeInfoPrologue"

struct descriptor {
	uint32_t version, action;
	uint64_t relevant, first;
};

struct entry {
	uint64_t next, previous, symfile, size;
};

/* The same as long as the module is. */
struct identity {
	uint64_t symfile, size;
	uint8_t header[MODULE_NAME];
	uint8_t zero[6];
};

struct range {
	uint32_t start, end; /* from the module's base */
	uint32_t name;       /* offset in the symfile */
	uint32_t line;       /* offset of the first */
	uint32_t lines;
};

struct module {
	struct identity identity;
	uint64_t base, size;
	char *symfile; /* owned */
	VEC(struct range) ranges;
	uint32_t order; /* its place in the list: new ones come first */
	bool shared, seen;
};

struct beam_symbols {
	struct beam_memory memory;
	uint64_t descriptor;
	struct entry head; /* when it was read */
	uint64_t head_addr;
	struct identity head_identity;
	VEC(struct module) modules; /* by base, the newest first */
	size_t bytes;
};

static uint32_t get32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint16_t get16(const char *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void module_done(struct module *m)
{
	vec_done(&m->ranges);
	free(m->symfile);
	*m = (struct module){};
}

int beam_symbols_new(const struct beam_memory *memory, uint64_t descriptor,
		     struct beam_symbols **ret)
{
	struct beam_symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->memory = *memory;
	s->descriptor = descriptor;
	*ret = s;
	return 0;
}

void beam_symbols_free(struct beam_symbols *s)
{
	if (!s)
		return;
	vec_foreach (m, &s->modules)
		module_done(m);
	vec_done(&s->modules);
	free(s);
}

static int fetch(const struct beam_symbols *s, uint64_t addr, void *ret, size_t size)
{
	return s->memory.read(s->memory.arg, addr, ret, size);
}

/* A string with its NUL that ends within the symfile; where it ends, or 0. */
static size_t string_end(const char *symfile, size_t size, size_t at, uint16_t len)
{
	if (!len || at > size || len > size - at || symfile[at + len - 1])
		return 0;
	return at + len;
}

/* Skips the lines of a range: where they end, or 0. */
static size_t skip_lines(const char *symfile, size_t size, size_t at, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		size_t end;

		if (at > size || size - at < LINE_HEADER)
			return 0;
		end = string_end(symfile, size, at + LINE_FILE, get16(symfile + at + 8));
		if (!end)
			return 0;
		at = end + LINE_HEADER - LINE_FILE;
	}
	return at;
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* The ranges of a module whose symfile is there. 0, -EPROTO or -ENOMEM. */
static int parse_ranges(struct module *m, size_t size)
{
	const char *p = m->symfile;
	uint32_t n = get32(p + 16);
	size_t at = string_end(p, size, MODULE_NAME, get16(p + 24));

	if (!at)
		return -EPROTO;
	m->shared = !strcmp(p + MODULE_NAME, SHARED_NAME);
	at += MODULE_HEADER - MODULE_NAME;
	for (uint32_t i = 0; i < n; i++) {
		struct range r = {};
		size_t end;

		if (at > size || size - at < RANGE_HEADER)
			return -EPROTO;
		r.start = get32(p + at);
		r.end = get32(p + at + 4);
		r.lines = get32(p + at + 8);
		r.name = (uint32_t)(at + RANGE_NAME);
		end = string_end(p, size, r.name, get16(p + at + 12));
		if (!end || r.end > m->size)
			return -EPROTO;
		r.line = (uint32_t)(end + RANGE_HEADER - RANGE_NAME);
		at = skip_lines(p, size, r.line, r.lines);
		if (!at)
			return -EPROTO;
		if (vec_push(&m->ranges, r))
			return -ENOMEM;
	}
	if (m->ranges.n)
		qsort(m->ranges.v, m->ranges.n, sizeof(*m->ranges.v), by_start);
	return 0;
}

/* A known module, or NULL. They are sorted, but few have the same base. */
static struct module *find_known(struct beam_symbols *s, size_t n, const struct identity *id)
{
	uint64_t base;
	size_t low = 0, high = n;

	memcpy(&base, id->header + 8, sizeof(base));
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->modules.v[mid].base < base)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < n && s->modules.v[low].base == base; low++) {
		if (!memcmp(&s->modules.v[low].identity, id, sizeof(*id)))
			return &s->modules.v[low];
	}
	return NULL;
}

/* Reads the whole of a module and adds it. */
static int add_module(struct beam_symbols *s, const struct identity *id, uint32_t order)
{
	struct module m = { .identity = *id, .seen = true, .order = order };
	int err;

	if (id->size > MODULE_MAX || s->bytes + id->size > TOTAL_MAX)
		return 0;
	m.symfile = malloc(id->size);
	if (!m.symfile)
		return -ENOMEM;
	memcpy(&m.base, id->header + 8, sizeof(m.base));
	m.size = get32((const char *)id->header + 20);
	err = fetch(s, id->symfile, m.symfile, id->size);
	if (!err && memcmp(m.symfile, id->header, sizeof(id->header)) != 0)
		err = -EAGAIN;
	err = err ? err : parse_ranges(&m, id->size);
	err = err ? err : vec_push(&s->modules, m);
	if (err) {
		module_done(&m);
		return err == -ENOMEM ? err : 0; /* being freed, or hostile */
	}
	s->bytes += id->size;
	return 0;
}

/* What tells a module from others; false: it is none, or gone. */
static bool identify(const struct beam_symbols *s, const struct entry *e, struct identity *ret)
{
	struct identity id = { .symfile = e->symfile, .size = e->size };

	if (e->size < MODULE_HEADER || fetch(s, e->symfile, id.header, sizeof(id.header)) ||
	    get32((const char *)id.header) != TYPE_MODULE)
		return false;
	*ret = id;
	return true;
}

static int by_base(const void *a, const void *b)
{
	const struct module *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* Forgets modules that were not seen. */
static void drop_unseen(struct beam_symbols *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->modules.n; i++) {
		struct module *m = &s->modules.v[i];

		if (m->seen) {
			s->modules.v[kept++] = *m;
			continue;
		}
		s->bytes -= m->identity.size;
		module_done(m);
	}
	s->modules.n = kept;
}

static int read_head(const struct beam_symbols *s, uint64_t *ret)
{
	struct descriptor d;
	int err = fetch(s, s->descriptor, &d, sizeof(d));

	if (err)
		return err;
	if (d.version != VERSION)
		return -EPROTO;
	*ret = d.first;
	return d.first ? 0 : -EAGAIN;
}

bool beam_symbols_changed(const struct beam_symbols *s)
{
	struct identity id = {};
	struct entry e;
	uint64_t head;

	if (read_head(s, &head) || fetch(s, head, &e, sizeof(e)))
		return false;
	return head != s->head_addr || e.next != s->head.next ||
	       (identify(s, &e, &id) && memcmp(&id, &s->head_identity, sizeof(id)) != 0);
}

/* Follows the list; true: to its end. */
static int follow(struct beam_symbols *s, uint64_t at, bool *ret_whole)
{
	size_t known = s->modules.n;
	uint32_t i = 0;
	int err = 0;

	for (; at && i < ENTRIES_MAX && !err; i++) {
		struct identity id = {};
		struct module *m;
		struct entry e;

		if (fetch(s, at, &e, sizeof(e)))
			break;
		if (identify(s, &e, &id)) {
			m = find_known(s, known, &id);
			if (m) {
				m->seen = true;
				m->order = i;
			} else {
				err = add_module(s, &id, i);
			}
		}
		if (!i) {
			s->head_addr = at;
			s->head = e;
			s->head_identity = id;
		}
		at = e.next;
	}
	*ret_whole = !at;
	return err;
}

int beam_symbols_read(struct beam_symbols *s)
{
	bool whole = false;
	uint64_t head;
	int err = read_head(s, &head);

	if (err)
		return err;
	vec_foreach (m, &s->modules)
		m->seen = false;
	err = follow(s, head, &whole);
	if (whole && !err)
		drop_unseen(s);
	if (s->modules.n)
		qsort(s->modules.v, s->modules.n, sizeof(*s->modules.v), by_base);
	return err;
}

/* The last range that begins at or below it. */
static const struct range *range_at(const struct module *m, uint32_t offset)
{
	size_t low = 0, high = m->ranges.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->ranges.v[mid].start <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low && offset < m->ranges.v[low - 1].end ? &m->ranges.v[low - 1] : NULL;
}

/* The line at an offset; where the range has none before it, the file of its first. */
static void find_line(const struct module *m, const struct range *r, uint32_t offset,
		      struct beam_place *ret)
{
	uint32_t best = 0, n = r->lines < LINES_MAX ? r->lines : LINES_MAX;
	const char *p = m->symfile;
	size_t at = r->line;

	/* They were walked before: nothing lies outside. */
	for (uint32_t i = 0; i < n; i++) {
		uint32_t start = get32(p + at);

		if (start <= offset && start >= best) {
			best = start;
			ret->line = get32(p + at + 4);
			ret->file = p + at + LINE_FILE;
		} else if (!ret->file) {
			ret->file = p + at + LINE_FILE;
		}
		at += LINE_HEADER + get16(p + at + 8);
	}
	if (ret->file && !*ret->file)
		ret->file = NULL;
}

/*
 * What stands before a function's first instruction has a range of its own (OTP 25 and later),
 * named after it; it is entered there. The function's own range, or the same.
 */
static const struct range *function_of(const struct module *m, const struct range *r)
{
	const char *name = m->symfile + r->name, *own;
	size_t len = strlen(name), suffix = strlen(PROLOGUE);

	if (len <= suffix || strcmp(name + len - suffix, PROLOGUE) != 0 ||
	    r + 1 == m->ranges.v + m->ranges.n)
		return r;
	own = m->symfile + r[1].name;
	return strlen(own) == len - suffix && !strncmp(own, name, len - suffix) ? r + 1 : r;
}

static struct beam_place place_of(const struct module *m, const struct range *r)
{
	return (struct beam_place){ .name = m->symfile + r->name,
				    .shared = m->shared,
				    .start = m->base + r->start,
				    .end = m->base + r->end };
}

bool beam_symbols_find(const struct beam_symbols *s, uint64_t addr, struct beam_place *ret)
{
	size_t low = 0, high = s->modules.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->modules.v[mid].base <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	/* Of several at the same base the newest one is the first. */
	while (low > 1 && s->modules.v[low - 2].base == s->modules.v[low - 1].base)
		low--;
	if (low && addr - s->modules.v[low - 1].base < s->modules.v[low - 1].size) {
		const struct module *m = &s->modules.v[low - 1];
		uint32_t offset = (uint32_t)(addr - m->base);
		const struct range *r = range_at(m, offset);

		if (!r)
			return false;
		r = function_of(m, r);
		*ret = place_of(m, r);
		find_line(m, r, offset, ret);
		return true;
	}
	return false;
}

bool beam_symbols_shared(const struct beam_symbols *s, const char *name, struct beam_place *ret,
			 uint64_t *ret_start, uint64_t *ret_end)
{
	vec_foreach (m, &s->modules) {
		if (!m->shared)
			continue;
		vec_foreach (r, &m->ranges) {
			if (strcmp(m->symfile + r->name, name) != 0)
				continue;
			*ret = place_of(m, r);
			*ret_start = m->base;
			*ret_end = m->base + m->size;
			return true;
		}
	}
	return false;
}
