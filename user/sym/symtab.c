/* SPDX-License-Identifier: GPL-2.0-only */
/* Function symbols gathered from symbol tables. */
#include "sym/symtab.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"

/* The longest names are those of C++ templates; what is longer is of no use to a reader. */
#define NAME_BYTES_MAX 16384
/*
 * Linkers let names share their ends, so names may add up to more than the string table; a
 * hostile table lets all symbols share one long name.
 */
#define NAMES_PER_STRTAB 4
#define ALIASES_MAX      64 /* names of one function; beyond, some may come twice */
#define SYMBOLS_MAX      (UINT32_MAX - 1)

void symtab_builder_done(struct symtab_builder *b)
{
	vec_done(&b->all);
}

void symtab_done(struct symtab *t)
{
	free(t->v);
	free(t->names);
	free(t->outer);
	*t = (struct symtab){};
}

/*
 * Hand-written assembly often leaves out the type (_start). Such a symbol is taken for a
 * function when it lies in code and looks like a name, not like a local label.
 */
static bool is_untyped_function(const struct elf_file *f, const GElf_Sym *sym, const char *name)
{
	const GElf_Shdr *section;

	if (sym->st_shndx >= SHN_LORESERVE || sym->st_shndx >= f->sections.n)
		return false;
	section = &f->sections.v[sym->st_shndx].header;
	if (!(section->sh_flags & SHF_EXECINSTR) ||
	    sym->st_value - section->sh_addr >= section->sh_size)
		return false;
	return isalpha((unsigned char)*name) || *name == '_';
}

static bool is_function(const struct elf_file *f, uint32_t type, const GElf_Sym *sym,
			const char *name)
{
	switch (GELF_ST_TYPE(sym->st_info)) {
	case STT_FUNC:
	case STT_GNU_IFUNC:
		return sym->st_shndx != SHN_ABS;
	case STT_NOTYPE:
		return type == SHT_SYMTAB && is_untyped_function(f, sym, name);
	default:
		return false;
	}
}

/* Linkers write versions into .symtab ("exit@@GLIBC_2.2.5"); they are no part of the name. */
static uint32_t unversioned_len(const char *name, size_t len)
{
	const char *at = memchr(name, '@', len);

	return (uint32_t)(at && at != name ? (size_t)(at - name) : len);
}

static int add_symbol(struct symtab_builder *b, const elf_segments *segments, const GElf_Sym *sym,
		      const char *name)
{
	const struct elf_segment *seg = elf_segment_of(segments, sym->st_value);
	size_t len = strnlen(name, NAME_BYTES_MAX + 1);
	struct symtab_entry e = {};
	uint64_t left;

	if (!seg || !seg->exec || len > NAME_BYTES_MAX || len >= b->names_left)
		return 0;
	b->names_left -= len + 1;
	left = seg->size - (sym->st_value - seg->addr);
	e.name_len = unversioned_len(name, len);
	e.sym = (struct symbol){
		.name = name,
		.offset = sym->st_value - seg->addr + seg->offset,
		.addr = sym->st_value,
		.size = sym->st_size < left ? sym->st_size : left,
		.global = GELF_ST_BIND(sym->st_info) != STB_LOCAL,
		.ifunc = GELF_ST_TYPE(sym->st_info) == STT_GNU_IFUNC,
		.typed = GELF_ST_TYPE(sym->st_info) != STT_NOTYPE,
	};
	return vec_push(&b->all, e);
}

static int add_table(struct symtab_builder *b, const struct elf_file *f,
		     const struct elf_section *table, const elf_segments *segments,
		     symtab_see_fn see, void *arg)
{
	const Elf_Data *d = elf_section_data(table);
	struct elf_strings strings = elf_strings_of(f, table->header.sh_link);
	GElf_Sym sym;
	int err = 0;

	b->names_left += strings.size * NAMES_PER_STRTAB;
	for (int i = 1; !err && d && gelf_getsym((Elf_Data *)d, i, &sym); i++) {
		const char *name = elf_string(&strings, sym.st_name);

		if (!name || !*name)
			continue;
		if (see)
			see(name, sym.st_shndx != SHN_UNDEF, arg);
		if (sym.st_shndx != SHN_UNDEF && is_function(f, table->header.sh_type, &sym, name))
			err = add_symbol(b, segments, &sym, name);
	}
	return err;
}

int symtab_add(struct symtab_builder *b, const struct elf_file *f, uint32_t type,
	       const elf_segments *segments, symtab_see_fn see, void *arg)
{
	const struct elf_section *table = elf_section_typed(f, type);

	return table ? add_table(b, f, table, segments, see, arg) : 0;
}

/*
 * By offset; then what symbols_find() shall prefer comes first: known size, global, short.
 */
