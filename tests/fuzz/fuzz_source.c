/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source lines and inlined functions. By its first byte the input becomes a line program behind a
 * sound head, or the whole of .debug_line; DIEs behind sound abbreviations, or .debug_abbrev and
 * .debug_info. What is found must agree with itself, and come in time.
 */
#include <dwarf.h>
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/clock.h"
#include "sym/source.h"
#include "sym/symbols.h"

#define NAMES     "\0.debug_info\0.debug_abbrev\0.debug_line\0.text\0.names"
#define TEXT      0x1000 /* address and size of what is asked about */
#define QUESTIONS 256
#define TIME_NS   15000000000ull /* sanitizers are slow */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

struct bytes {
	const void *data;
	size_t size;
};

/* A file of the three sections, and code at TEXT. */
static void write_image(int fd, const struct bytes parts[3])
{
	static const uint8_t code[TEXT];
	Elf64_Phdr p = { .p_type = PT_LOAD, .p_flags = PF_X | PF_R, .p_vaddr = TEXT };
	Elf64_Shdr s[6] = {
		{ 0 },
		{ .sh_name = 1 },
		{ .sh_name = 13 },
		{ .sh_name = 27 },
		{ .sh_name = 39, .sh_flags = SHF_ALLOC | SHF_EXECINSTR, .sh_addr = TEXT },
		{ .sh_name = 45 }
	};
	const struct bytes all[5] = {
		parts[0], parts[1], parts[2], { code, sizeof(code) }, { NAMES, sizeof(NAMES) }
	};
	Elf64_Ehdr e = { .e_ident = ELFMAG, .e_type = ET_DYN, .e_machine = EM_X86_64 };
	uint64_t at = sizeof(e) + sizeof(p) + sizeof(s);

	e.e_ident[EI_CLASS] = ELFCLASS64;
	e.e_ident[EI_DATA] = ELFDATA2LSB;
	e.e_ident[EI_VERSION] = e.e_version = EV_CURRENT;
	e.e_ehsize = e.e_phoff = sizeof(e);
	e.e_phentsize = sizeof(p);
	e.e_phnum = 1;
	e.e_shoff = sizeof(e) + sizeof(p);
	e.e_shentsize = sizeof(*s);
	e.e_shnum = 6;
	e.e_shstrndx = 5;
	for (int i = 0; i < 5; i++) {
		s[i + 1].sh_type = i == 4 ? SHT_STRTAB : SHT_PROGBITS;
		s[i + 1].sh_offset = at;
		s[i + 1].sh_size = all[i].size;
		at += all[i].size;
	}
	p.p_offset = s[4].sh_offset;
	p.p_filesz = p.p_memsz = TEXT;
	require(write(fd, &e, sizeof(e)) == sizeof(e) && write(fd, &p, sizeof(p)) == sizeof(p) &&
		write(fd, s, sizeof(s)) == sizeof(s));
	for (int i = 0; i < 5; i++)
		require(write(fd, all[i].data, all[i].size) == (ssize_t)all[i].size);
}

static void ask(const struct symbols *s, uint64_t offset)
{
	source_frames f;

	if (symbols_source(s, offset, &f))
		return;
	require(f.n <= SOURCE_FRAMES_MAX);
	for (uint32_t i = 0; i < f.n; i++) {
		require(f.v[i].inlined == (i + 1 < f.n));
		require(!f.v[i].name || *f.v[i].name);
		require(!f.v[i].file || *f.v[i].file);
	}
}

static void read_file(int fd)
{
	uint64_t started = clock_monotonic_ns();
	struct symbols *s = NULL;

	require(!symbols_open(fd, NULL, "", &s));
	for (uint64_t i = 0; i < QUESTIONS; i++)
		ask(s, symbols_offset_of(s, TEXT + i * TEXT / QUESTIONS));
	require(symbols_memory(s) < 256u << 20);
	symbols_free(s);
	require(clock_monotonic_ns() - started < TIME_NS);
}

