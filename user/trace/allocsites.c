/* SPDX-License-Identifier: GPL-2.0-only */
/* Where an object's own code calls allocators. */
#include "trace/allocsites.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/wire.h"
#include "lib/cleanup.h"
#include "sym/elf.h"
#include "trace/insn.h"

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

#define TEXT_MAX  (64 << 20) /* bytes of code that are looked through */
#define PIECE_MAX (4 << 20)
#define SLOTS_MAX 256

static const struct allocator {
	const char *name;
	enum pb_alloc_size size;
} allocators[] = {
	{ "malloc", PB_ALLOC_FIRST },
	{ "calloc", PB_ALLOC_FIRST_TIMES_SECOND },
	{ "realloc", PB_ALLOC_SECOND },
	{ "reallocarray", PB_ALLOC_SECOND_TIMES_THIRD },
	{ "aligned_alloc", PB_ALLOC_SECOND },
	{ "memalign", PB_ALLOC_SECOND },
	{ "posix_memalign", PB_ALLOC_THIRD },
	{ "valloc", PB_ALLOC_FIRST },
	{ "_Znwm", PB_ALLOC_FIRST },
	{ "_Znam", PB_ALLOC_FIRST },
	{ "_ZnwmRKSt9nothrow_t", PB_ALLOC_FIRST },
	{ "_ZnamRKSt9nothrow_t", PB_ALLOC_FIRST },
	{ "_ZnwmSt11align_val_t", PB_ALLOC_FIRST },
	{ "_ZnamSt11align_val_t", PB_ALLOC_FIRST },
	{ "_ZnwmSt11align_val_tRKSt9nothrow_t", PB_ALLOC_FIRST },
	{ "_ZnamSt11align_val_tRKSt9nothrow_t", PB_ALLOC_FIRST },
	/* Hosts' own: CPython, PostgreSQL, nginx, Apache, Erlang, PHP, GLib. */
	{ "PyMem_Malloc", PB_ALLOC_FIRST },
	{ "PyMem_RawMalloc", PB_ALLOC_FIRST },
	{ "PyObject_Malloc", PB_ALLOC_FIRST },
	{ "PyMem_Calloc", PB_ALLOC_FIRST_TIMES_SECOND },
	{ "PyMem_RawCalloc", PB_ALLOC_FIRST_TIMES_SECOND },
	{ "PyObject_Calloc", PB_ALLOC_FIRST_TIMES_SECOND },
	{ "PyMem_Realloc", PB_ALLOC_SECOND },
	{ "PyMem_RawRealloc", PB_ALLOC_SECOND },
	{ "PyObject_Realloc", PB_ALLOC_SECOND },
	{ "palloc", PB_ALLOC_FIRST },
	{ "palloc0", PB_ALLOC_FIRST },
	{ "repalloc", PB_ALLOC_SECOND },
	{ "MemoryContextAlloc", PB_ALLOC_SECOND },
	{ "MemoryContextAllocZero", PB_ALLOC_SECOND },
	{ "ngx_alloc", PB_ALLOC_FIRST },
	{ "ngx_calloc", PB_ALLOC_FIRST },
	{ "ngx_palloc", PB_ALLOC_SECOND },
	{ "ngx_pnalloc", PB_ALLOC_SECOND },
	{ "ngx_pcalloc", PB_ALLOC_SECOND },
	{ "apr_palloc", PB_ALLOC_SECOND },
	{ "apr_pcalloc", PB_ALLOC_SECOND },
	{ "enif_alloc", PB_ALLOC_FIRST },
	{ "enif_realloc", PB_ALLOC_SECOND },
	{ "_emalloc", PB_ALLOC_FIRST },
	{ "_ecalloc", PB_ALLOC_FIRST_TIMES_SECOND },
	{ "_erealloc", PB_ALLOC_SECOND },
	{ "g_malloc", PB_ALLOC_FIRST },
	{ "g_malloc0", PB_ALLOC_FIRST },
	{ "g_realloc", PB_ALLOC_SECOND },
};

/* An address, and the allocator whose it is: a slot of the global offset table, or a stub. */
struct known_addr {
	uint64_t addr;
	uint32_t size; /* enum pb_alloc_size */
};

typedef VEC(struct known_addr) known_vec;

struct search {
	const struct elf_file *f;
	const struct symbols *symbols;
	known_vec slots, stubs;
	alloc_site_vec *ret;
	size_t first;
};

static const struct allocator *allocator_of(const char *name)
{
	for (size_t i = 0; i < sizeof(allocators) / sizeof(*allocators); i++) {
		if (!strcmp(allocators[i].name, name))
			return &allocators[i];
	}
	return NULL;
}

static const struct known_addr *find(const known_vec *v, uint64_t addr)
{
	vec_foreach (k, v) {
		if (k->addr == addr)
			return k;
	}
	return NULL;
}

/* Slots that the loader fills with the address of an allocator that is elsewhere. */
static int read_slots(struct search *s, const struct elf_section *section)
{
	uint32_t link = section->header.sh_link;
	Elf_Data *data = elf_section_data(section);
	Elf_Data *dynsym =
	    link < s->f->sections.n ? elf_section_data(&s->f->sections.v[link]) : NULL;
	struct elf_strings strings =
	    elf_strings_of(s->f, dynsym ? s->f->sections.v[link].header.sh_link : 0);
	GElf_Rela r;
	int err = 0;

	for (int i = 0; data && dynsym && !err && gelf_getrela(data, i, &r); i++) {
		uint64_t type = GELF_R_TYPE(r.r_info);
		const struct allocator *a;
		const char *name;
		GElf_Sym sym;

		if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) ||
		    !gelf_getsym(dynsym, (int)GELF_R_SYM(r.r_info), &sym))
			continue;
		name = elf_string(&strings, sym.st_name);
		a = name && sym.st_shndx == SHN_UNDEF ? allocator_of(name) : NULL;
		if (a && s->slots.n < SLOTS_MAX)
			err = vec_push(&s->slots, (struct known_addr){ r.r_offset, a->size });
	}
	return err;
}

