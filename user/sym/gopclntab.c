/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Go's table of functions. A head says where its parts lie; one part has, for each function, its
 * entry and the place of a record that leads to its name.
 */
#include "sym/gopclntab.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/goimage.h"

#define TABLE_MAX      (1ull << 30) /* the largest programs have some 200 MiB */
#define NAME_BYTES_MAX 16384        /* as in symtab.c */
#define NAMES_SHARED   4 /* names may share their ends, but not all of them one long name */

#define MAGIC_1_16 0xfffffffau
#define MAGIC_1_18 0xfffffff0u
#define MAGIC_1_20 0xfffffff1u
/* Magic, two zeroes, the unit of instructions' lengths (1: x86), the size of pointers. */
#define FIRST_WORD(magic) ((uint64_t)(magic) | 0x0801ull << 48)

#define HEAD_COUNT 8  /* of functions, then of files */
#define HEAD_TEXT  24 /* since Go 1.18; then the parts' offsets */

/* Where moduledata has the table's own address and the beginning of Go's code. */
#define MODULE_TABLE 0
#define MODULE_TEXT  176

static uint64_t word_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t half_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static size_t entry_size(const struct gopclntab *t)
{
	return t->wide ? 16 : 8;
}

int gopclntab_parse(uint8_t *data, size_t size, struct gopclntab *ret)
{
	struct gopclntab t = { .data = data, .size = size };
	const uint8_t *parts; /* names, units, files, lines, functions */
	uint64_t first;

	if (size < GOPCLNTAB_HEAD)
		return -ENOEXEC;
	first = word_at(data);
	t.wide = first == FIRST_WORD(MAGIC_1_16);
	if (!t.wide && first != FIRST_WORD(MAGIC_1_18) && first != FIRST_WORD(MAGIC_1_20))
		return -ENOEXEC;
	t.start_lines = first == FIRST_WORD(MAGIC_1_20);
	parts = data + (t.wide ? HEAD_TEXT : HEAD_TEXT + 8);
	t.text = t.wide ? 0 : word_at(data + HEAD_TEXT);
	t.n = word_at(data + HEAD_COUNT);
	t.names = word_at(parts);
	t.units = word_at(parts + 8);
	t.files = word_at(parts + 16);
	t.values = word_at(parts + 24);
	t.functions = word_at(parts + 32);
	if (t.names < GOPCLNTAB_HEAD - 8 || t.names >= t.units || t.units > t.functions ||
	    t.functions >= size || t.files > size || t.values > size)
		return -ENOEXEC;
	/* An entry a function, and the end of the last one. */
	if (!t.n || t.n >= UINT32_MAX || t.n >= (size - t.functions) / entry_size(&t))
		return -ENOEXEC;
	*ret = t;
	return 0;
}

/* Where function i begins; for i = n where the last one ends. */
static uint64_t entry_of(const struct gopclntab *t, uint64_t i)
{
	const uint8_t *p = t->data + t->functions + i * entry_size(t);

	return t->wide ? word_at(p) : t->text + half_at(p);
}

/* The name of function i; false: its record is damaged. */
static bool name_of(const struct gopclntab *t, uint64_t i, struct go_function *f)
{
	const uint8_t *p = t->data + t->functions + i * entry_size(t);
	uint64_t record = t->wide ? word_at(p + 8) : half_at(p + 4), max;
	uint32_t offset;

	/* A record begins with the entry again, then the name's offset. */
	record += t->wide ? 8 : 4;
	if (record < 4 || record > t->size - t->functions ||
	    t->size - t->functions - record < sizeof(offset))
		return false;
	offset = half_at(t->data + t->functions + record);
	if (offset >= t->units - t->names)
		return false;
	f->name = (const char *)t->data + t->names + offset;
	max = t->units - t->names - offset;
	max = max < NAME_BYTES_MAX ? max : NAME_BYTES_MAX;
	f->name_len = (uint32_t)strnlen(f->name, max);
	return f->name_len && f->name_len < max;
}

int gopclntab_each(const struct gopclntab *t, int (*fn)(const struct go_function *, void *),
		   void *arg)
{
	uint64_t last = 0;
	int err = 0;

	for (uint64_t i = 0; t->data && i < t->n && !err; i++) {
		struct go_function f = { .addr = entry_of(t, i) };
		uint64_t end = entry_of(t, i + 1);

		if (f.addr < last || end <= f.addr || !name_of(t, i, &f))
			continue;
		f.size = end - f.addr;
		last = f.addr;
		err = fn(&f, arg);
	}
	return err;
}