/* clang-format off */
static const uint8_t abbreviations[] = {
	1, DW_TAG_compile_unit, 1, DW_AT_language, DW_FORM_data1, DW_AT_comp_dir, DW_FORM_string,
	DW_AT_stmt_list, DW_FORM_sec_offset, DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc,
	DW_FORM_data4, 0, 0,
	2, DW_TAG_subprogram, 1, DW_AT_name, DW_FORM_string, DW_AT_low_pc, DW_FORM_addr,
	DW_AT_high_pc, DW_FORM_data2, 0, 0,
	3, DW_TAG_inlined_subroutine, 1, DW_AT_abstract_origin, DW_FORM_ref1, DW_AT_low_pc,
	DW_FORM_addr, DW_AT_high_pc, DW_FORM_data1, DW_AT_call_file, DW_FORM_data1,
	DW_AT_call_line, DW_FORM_data1, 0, 0,
	4, DW_TAG_subprogram, 1, DW_AT_linkage_name, DW_FORM_string, 0, 0,
	5, DW_TAG_namespace, 1, DW_AT_name, DW_FORM_string, 0, 0,
	6, DW_TAG_class_type, 1, DW_AT_sibling, DW_FORM_ref1, 0, 0,
	7, DW_TAG_subprogram, 0, DW_AT_specification, DW_FORM_ref1, DW_AT_ranges,
	DW_FORM_sec_offset, 0, 0,
	8, DW_TAG_lexical_block, 1, 0, 0,
	9, DW_TAG_variable, 0, DW_AT_location, DW_FORM_exprloc, 0, 0,
	0,
};
/* clang-format on */

struct unit {
	uint32_t size;
	uint16_t version;
	uint32_t abbreviations;
	uint8_t address_size, code, language;
	char comp_dir[3];
	uint32_t lines;
	uint64_t low;
	uint32_t high;
} __attribute__((packed));

struct line_head {
	uint32_t size;
	uint16_t version;
	uint32_t header_size;
	uint8_t min_instruction, max_operations, is_stmt;
	int8_t line_base;
	uint8_t line_range, opcode_base, lengths[12];
	char dirs[3], files[6];
	uint8_t set_address[3];
	uint64_t addr;
} __attribute__((packed));

static void *with_head(const void *head, size_t n, const uint8_t *data, size_t size)
{
	uint8_t *all = malloc(n + size + 1);

	require(all);
	memcpy(all, head, n);
	if (size)
		memcpy(all + n, data, size);
	return all;
}

static void write_input(int fd, const uint8_t *data, size_t size)
{
	uint8_t how = size ? *data : 0;
	size_t half = size > 1 ? data[1] * size / 256 : 0;
	const uint8_t *rest = data + (size > 1 ? 2 : size);
	struct bytes parts[3];
	struct unit unit = { .version = 4,
			     .address_size = 8,
			     .code = 1,
			     .comp_dir = "/d",
			     .low = TEXT,
			     .high = TEXT,
			     .language = how & 4 ? DW_LANG_C99 : DW_LANG_C_plus_plus };
	struct line_head head = { .version = 4,
				  .min_instruction = 1,
				  .max_operations = 1,
				  .line_base = -5,
				  .line_range = 14,
				  .opcode_base = 13,
				  .lengths = { 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1 },
				  .dirs = "s",
				  .files = "f\0\1\0\0",
				  .set_address = { 0, 9, 2 },
				  .addr = TEXT };
	size_t left = size - (size_t)(rest - data), dies;
	void *info, *line;

	dies = half < left ? half : left;
	unit.size = (uint32_t)(sizeof(unit) + dies - 4);
	head.size = (uint32_t)(sizeof(head) + left - dies - 4);
	head.header_size =
	    offsetof(struct line_head, set_address) - offsetof(struct line_head, min_instruction);
	info = with_head(&unit, how & 1 ? 0 : sizeof(unit), rest, dies);
	line = with_head(&head, how & 2 ? 0 : sizeof(head), rest + dies, left - dies);
	parts[0] = (struct bytes){ info, dies + (how & 1 ? 0 : sizeof(unit)) };
	parts[1] = (struct bytes){ abbreviations, sizeof(abbreviations) };
	/* Then the abbreviations are the input's, too. */
	if (how & 8)
		parts[1] = (struct bytes){ line, left - dies };
	parts[2] = (struct bytes){ line, left - dies + (how & 2 ? 0 : sizeof(head)) };
	write_image(fd, parts);
	free(info);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	require(fd >= 0);
	write_input(fd, data, size);
	read_file(fd);
	close(fd);
	return 0;
}
