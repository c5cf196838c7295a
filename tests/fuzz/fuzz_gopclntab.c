/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Go's table of functions and build information. The input is a table whose head is made of small
 * numbers, so that many are accepted: it is parsed alone, then as the data of an ELF file without
 * section headers, where it must be found. What is found lies in the file and agrees with itself:
 * functions, their rules for a walk up the stack, files and lines.
 */
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sym/extent.h"
#include "sym/goinfo.h"
#include "sym/goline.h"
#include "sym/gopclntab.h"
#include "sym/symbols.h"
#include "sym/unwindtable.h"

#define HEAD_FIELDS 8
#define INPUT_MIN   (1 + 2 * HEAD_FIELDS)
#define INPUT_MAX   16384
#define TEXT        0x401000
#define TEXT_SIZE   0x1000
#define DATA        0x402000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

struct listing {
	const struct gopclntab *table;
	uint64_t last;
};

static int check_function(const struct go_function *f, void *arg)
{
	struct listing *l = arg;
	const uint8_t *name = (const uint8_t *)f->name;

	require(f->size && f->addr >= l->last && f->name_len);
	require(name >= l->table->data && name < l->table->data + l->table->size);
	require(f->name_len < l->table->size - (size_t)(name - l->table->data));
	require(strlen(f->name) == f->name_len);
	l->last = f->addr;
	return 0;
}

/* The first byte picks a version and whether the head is taken as it is. */
static size_t make_table(const uint8_t *data, size_t size, uint8_t *table)
{
	static const uint32_t magics[] = { 0xfffffffa, 0xfffffff0, 0xfffffff1 };
	uint64_t head[1 + HEAD_FIELDS] = { magics[data[0] % 3] | 0x0801ull << 48 };
	bool raw = data[0] & 0x80;
	size_t body = size - INPUT_MIN;

	for (size_t i = 0; i < HEAD_FIELDS; i++)
		head[1 + i] = data[1 + 2 * i] | (uint64_t)data[2 + 2 * i] << 8;
	if (data[0] & 0x40)
		head[3] = TEXT;
	memcpy(table, head, sizeof(head));
	memcpy(table + (raw ? 8 : sizeof(head)), data + INPUT_MIN, body);
	return body + (raw ? 8 : sizeof(head));
}

/* Behind the table: moduledata that says where code begins, and build information. */
static size_t add_others(const uint8_t *data, size_t size, uint8_t *table, size_t len)
{
	uint64_t module[23] = { DATA, [22] = TEXT };
	size_t tail = size - INPUT_MIN < 64 ? size - INPUT_MIN : 64;

	while (len % 16)
		table[len++] = 0;
	if (data[0] & 0x20) {
		memcpy(table + len, module, sizeof(module));
		len += sizeof(module) + 8;
	}
	if (data[0] & 0x10) {
		memcpy(table + len, "\xff Go buildinf:", 14);
		memcpy(table + len + 14, data + size - tail, tail);
		len += 14 + tail;
	}
	return len;
}

static void fuzz_table(uint8_t *bytes, size_t size)
{
	struct gopclntab t;
	struct listing l = { .table = &t };

	if (size >= GOPCLNTAB_HEAD && !gopclntab_parse(bytes, size, &t))
		gopclntab_each(&t, check_function, &l);
}

static int check_symbol(const struct symbol *sym, void *arg)
{
	const struct symbols *s = arg;
	const struct symbol *found = symbols_find(s, sym->offset);

	require(*sym->name && sym->size && sym->size <= TEXT + TEXT_SIZE - sym->addr);
	require(found && found->offset == sym->offset);
	require(symbols_true_size(s, sym) == sym->size);
	return 0;
}

static void check_rules(int fd)
{
	struct unwindtable *t = NULL;

	if (unwindtable_read(fd, &t))
		return;
	for (size_t i = 0; i < t->n; i++) {
		require(!i || t->rows[i].addr > t->rows[i - 1].addr);
		require(t->rows[i].rule < t->rules_n);
	}
	unwindtable_free(t);
}

static void check_lines(int fd)
{
	struct go_lines *g = NULL;
	source_frames frames;

	if (golines_open(fd, &g))
		return;
	for (uint64_t at = TEXT - 1; at < TEXT + TEXT_SIZE; at += 37) {
		golines_find(g, at, &frames);
		require(frames.n <= SOURCE_FRAMES_MAX);
		for (uint32_t i = 0; i < frames.n; i++) {
			require(frames.v[i].name && *frames.v[i].name);
			require(!frames.v[i].line || (frames.v[i].file && *frames.v[i].file));
			require(frames.v[i].inlined == (i + 1 < frames.n));
		}
	}
	golines_free(g);
}

static void check_file(const uint8_t *file, size_t size)
{
	_cleanup_close_ int fd = memfd_create("fuzzed", MFD_CLOEXEC);

	if (fd < 0 || write(fd, file, size) != (ssize_t)size)
		return;
	check_rules(fd);
	check_lines(fd);
}

static void fuzz_file(const uint8_t *bytes, size_t size)
{
	static uint8_t file[0x2000 + INPUT_MAX + 512];
	Elf64_Ehdr e = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(e),
		.e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
		.e_shentsize = sizeof(Elf64_Shdr),
	};
	Elf64_Phdr segments[] = {
		{ PT_LOAD, PF_R | PF_X, 0x1000, TEXT, TEXT, TEXT_SIZE, TEXT_SIZE, 0x1000 },
		{ PT_LOAD, PF_R, 0x2000, DATA, DATA, size, size, 0x1000 },
	};
	struct go_info info;
	struct symbols *s;

	memcpy(file, &e, sizeof(e));
	memcpy(file + sizeof(e), segments, sizeof(segments));
	memcpy(file + 0x1000, bytes, size < TEXT_SIZE ? size : TEXT_SIZE); /* as code */
	memcpy(file + 0x2000, bytes, size);
	check_file(file, 0x2000 + size);
	if (symbols_open_memory(file, 0x2000 + size, &s))
		return;
	symbols_each(s, check_symbol, s);
	if (symbols_go_info(s, &info))
		require(info.version_major == 1 && info.version_minor < 10000);
	symbols_free(s);
}

static void fuzz_version(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct go_info info;

	if (text && goinfo_of_version(text, &info))
		require(info.version_major == 1);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact;
	size_t len;

	fuzz_version(data, size);
	if (size < INPUT_MIN || size > INPUT_MAX)
		return 0;
	/* Of the exact size, so that the sanitizer sees what lies beyond. */
	exact = calloc(1, size + 512);
	if (!exact)
		return 0;
	len = make_table(data, size, exact);
	len = add_others(data, size, exact, len);
	exact = realloc(exact, len);
	if (!exact)
		return 0;
	fuzz_file(exact, len);
	fuzz_table(exact, len);
	free(exact);
	return 0;
}