/* Stubs that jump through such a slot: `jmp *slot(%rip)`, behind an `endbr64` maybe. */
static int read_stubs(struct search *s, const struct elf_section *section)
{
	const Elf_Data *d = elf_section_data(section);
	const uint8_t *code = d ? d->d_buf : NULL;
	size_t size = section->header.sh_entsize == 8 ? 8 : 16;
	int err = 0;

	for (size_t at = 0; code && at + size <= d->d_size && !err; at += size) {
		uint64_t addr = section->header.sh_addr + at;

		for (size_t i = 0; i + 6 <= size; i++) {
			const struct known_addr *slot;
			int32_t disp;

			if (code[at + i] != 0xff || code[at + i + 1] != 0x25)
				continue;
			memcpy(&disp, code + at + i + 2, sizeof(disp));
			slot = find(&s->slots, addr + i + 6 + (uint64_t)(int64_t)disp);
			if (slot && s->stubs.n < SLOTS_MAX)
				err = vec_push(&s->stubs, (struct known_addr){ addr, slot->size });
			break;
		}
	}
	return err;
}

static int read_tables(struct search *s)
{
	int err = 0;

	vec_foreach (section, &s->f->sections) {
		if (!err && section->header.sh_type == SHT_RELA &&
		    section->header.sh_flags & SHF_ALLOC)
			err = read_slots(s, section);
	}
	vec_foreach (section, &s->f->sections) {
		if (!err && s->slots.n && !strncmp(section->name, ".plt", 4))
			err = read_stubs(s, section);
	}
	return err;
}

/* What a call or jump at this place leads to, if it is one to an allocator. */
static const struct known_addr *callee(const struct search *s, const ZydisDecodedInstruction *in,
				       const ZydisDecodedOperand *ops, uint64_t at)
{
	uint64_t target;

	if (in->mnemonic != ZYDIS_MNEMONIC_CALL && in->mnemonic != ZYDIS_MNEMONIC_JMP)
		return NULL;
	if (insn_relative_target(in, &ops[0], at, &target))
		return find(&s->stubs, target);
	if (ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY && ops[0].mem.base == ZYDIS_REGISTER_RIP &&
	    ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(in, &ops[0], at, &target)))
		return find(&s->slots, target);
	return NULL;
}

static int decode(struct search *s, ZydisDecoder *decoder, const uint8_t *code, size_t size,
		  uint64_t addr, uint64_t offset)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;

	for (size_t at = 0; at < size; at += in.length) {
		const struct known_addr *k;

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, code + at, size - at, &in, ops)))
			return 0; /* data: what stands behind it is not sure to be code */
		k = callee(s, &in, ops, addr + at);
		if (!k)
			continue;
		if (s->ret->n - s->first >= ALLOC_SITES_MAX)
			return -E2BIG;
		if (vec_push(s->ret, (struct alloc_site){ offset + at, k->size }))
			return -ENOMEM;
	}
	return 0;
}

/* Is there a byte sequence in it that may be such a call? Most functions need no decoding. */
static bool may_call(const struct search *s, const uint8_t *code, size_t size, uint64_t addr)
{
	for (size_t at = 0; at + 5 <= size; at++) {
		bool near = code[at] == 0xe8 || code[at] == 0xe9;
		bool far = code[at] == 0xff && (code[at + 1] == 0x15 || code[at + 1] == 0x25);
		size_t length = near ? 5 : 6;
		int32_t disp;

		if ((!near && !far) || at + length > size)
			continue;
		memcpy(&disp, code + at + length - 4, sizeof(disp));
		if (find(near ? &s->stubs : &s->slots,
			 addr + at + length + (uint64_t)(int64_t)disp))
			return true;
	}
	return false;
}

static int read_code(struct search *s)
{
	_cleanup_free_ uint8_t *code = malloc(PIECE_MAX);
	uint64_t at = 0, start, end, done = 0;
	ZydisDecoder decoder;
	int err = !code ? -ENOMEM : insn_decoder_init(&decoder) ? 0 : -ENOEXEC;

	while (!err && done < TEXT_MAX && symbols_next_code(s->symbols, at, &start, &end)) {
		uint64_t offset = symbols_offset_of(s->symbols, start), size = end - start;

		at = end > at ? end : at + 1;
		done += size;
		if (offset == UINT64_MAX || size > PIECE_MAX ||
		    elf_read_at(s->f->fd, code, size, offset) != (ssize_t)size ||
		    !may_call(s, code, size, start))
			continue;
		err = decode(s, &decoder, code, size, start, offset);
	}
	return err;
}

int allocsites_find(int fd, const struct symbols *symbols, alloc_site_vec *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	struct search s = { .symbols = symbols, .ret = ret, .first = ret->n };
	int err = elf_file_open(fd, &f);

	if (err)
		return err;
	s.f = f;
	err = read_tables(&s);
	if (!err && s.slots.n)
		err = read_code(&s);
	if (err)
		ret->n = s.first;
	vec_done(&s.slots);
	vec_done(&s.stubs);
	return err;
}