/* Does the code from `text` on, as far as the table goes, lie in an executable segment? */
static bool is_text(const struct go_image *im, const struct gopclntab *t, uint64_t text)
{
	const struct elf_segment *s = elf_segment_of(&im->file->segments, text);
	const uint8_t *last = t->data + t->functions + t->n * entry_size(t);

	return s && s->exec && half_at(last) <= s->size - (text - s->addr);
}

struct module_search {
	const struct gopclntab *table;
	uint64_t table_addr, text;
};

/* Is this moduledata? If so, notes where Go's code begins. */
static bool is_module(const struct go_image *im, uint64_t addr, void *arg)
{
	struct module_search *m = arg;
	uint64_t table, text;

	if (!go_image_pointer(im, addr + MODULE_TABLE, &table) || table != m->table_addr ||
	    !go_image_pointer(im, addr + MODULE_TEXT, &text) || !is_text(im, m->table, text))
		return false;
	m->text = text;
	return true;
}

static int see_entry(const struct go_function *f, void *arg)
{
	const uint64_t *entry = arg;

	return f->addr == *entry && !strncmp(f->name, "_rt0_", 5);
}

/* Where Go's linker did without another, its code begins .text and has the program's entry. */
static bool begins_text(const struct go_image *im, const struct gopclntab *t, uint64_t text)
{
	struct gopclntab probe = *t;
	uint64_t entry = im->file->ehdr.e_entry;

	probe.text = text;
	return is_text(im, t, text) && gopclntab_each(&probe, see_entry, &entry);
}

/*
 * Where Go's code begins: the head says so; since Go 1.26 only moduledata does. C code may stand
 * before it in .text. 0: not found.
 */
static uint64_t find_text(const struct go_image *im, const struct gopclntab *t, uint64_t addr)
{
	const struct elf_section *s = elf_section_named(im->file, ".go.module");
	struct module_search m = { .table = t, .table_addr = addr };
	struct go_search search = {
		.words = { addr }, .n = 1, .align = 8, .accept = is_module, .arg = &m
	};

	if (t->text && is_text(im, t, t->text))
		return t->text;
	if (s && is_module(im, s->header.sh_addr, &m))
		return m.text;
	if (go_image_find(im, &search) != ELF_NONE)
		return m.text;
	s = elf_section_named(im->file, ".text");
	return s && begins_text(im, t, s->header.sh_addr) ? s->header.sh_addr : 0;
}

static bool is_head(const struct go_image *im, uint64_t addr, void *arg)
{
	const struct elf_segment *s = elf_segment_of(&im->file->segments, addr);
	uint8_t head[GOPCLNTAB_HEAD];
	struct gopclntab t;

	(void)arg;
	return go_image_read(im, addr, head, sizeof(head)) &&
	       !gopclntab_parse(head, s->size - (addr - s->addr), &t);
}

/* The table's address and most bytes; false: there is none. */
static bool locate(const struct go_image *im, uint64_t *ret_addr, uint64_t *ret_size)
{
	static const char *const names[] = { ".gopclntab", ".data.rel.ro.gopclntab" };
	const struct go_search search = {
		.words = { FIRST_WORD(MAGIC_1_16), FIRST_WORD(MAGIC_1_18), FIRST_WORD(MAGIC_1_20) },
		.n = 3,
		.align = 8,
		.accept = is_head,
	};
	const struct elf_section *s = NULL;
	const struct elf_segment *segment;
	uint64_t addr;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !s; i++)
		s = elf_section_named(im->file, names[i]);
	addr = s && is_head(im, s->header.sh_addr, NULL) ? s->header.sh_addr
							 : go_image_find(im, &search);
	segment = addr != ELF_NONE ? elf_segment_of(&im->file->segments, addr) : NULL;
	if (!segment)
		return false;
	*ret_addr = addr;
	*ret_size = segment->size - (addr - segment->addr);
	if (s && s->header.sh_addr == addr && s->header.sh_size < *ret_size)
		*ret_size = s->header.sh_size;
	if (*ret_size > TABLE_MAX)
		*ret_size = TABLE_MAX;
	return true;
}

