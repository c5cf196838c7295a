/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Builtins are found by their names in the symbol table. A stripped file has none; but they are
 * by far the largest piece of code that no FDE covers, which the sorted table of .eh_frame_hdr
 * shows.
 */
#include "runtime/v8_builtins.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/elf.h"

#define NAMES    "Builtins_"
#define BLOB_MIN (512U << 10) /* V8 8 has 1.2 MB of them */
#define BLOB_MAX (16U << 20)

/* Encodings of .eh_frame_hdr that all linkers write: sdata4 of addresses from its beginning. */
#define ENCODING_TABLE 0x3b
#define ENCODING_COUNT 0x03
#define ENTRIES_MAX    (4U << 20)

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

static int by_symbols(const struct elf_file *f, uint64_t *start, uint64_t *end)
{
	const struct elf_section *section = elf_section_typed(f, SHT_SYMTAB);
	Elf_Data *data = section ? elf_section_data(section) : NULL;
	uint64_t low = UINT64_MAX, high = 0;
	struct elf_strings strings;
	GElf_Sym sym;

	if (!data)
		return -ENOENT;
	strings = elf_strings_of(f, section->header.sh_link);
	for (int i = 1; gelf_getsym(data, i, &sym); i++) {
		const char *name = elf_string(&strings, sym.st_name);

		if (!name || !sym.st_value || strncmp(name, NAMES, sizeof(NAMES) - 1) != 0)
			continue;
		low = sym.st_value < low ? sym.st_value : low;
		if (sym.st_value + sym.st_size > high)
			high = sym.st_value + sym.st_size;
	}
	if (low >= high || high - low < BLOB_MIN || high - low > BLOB_MAX)
		return -ENOENT;
	*start = low;
	*end = high;
	return 0;
}

struct entry {
	int32_t function, fde; /* addresses minus that of the section */
};

/* How far the function of an FDE reaches: pc_begin and pc_range are of four bytes in all of x86. */
static uint64_t function_size(const struct elf_file *f, uint64_t fde)
{
	uint64_t offset = elf_offset_of(&f->segments, fde);
	uint32_t words[4]; /* length, CIE, begin, range */

	if (offset == ELF_NONE || elf_read_at(f->fd, words, sizeof(words), offset) != sizeof(words))
		return 0;
	return words[3];
}

static void widest_gap(const struct elf_file *f, uint64_t base, const struct entry *v, size_t n,
		       uint64_t *start, uint64_t *end)
{
	for (size_t i = 0; i + 1 < n; i++) {
		int64_t distance = (int64_t)v[i + 1].function - v[i].function;
		uint64_t from, to = base + (uint64_t)(int64_t)v[i + 1].function;
		const struct elf_segment *segment;

		if (distance < BLOB_MIN)
			continue;
		from = base + (uint64_t)(int64_t)v[i].function;
		segment = elf_segment_of(&f->segments, from);
		if (!segment || !segment->exec || to > segment->addr + segment->size)
			continue;
		from += function_size(f, base + (uint64_t)(int64_t)v[i].fde);
		if (from < to && to - from > *end - *start && to - from <= BLOB_MAX) {
			*start = from;
			*end = to;
		}
	}
}

static int by_gap(const struct elf_file *f, uint64_t *start, uint64_t *end)
{
	_cleanup_free_ struct entry *entries = NULL;
	uint64_t low = 0, high = 0;
	uint8_t head[12];
	uint32_t count;
	size_t bytes;
	GElf_Phdr header;

	if (!elf_segment_typed(f, PT_GNU_EH_FRAME, &header) ||
	    elf_read_at(f->fd, head, sizeof(head), header.p_offset) != sizeof(head) ||
	    head[0] != 1 || head[2] != ENCODING_COUNT || head[3] != ENCODING_TABLE)
		return -ENOENT;
	memcpy(&count, head + 8, sizeof(count));
	if (count < 2 || count > ENTRIES_MAX)
		return -ENOENT;
	bytes = count * sizeof(*entries);
	entries = malloc(bytes);
	if (!entries)
		return -ENOMEM;
	if (elf_read_at(f->fd, entries, bytes, header.p_offset + sizeof(head)) != (ssize_t)bytes)
		return -ENOENT;
	widest_gap(f, header.p_vaddr, entries, count, &low, &high);
	if (high - low < BLOB_MIN)
		return -ENOENT;
	*start = low;
	*end = high;
	return 0;
}

int v8_builtins_find(int fd, uint64_t *start, uint64_t *end)
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	int err = elf_file_open(fd, &f);

	if (err)
		return err;
	err = by_symbols(f, start, end);
	return err == -ENOENT ? by_gap(f, start, end) : err;
}