static int compare(const void *x, const void *y)
{
	const struct symtab_entry *a = x, *b = y;
	int order;

	if (a->sym.offset != b->sym.offset)
		return a->sym.offset < b->sym.offset ? -1 : 1;
	if (!a->sym.size != !b->sym.size)
		return a->sym.size ? -1 : 1;
	if (a->sym.global != b->sym.global)
		return a->sym.global ? -1 : 1;
	if (a->name_len != b->name_len)
		return a->name_len < b->name_len ? -1 : 1;
	order = memcmp(a->sym.name, b->sym.name, a->name_len);
	if (order)
		return order;
	return a->sym.size > b->sym.size ? -1 : a->sym.size < b->sym.size;
}

/* Does a name stand among the aliases [first, n) already? It comes from .dynsym and .symtab. */
static bool is_known_alias(const struct symtab_entry *v, size_t first, size_t n,
			   const struct symtab_entry *e)
{
	if (n - first > ALIASES_MAX)
		first = n - ALIASES_MAX;
	for (size_t i = first; i < n; i++)
		if (v[i].name_len == e->name_len &&
		    !memcmp(v[i].sym.name, e->sym.name, e->name_len))
			return true;
	return false;
}

/*
 * Drops what came twice, and labels: untyped symbols without size in the midst of a function of
 * known size. Returns how many are left.
 */
static size_t drop_needless(struct symtab_entry *v, size_t n)
{
	uint64_t at = UINT64_MAX, end = 0; /* the current offset; how far functions reached */
	size_t kept = 0, first = 0;

	for (size_t i = 0; i < n; i++) {
		const struct symbol *s = &v[i].sym;

		if (s->offset != at) {
			at = s->offset;
			first = kept;
		}
		if (!v[i].sym.typed && !s->size && at < end && first == kept)
			continue;
		if (is_known_alias(v, first, kept, &v[i]))
			continue;
		if (at + s->size > end)
			end = at + s->size;
		v[kept++] = v[i];
	}
	return kept;
}

/* Copies entries into the table, with names of its own. */
static int copy_entries(const struct symtab_entry *v, size_t n, struct symtab *t)
{
	size_t size = 1;
	char *p;

	for (size_t i = 0; i < n; i++)
		size += v[i].name_len + 1;
	t->v = calloc(n ? n : 1, sizeof(*t->v));
	p = t->names = malloc(size);
	if (!t->v || !p)
		return -ENOMEM;
	t->names_size = size;
	for (; t->n < n; t->n++) {
		t->v[t->n] = v[t->n].sym;
		t->v[t->n].name = p;
		memcpy(p, v[t->n].sym.name, v[t->n].name_len);
		p += v[t->n].name_len;
		*p++ = '\0';
	}
	return 0;
}

static uint64_t end_of(const struct symbol *s)
{
	return s->offset + s->size;
}

/* True when a function begins within another: then the outer one goes on behind it. */
static bool any_nested(const struct symtab *t)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		if (i && t->v[i].offset != t->v[i - 1].offset && t->v[i].offset < end)
			return true;
		if (end_of(&t->v[i]) > end)
			end = end_of(&t->v[i]);
	}
	return false;
}

/*
 * Links each symbol to the nearest one before it that reaches beyond its start. All that the
 * links pass by have ended by then.
 */
static int link_outer(struct symtab *t)
{
	uint32_t top = SYMTAB_NONE;

	if (!any_nested(t))
		return 0;
	t->outer = calloc(t->n, sizeof(*t->outer));
	if (!t->outer)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n; i++) {
		while (top != SYMTAB_NONE && end_of(&t->v[top]) <= t->v[i].offset)
			top = t->outer[top];
		t->outer[i] = top;
		top = i;
	}
	return 0;
}

int symtab_build(struct symtab_builder *b, struct symtab *ret)
{
	_cleanup_(symtab_done) struct symtab t = {};
	size_t n;
	int err;

	if (b->all.n > SYMBOLS_MAX)
		b->all.n = SYMBOLS_MAX;
	if (b->all.n)
		qsort(b->all.v, b->all.n, sizeof(*b->all.v), compare);
	n = drop_needless(b->all.v, b->all.n);
	err = copy_entries(b->all.v, n, &t);
	if (!err)
		err = link_outer(&t);
	if (err)
		return err;
	*ret = t;
	t = (struct symtab){};
	return 0;
}

/* The first symbol at or above a file offset; n: none. */
static uint32_t lower_bound(const struct symtab *t, uint64_t offset)
{
	uint32_t low = 0, high = t->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (t->v[mid].offset < offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint32_t symtab_below(const struct symtab *t, uint64_t offset)
{
	uint32_t i = offset < UINT64_MAX ? lower_bound(t, offset + 1) : t->n;

	return i ? lower_bound(t, t->v[i - 1].offset) : SYMTAB_NONE;
}

uint32_t symtab_outer(const struct symtab *t, uint32_t i)
{
	return t->outer ? t->outer[i] : SYMTAB_NONE;
}

uint64_t symtab_next_offset(const struct symtab *t, uint32_t i)
{
	uint32_t next = lower_bound(t, t->v[i].offset + 1);

	return next < t->n ? t->v[next].offset : UINT64_MAX;
}
