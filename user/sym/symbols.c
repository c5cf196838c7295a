/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers from the symbols of one ELF object. */
#include "sym/symbols.h"

#include <string.h>

#include "sym/symbols_state.h"

const struct elf_traits *symbols_traits(const struct symbols *s)
{
	return &s->traits;
}

/* The end of the section and the segment that a symbol lies in, at most `end`. */
static uint64_t section_end(const struct symbols *s, const struct symbol *sym, uint64_t end,
			    bool *whole)
{
	const struct elf_segment *seg = elf_segment_of(&s->segments, sym->addr);

	*whole = false;
	if (seg && end > seg->offset + seg->size)
		end = seg->offset + seg->size;
	vec_foreach (c, &s->code) {
		if (sym->offset < c->start || sym->offset >= c->end)
			continue;
		*whole |= c->whole && sym->offset == c->start;
		if (end > c->end)
			end = c->end;
	}
	return end;
}

/*
 * Where a symbol ends of which the table does not say the size: where its piece of unwind
 * information does, or before the next one, the next symbol or the section's end. Of a stripped
 * object that is not enough: functions without a symbol may follow. There a name holds for the
 * piece that begins with it, or for .init and .fini, which are one function.
 */
static uint64_t open_end(const struct symbols *s, uint32_t i)
{
	const struct symbol *sym = &s->table.v[i];
	const struct unwindinfo *unwind = symbols_late(s)->unwind;
	bool whole, covered;
	uint64_t end = section_end(s, sym, symtab_next_offset(&s->table, i), &whole);
	struct cfi_function f;

	covered = unwindinfo_function(unwind, sym->addr, &f);
	if (!s->traits.has_symtab && !whole && !(covered && f.start == sym->addr))
		return sym->offset;
	if (covered && end - sym->offset > f.end - sym->addr)
		end = sym->offset + (f.end - sym->addr);
	else if (!covered && unwindinfo_next(unwind, sym->addr, &f) &&
		 end - sym->offset > f.start - sym->addr)
		end = sym->offset + (f.start - sym->addr);
	return end;
}

/* Stubs are no functions: they have names for stacks, but are not listed or probed. */
static const struct symbol *find_stub(const struct symbols *s, uint64_t offset)
{
	uint32_t i = symtab_below(&s->plt, offset);
	const struct symbol *sym = i != SYMTAB_NONE ? &s->plt.v[i] : NULL;

	return sym && offset - sym->offset < sym->size ? sym : NULL;
}

const struct symbol *symbols_find(const struct symbols *s, uint64_t offset)
{
	uint32_t i = symtab_below(&s->table, offset);

	while (i != SYMTAB_NONE) {
		const struct symbol *sym = &s->table.v[i];
		uint64_t end = sym->size ? sym->offset + sym->size : open_end(s, i);

		if (offset < end)
			return sym;
		i = symtab_outer(&s->table, i);
	}
	return find_stub(s, offset);
}

int symbols_each(const struct symbols *s, int (*fn)(const struct symbol *, void *), void *arg)
{
	int err = 0;

	for (uint32_t i = 0; i < s->table.n && !err; i++)
		err = fn(&s->table.v[i], arg);
	return err;
}

uint64_t symbols_offset_of(const struct symbols *s, uint64_t addr)
{
	return elf_offset_of(&s->segments, addr);
}

uint64_t symbols_addr_of(const struct symbols *s, uint64_t offset)
{
	return elf_addr_of(&s->segments, offset);
}

bool symbols_is_stack_root(const struct symbols *s, uint64_t offset)
{
	uint64_t addr = elf_addr_of(&s->segments, offset);
	const struct symbols_late *l;

	if (addr == ELF_NONE)
		return false;
	l = symbols_late(s);
	return unwindinfo_state(l->unwind, addr).no_caller || roots_cover(&l->roots, addr);
}

int symbols_each_root(const struct symbols *s, int (*fn)(uint64_t start, uint64_t end, void *),
		      void *arg)
{
	int err = 0;

	vec_foreach (f, &symbols_late(s)->roots.ranges) {
		err = fn(f->start, f->end, arg);
		if (err)
			break;
	}
	return err;
}

int symbols_keeps_frame_pointer(const struct symbols *s, uint64_t offset)
{
	uint64_t addr = elf_addr_of(&s->segments, offset);

	if (addr == ELF_NONE)
		return -1;
	switch (unwindinfo_state(symbols_late(s)->unwind, addr).frame) {
	case CFI_FRAME:
		return 1;
	case CFI_NO_FRAME:
		return 0;
	default:
		return -1;
	}
}

bool symbols_code_range(const struct symbols *s, uint64_t addr, uint64_t *start, uint64_t *end)
{
	struct cfi_function f;

	if (!unwindinfo_function(symbols_late(s)->unwind, addr, &f))
		return false;
	*start = f.start;
	*end = f.end;
	return true;
}

static bool is_stub(const struct symbols *s, uint64_t offset)
{
	vec_foreach (c, &s->code)
		if (c->stubs && offset >= c->start && offset < c->end)
			return true;
	return false;
}

bool symbols_next_code(const struct symbols *s, uint64_t addr, uint64_t *start, uint64_t *end)
{
	struct cfi_function f = { .end = addr };

	do {
		if (!unwindinfo_next(symbols_late(s)->unwind, f.end, &f))
			return false;
	} while (is_stub(s, elf_offset_of(&s->segments, f.start)));
	*start = f.start;
	*end = f.end;
	return true;
}

bool symbols_frame_base(const struct symbols *s, uint64_t offset, uint32_t *base_words,
			uint32_t *rbp_words)
{
	uint64_t addr = elf_addr_of(&s->segments, offset);
	struct cfi_state state;

	if (addr == ELF_NONE)
		return false;
	state = unwindinfo_state(symbols_late(s)->unwind, addr);
	if (state.frame != CFI_NO_FRAME || !state.base_words)
		return false;
	*base_words = state.base_words;
	*rbp_words = state.rbp_words;
	return true;
}

bool symbols_go_info(const struct symbols *s, struct go_info *ret)
{
	if (!s->go.version_major)
		return false;
	*ret = s->go;
	return true;
}

static size_t table_memory(const struct symtab *t)
{
	return t->names_size + t->n * (sizeof(*t->v) + (t->outer ? sizeof(*t->outer) : 0));
}

size_t symbols_memory(const struct symbols *s)
{
	size_t size = sizeof(*s) + sizeof(*s->late);

	size += table_memory(&s->table) + table_memory(&s->former) + table_memory(&s->plt);
	size += s->segments.cap * sizeof(*s->segments.v) + s->code.cap * sizeof(*s->code.v);
	size += s->interp ? strlen(s->interp) + 1 : 0;
	size += s->late->roots.ranges.cap * sizeof(*s->late->roots.ranges.v);
	size += s->late->source ? source_memory(s->late->source) : 0;
	return size + unwindinfo_memory(s->late->unwind);
}
