/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names for PLT stubs. A stub is known by the slot of the global offset table through which it
 * jumps, and the slot by its relocation: linkers differ in how they order stubs, not in that.
 */
#include "sym/plt.h"

#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/cleanup.h"

#define STUBS_MAX      65536
#define SLOTS_MAX      1000000
#define NAME_BYTES_MAX 4096
#define NAMES_MAX      (16u << 20)

struct slot {
	uint64_t addr;
	uint32_t symbol; /* of .dynsym */
};

struct reader {
	const struct elf_file *file;
	Elf_Data *dynsym;
	struct elf_strings strings;
	VEC(struct slot) slots;   /* sorted */
	VEC(struct symbol) stubs; /* named at the end, when `names` no longer moves */
	struct buf names;
};

static void reader_done(struct reader *r)
{
	vec_done(&r->slots);
	vec_done(&r->stubs);
	buf_done(&r->names);
}

static int by_addr(const void *x, const void *y)
{
	const struct slot *a = x, *b = y;

	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

static int by_offset(const void *x, const void *y)
{
	const struct symbol *a = x, *b = y;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static int read_slots(struct reader *r, const char *section)
{
	Elf_Data *d = elf_section_data(elf_section_named(r->file, section));
	GElf_Rela rela;
	int err = 0;

	for (int i = 0; d && !err && r->slots.n < SLOTS_MAX && gelf_getrela(d, i, &rela); i++) {
		struct slot s = { rela.r_offset, (uint32_t)GELF_R_SYM(rela.r_info) };
		uint64_t type = GELF_R_TYPE(rela.r_info);

		if (s.symbol && (type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT))
			err = vec_push(&r->slots, s);
	}
	return err;
}

/* The name of what a slot holds, or NULL. */
static const char *slot_name(const struct reader *r, uint64_t addr)
{
	const struct slot key = { .addr = addr };
	const struct slot *s = NULL;
	const char *name;
	GElf_Sym sym;

	if (r->slots.n)
		s = bsearch(&key, r->slots.v, r->slots.n, sizeof(key), by_addr);
	if (!s || s->symbol > INT32_MAX || !gelf_getsym(r->dynsym, (int)s->symbol, &sym))
		return NULL;
	name = elf_string(&r->strings, sym.st_name);
	return name && *name && strnlen(name, NAME_BYTES_MAX) < NAME_BYTES_MAX ? name : NULL;
}

/* Finds `jmp *disp(%rip)` in a stub: the address of its slot, or 0. */
static uint64_t jump_slot(const uint8_t *stub, size_t size, uint64_t addr)
{
	for (size_t i = 0; i + 6 <= size; i++) {
		int32_t disp;

		if (stub[i] != 0xff || stub[i + 1] != 0x25)
			continue;
		memcpy(&disp, stub + i + 2, sizeof(disp));
		return addr + i + 6 + (uint64_t)(int64_t)disp;
	}
	return 0;
}

static int add_stub(struct reader *r, uint64_t addr, size_t size, const char *name)
{
	struct symbol s = {
		.offset = elf_offset_of(&r->file->segments, addr),
		.addr = addr,
		.size = size,
	};

	if (s.offset == ELF_NONE || r->stubs.n >= STUBS_MAX || r->names.len > NAMES_MAX)
		return 0;
	buf_printf(&r->names, "%s@plt", name);
	buf_add_char(&r->names, '\0');
	return r->names.err ? r->names.err : vec_push(&r->stubs, s);
}

static int read_stubs(struct reader *r, const char *section)
{
	const struct elf_section *s = elf_section_named(r->file, section);
	const Elf_Data *d = elf_section_data(s);
	size_t size;
	int err = 0;

	if (!d)
		return 0;
	size = s->header.sh_entsize == 8 ? 8 : 16;
	for (size_t at = 0; at + size <= d->d_size && !err; at += size) {
		uint64_t addr = s->header.sh_addr + at;
		const char *name =
		    slot_name(r, jump_slot((const uint8_t *)d->d_buf + at, size, addr));

		if (name)
			err = add_stub(r, addr, size, name);
	}
	return err;
}

/* Hands the stubs over as a table. */
static int finish(struct reader *r, struct symtab *ret)
{
	const char *name;

	if (!r->stubs.n)
		return 0;
	name = r->names.data;
	vec_foreach (s, &r->stubs) {
		s->name = name;
		name += strlen(name) + 1;
	}
	qsort(r->stubs.v, r->stubs.n, sizeof(*r->stubs.v), by_offset);
	*ret = (struct symtab){
		.v = TAKE_PTR(r->stubs.v),
		.n = (uint32_t)r->stubs.n,
		.names = TAKE_PTR(r->names.data),
		.names_size = r->names.cap,
	};
	return 0;
}

int plt_read(const struct elf_file *f, struct symtab *ret)
{
	static const char *const sections[] = { ".plt", ".plt.sec", ".plt.got" };
	const struct elf_section *dynsym = elf_section_typed(f, SHT_DYNSYM);
	_cleanup_(reader_done) struct reader r = { .file = f, .dynsym = elf_section_data(dynsym) };
	int err;

	if (!r.dynsym || f->ehdr.e_machine != EM_X86_64 || f->ehdr.e_ident[EI_CLASS] != ELFCLASS64)
		return 0;
	r.strings = elf_strings_of(f, dynsym->header.sh_link);
	err = read_slots(&r, ".rela.plt");
	if (!err && elf_section_named(f, ".plt.got"))
		err = read_slots(&r, ".rela.dyn");
	if (r.slots.n)
		qsort(r.slots.v, r.slots.n, sizeof(*r.slots.v), by_addr);
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections) && !err; i++)
		err = read_stubs(&r, sections[i]);
	return err ? err : finish(&r, ret);
}
