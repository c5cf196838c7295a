/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions by which others may enter an object. */
#include "trace/entrypoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/elf.h"
#include "trace/insn.h"

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

#define TEXT_MAX    (64 << 20) /* bytes of code that are looked through */
#define ENTRIES_MAX 65536

struct search {
	const struct elf_file *f;
	const struct symbols *symbols;
	address_vec *ret;
	address_vec excluded; /* what the loader calls */
};

/* The compiler's own, by the names that they have everywhere. */
static bool is_loaders(const char *name)
{
	static const char *const names[] = { "_init",
					     "_fini",
					     "frame_dummy",
					     "__do_global_dtors_aux",
					     "register_tm_clones",
					     "deregister_tm_clones",
					     "_start" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static bool is_stub(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 4, "@plt");
}

static bool is_excluded(const struct search *s, uint64_t addr)
{
	vec_foreach (a, &s->excluded) {
		if (*a == addr)
			return true;
	}
	return false;
}

/* Does a function begin here? */
static bool is_function(const struct search *s, uint64_t addr)
{
	uint64_t offset = symbols_offset_of(s->symbols, addr), start, end;
	const struct symbol *sym = offset != UINT64_MAX ? symbols_find(s->symbols, offset) : NULL;

	if (offset == UINT64_MAX)
		return false;
	if (sym)
		return sym->addr == addr && !is_loaders(sym->name) && !is_stub(sym->name) &&
		       !strstr(sym->name, ".cold");
	return symbols_code_range(s->symbols, addr, &start, &end) && start == addr;
}

static int add(struct search *s, uint64_t addr)
{
	const struct elf_segment *segment = elf_segment_of(&s->f->segments, addr);

	if (!segment || !segment->exec || s->ret->n >= ENTRIES_MAX || !is_function(s, addr))
		return 0;
	return vec_push(s->ret, addr);
}

static int add_export(const struct symbol *sym, void *arg)
{
	struct search *s = arg;

	return sym->global && !sym->ifunc ? add(s, sym->addr) : 0;
}

/* Is the word at this address one of those that the loader calls? */
static bool in_arrays(const struct search *s, uint64_t addr)
{
	vec_foreach (section, &s->f->sections) {
		const GElf_Shdr *h = &section->header;

		if ((h->sh_type == SHT_INIT_ARRAY || h->sh_type == SHT_FINI_ARRAY) &&
		    addr - h->sh_addr < h->sh_size)
			return true;
	}
	return false;
}

/* A word of data will hold this address. */
static int add_word(struct search *s, uint64_t at, uint64_t addr)
{
	return in_arrays(s, at) ? vec_push(&s->excluded, addr) : add(s, addr);
}

/* The address that a relocation of type R_X86_64_64 puts down; 0: of another object's symbol. */
static uint64_t symbol_addr(const struct elf_file *f, const struct elf_section *rela,
			    const GElf_Rela *r)
{
	uint32_t link = rela->header.sh_link;
	Elf_Data *data = link < f->sections.n ? elf_section_data(&f->sections.v[link]) : NULL;
	GElf_Sym sym;

	if (!data || !gelf_getsym(data, (int)GELF_R_SYM(r->r_info), &sym) ||
	    sym.st_shndx == SHN_UNDEF)
		return 0;
	return sym.st_value + (uint64_t)r->r_addend;
}

static int read_rela(struct search *s, const struct elf_section *section)
{
	Elf_Data *data = elf_section_data(section);
	GElf_Rela r;
	int err = 0;

	for (int i = 0; data && !err && gelf_getrela(data, i, &r); i++) {
		uint64_t addr = 0;

		if (GELF_R_TYPE(r.r_info) == R_X86_64_RELATIVE)
			addr = (uint64_t)r.r_addend;
		else if (GELF_R_TYPE(r.r_info) == R_X86_64_64)
			addr = symbol_addr(s->f, section, &r);
		if (addr)
			err = add_word(s, r.r_offset, addr);
	}
	return err;
}

/* A word that is relocated in place. */
static int add_relative(struct search *s, uint64_t at)
{
	uint64_t offset = elf_offset_of(&s->f->segments, at), addr;

	if (offset == ELF_NONE ||
	    elf_read_at(s->f->fd, &addr, sizeof(addr), offset) != (ssize_t)sizeof(addr))
		return 0;
	return add_word(s, at, addr);
}

/* Relative relocations, packed (gABI, SHT_RELR): an address, then bitmaps of the words behind. */
static int read_relr(struct search *s, const struct elf_section *section)
{
	Elf_Data *data = elf_section_data(section);
	size_t n = data ? data->d_size / sizeof(uint64_t) : 0;
	uint64_t base = 0;
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		uint64_t word;

		memcpy(&word, (const char *)data->d_buf + i * sizeof(word), sizeof(word));
		if (!(word & 1)) {
			err = add_relative(s, word);
			base = word + 8;
			continue;
		}
		for (uint32_t bit = 1; bit < 64 && !err; bit++) {
			if (word >> bit & 1)
				err = add_relative(s, base + 8UL * (bit - 1));
		}
		base += 63UL * 8;
	}
	return err;
}

#define RELR_TYPE 19 /* SHT_RELR: older <elf.h> lack it */

static int read_relocations(struct search *s)
{
	int err = 0;

	vec_foreach (section, &s->f->sections) {
		if (err)
			break;
		if (section->header.sh_type == SHT_RELA && section->header.sh_flags & SHF_ALLOC)
			err = read_rela(s, section);
		else if (section->header.sh_type == RELR_TYPE)
			err = read_relr(s, section);
	}
	return err;
}