bool gopclntab_possible(const struct elf_file *f)
{
	static const char *const names[] = { ".gopclntab", ".data.rel.ro.gopclntab",
					     ".go.buildinfo", ".note.go.buildid" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (elf_section_named(f, names[i]))
			return true;
	return !f->sections.n;
}

void gopclntab_done(struct gopclntab *t)
{
	free(t->data);
	*t = (struct gopclntab){};
}

/*
 * The linker writes types into the names of generic functions since Go 1.21; Go itself prints
 * main.apply[...]. Shortened in place.
 */
static void elide_types(struct gopclntab *t)
{
	static const char elided[] = "[...]";
	char *at = (char *)t->data + t->names, *end = (char *)t->data + t->units;

	while (at < end) {
		size_t len = strnlen(at, (size_t)(end - at)), left;
		char *open = memchr(at, '[', len);
		char *close = open ? memrchr(open, ']', len - (size_t)(open - at)) : NULL;

		at += len + 1;
		if (!close || close + 1 - open < (ptrdiff_t)sizeof(elided) - 1 || at > end)
			continue;
		left = (size_t)(at - (close + 1)); /* with the 0 */
		memcpy(open, elided, sizeof(elided) - 1);
		open += sizeof(elided) - 1;
		memmove(open, close + 1, left);
		memset(open + left, 0, (size_t)(at - (open + left)));
	}
}

static int read_table(const struct go_image *im, struct gopclntab *ret)
{
	_cleanup_free_ uint8_t *data = NULL;
	uint64_t addr, size;
	struct gopclntab t;

	if (!locate(im, &addr, &size))
		return 0;
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	if (!go_image_read(im, addr, data, size))
		return 0;
	go_image_relocate(im, addr, data, size);
	if (gopclntab_parse(data, size, &t))
		return 0;
	if (!t.wide)
		t.text = find_text(im, &t, addr);
	if (!t.wide && !t.text)
		return 0;
	t.at = addr;
	elide_types(&t);
	*ret = t;
	TAKE_PTR(data);
	return 0;
}

int gopclntab_read(const struct elf_file *f, struct gopclntab *ret)
{
	_cleanup_(go_image_done) struct go_image im = {};
	struct gopclntab t = {};
	int err = go_image_init(&im, f);

	if (!err)
		err = read_table(&im, &t);
	if (!err)
		*ret = t;
	return err;
}

struct adder {
	const elf_segments *segments;
	struct symtab_builder *builder;
	size_t known, at; /* symbols of the symbol tables, and how many of them lie before */
	uint64_t names_left;
};

/*
 * The size that the symbol table gives a function, or what reaches up to the next. What the table
 * calls it steps back behind Go's own name, see symtab_build().
 */
static uint64_t known_size(struct adder *a, uint64_t offset, uint64_t size)
{
	struct symtab_entry *v = a->builder->all.v;

	while (a->at < a->known && v[a->at].sym.offset < offset)
		a->at++;
	for (size_t i = a->at; i < a->known && v[i].sym.offset == offset; i++) {
		v[i].sym.global = false;
		if (v[i].sym.size && v[i].sym.size < size)
			size = v[i].sym.size;
	}
	return size;
}

static int add_function(const struct go_function *f, void *arg)
{
	struct adder *a = arg;
	const struct elf_segment *s = elf_segment_of(a->segments, f->addr);
	struct symtab_entry e = { .name_len = f->name_len };
	uint64_t left;

	if (!s || !s->exec || f->name_len >= a->names_left)
		return 0;
	a->names_left -= f->name_len + 1;
	left = s->size - (f->addr - s->addr);
	e.sym = (struct symbol){
		.name = f->name,
		.offset = f->addr - s->addr + s->offset,
		.addr = f->addr,
		.global = true, /* preferred among aliases */
		.typed = true,
	};
	e.sym.size = known_size(a, e.sym.offset, f->size < left ? f->size : left);
	return vec_push(&a->builder->all, e);
}

static int by_offset(const void *x, const void *y)
{
	const struct symtab_entry *a = x, *b = y;

	return a->sym.offset < b->sym.offset ? -1 : a->sym.offset > b->sym.offset;
}

int gopclntab_add(const struct gopclntab *t, const elf_segments *segments, struct symtab_builder *b)
{
	struct adder a = { .segments = segments,
			   .builder = b,
			   .known = b->all.n,
			   .names_left = (t->units - t->names) * NAMES_SHARED };

	if (b->all.n)
		qsort(b->all.v, b->all.n, sizeof(*b->all.v), by_offset);
	return gopclntab_each(t, add_function, &a);
}