/* Does this stub lead to the C library's register of destructors? */
static bool is_atexit(const struct search *s, uint64_t addr)
{
	uint64_t offset = symbols_offset_of(s->symbols, addr);
	const struct symbol *sym = offset != UINT64_MAX ? symbols_find(s->symbols, offset) : NULL;

	return sym && sym->addr == addr &&
	       (!strcmp(sym->name, "__cxa_atexit@plt") || !strcmp(sym->name, "atexit@plt"));
}

/* `lea FUNCTION(%rip), REG` in a piece of code. */
static int scan_code(struct search *s, ZydisDecoder *decoder, const uint8_t *code, size_t size,
		     uint64_t addr)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	uint64_t handler = 0; /* in rdi, as far as one can see: a destructor to be */
	int err = 0;

	for (size_t at = 0; at < size && !err; at += in.length) {
		uint64_t target;

		if (!ZYAN_SUCCESS(
			ZydisDecoderDecodeFull(decoder, code + at, size - at, &in, ops))) {
			in.length = 1;
			continue;
		}
		if (in.mnemonic == ZYDIS_MNEMONIC_CALL || in.mnemonic == ZYDIS_MNEMONIC_JMP) {
			if (handler && insn_relative_target(&in, &ops[0], addr + at, &target) &&
			    is_atexit(s, target))
				err = vec_push(&s->excluded, handler);
			handler = 0;
		}
		if (in.mnemonic != ZYDIS_MNEMONIC_LEA || ops[1].mem.base != ZYDIS_REGISTER_RIP ||
		    !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&in, &ops[1], addr + at, &target)))
			continue;
		if (ops[0].reg.value == ZYDIS_REGISTER_RDI)
			handler = target;
		err = err ? err : add(s, target);
	}
	return err;
}

/* Function by function, because data stands between some. */
static int read_code(struct search *s)
{
	uint64_t at = 0, start, end, done = 0;
	ZydisDecoder decoder;
	int err = insn_decoder_init(&decoder) ? 0 : -ENOEXEC;

	while (!err && done < TEXT_MAX && symbols_next_code(s->symbols, at, &start, &end)) {
		uint64_t offset = symbols_offset_of(s->symbols, start), size = end - start;
		_cleanup_free_ uint8_t *code = NULL;

		at = end > at ? end : at + 1;
		done += size;
		if (offset == UINT64_MAX || size > TEXT_MAX)
			continue;
		code = malloc(size + 1);
		if (!code)
			return -ENOMEM;
		if (elf_read_at(s->f->fd, code, size, offset) == (ssize_t)size)
			err = scan_code(s, &decoder, code, size, start);
	}
	return err;
}

static int by_address(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Sorted, each once, without what the loader calls. */
static void tidy(const struct search *s, size_t first)
{
	address_vec *v = s->ret;
	size_t kept = first;

	if (v->n > first)
		qsort(v->v + first, v->n - first, sizeof(*v->v), by_address);
	for (size_t i = first; i < v->n; i++) {
		if ((kept == first || v->v[kept - 1] != v->v[i]) && !is_excluded(s, v->v[i]))
			v->v[kept++] = v->v[i];
	}
	v->n = kept;
}

int entrypoints_find(int fd, const struct symbols *symbols, address_vec *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	struct search s = { .symbols = symbols, .ret = ret };
	size_t first = ret->n;
	int err = elf_file_open(fd, &f);

	if (err)
		return err;
	s.f = f;
	err = symbols_each(symbols, add_export, &s);
	err = err ? err : read_relocations(&s);
	err = err ? err : read_code(&s);
	tidy(&s, first);
	if (err)
		ret->n = first;
	vec_done(&s.excluded);
	return err;
}

/* What cgo and the runtime export for themselves. */
static bool is_cgos(const char *name)
{
	static const char *const beginnings[] = { "_cgo", "x_cgo", "crosscall", "_rt0", "fatalf" };

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++) {
		if (!strncmp(beginnings[i], name, strlen(beginnings[i])))
			return true;
	}
	return is_loaders(name);
}

struct go_search {
	struct search s;
	const char *package; /* the plugin's: "example.com/p." with the dot, or NULL: none */
	size_t package_len;
};

/* A plugin's main package bears its path: PATH.main is there, main.main is not. */
static int find_package(const struct symbol *sym, void *arg)
{
	static const char tail[] = ".main";
	struct go_search *g = arg;
	size_t len = strlen(sym->name);

	if (!sym->global || len < sizeof(tail) || strcmp(sym->name + len - 5, tail) != 0 ||
	    !strcmp(sym->name, "main.main"))
		return 0;
	g->package = sym->name;
	g->package_len = len - 4;
	return 1;
}

static bool is_go_entry(const struct go_search *g, const char *name)
{
	if (!g->package || strncmp(name, g->package, g->package_len) != 0)
		return false;
	name += g->package_len;
	return strcmp(name, "main") != 0 && strncmp(name, "init", 4) != 0 && !strchr(name, '/');
}

static int add_go(const struct symbol *sym, void *arg)
{
	struct go_search *g = arg;
	bool is_c = !strchr(sym->name, '.');

	if (is_c ? !sym->global || g->package || is_cgos(sym->name) : !is_go_entry(g, sym->name))
		return 0;
	return add(&g->s, sym->addr);
}

int entrypoints_find_go(int fd, const struct symbols *symbols, address_vec *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	struct go_search g = { .s = { .symbols = symbols, .ret = ret } };
	size_t first = ret->n;
	int err = elf_file_open(fd, &f);

	if (err)
		return err;
	g.s.f = f;
	symbols_each(symbols, find_package, &g);
	err = symbols_each(symbols, add_go, &g);
	tidy(&g.s, first);
	if (err)
		ret->n = first;
	return err;
}
