/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debug information. By its last byte, the input becomes the DIEs of a unit whose head and
 * abbreviations are sound, or all of .debug_abbrev and .debug_info; when it begins with ELF's
 * magic bytes it is the whole file. Once more it is a function's name. Questions must end in
 * time, with answers that agree with themselves.
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
#include "sym/demangle.h"
#include "sym/rettype.h"

#define NAMES     "\0.debug_info\0.debug_abbrev\0.names"
#define QUESTIONS 64
#define TIME_NS   10000000000ull /* sanitizers are slow */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static void ask(struct return_types *t, uint64_t addr)
{
	struct return_type type = { .kind = 0xff }, again;

	if (!return_type_of(t, addr, &type)) {
		require(type.kind == 0xff);
		return;
	}
	require(type.kind <= RETURN_GO_ERROR);
	require(type.width <= 8 && !(type.width & (type.width - 1)));
	require(type.reg < 9 && (type.kind == RETURN_GO_ERROR || !type.reg));
	require(!return_type_of(t, addr, &again) || !memcmp(&type, &again, sizeof(type)));
}

static void read_file(int fd)
{
	uint64_t started = clock_monotonic_ns();
	struct return_types *t;

	if (return_types_open(fd, NULL, "", &t))
		return;
	for (uint64_t i = 0; i < QUESTIONS; i++) {
		ask(t, i);
		ask(t, i << 4 | 0x1000);
		ask(t, i << 56 | i);
	}
	ask(t, UINT64_MAX);
	return_types_free(t);
	require(clock_monotonic_ns() - started < TIME_NS);
}

/* Abbreviations that lead everywhere; references are one byte, so that chance finds them. */
/* clang-format off */
static const uint8_t abbreviations[] = {
	1,  DW_TAG_compile_unit, 1, DW_AT_language, DW_FORM_data1, DW_AT_producer, DW_FORM_string,
	DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc, DW_FORM_data4, 0, 0,
	2,  DW_TAG_subprogram, 1, DW_AT_low_pc, DW_FORM_addr, DW_AT_type, DW_FORM_ref1, 0, 0,
	3,  DW_TAG_subprogram, 1, DW_AT_low_pc, DW_FORM_addr, DW_AT_abstract_origin, DW_FORM_ref1,
	0, 0,
	4,  DW_TAG_typedef, 0, DW_AT_type, DW_FORM_ref1, 0, 0,
	5,  DW_TAG_base_type, 0, DW_AT_encoding, DW_FORM_data1, DW_AT_byte_size, DW_FORM_data1, 0, 0,
	6,  DW_TAG_pointer_type, 0, 0, 0,
	7,  DW_TAG_structure_type, 1, DW_AT_name, DW_FORM_string, 0, 0,
	8,  DW_TAG_member, 0, DW_AT_type, DW_FORM_ref1, 0, 0,
	9,  DW_TAG_array_type, 1, DW_AT_type, DW_FORM_ref1, 0, 0,
	10, DW_TAG_subrange_type, 0, DW_AT_count, DW_FORM_data1, 0, 0,
	11, DW_TAG_formal_parameter, 0, DW_AT_variable_parameter, DW_FORM_flag, DW_AT_type,
	DW_FORM_ref1, 0, 0,
	12, DW_TAG_enumeration_type, 1, DW_AT_byte_size, DW_FORM_data1, DW_AT_type, DW_FORM_ref1, 0,
	0,
	13, DW_TAG_enumerator, 0, DW_AT_const_value, DW_FORM_sdata, 0, 0,
	14, DW_TAG_namespace, 1, DW_AT_sibling, DW_FORM_ref1, 0, 0,
	15, DW_TAG_formal_parameter, 0, DW_AT_abstract_origin, DW_FORM_ref1, 0, 0,
	16, DW_TAG_typedef, 0, DW_AT_name, DW_FORM_string, DW_AT_type, DW_FORM_ref1, 0, 0,
	17, DW_TAG_subprogram, 1, DW_AT_ranges, DW_FORM_sec_offset, 0, 0,
	18, DW_TAG_lexical_block, 1, 0, 0,
	0,
};
/* clang-format on */

struct unit {
	uint32_t size;
	uint16_t version;
	uint32_t abbreviations;
	uint8_t address_size, code, language;
	char producer[8];
	uint64_t low;
	uint32_t high;
} __attribute__((packed));

struct input {
	const void *abbrev, *info;
	size_t abbrev_size, info_size;
};

static void write_image(int fd, const struct input *in)
{
	Elf64_Shdr s[4] = { [1] = { .sh_name = 1, .sh_type = SHT_PROGBITS },
			    [2] = { .sh_name = 13, .sh_type = SHT_PROGBITS },
			    [3] = { .sh_name = 27, .sh_type = SHT_STRTAB } };
	Elf64_Ehdr e = { .e_ident = ELFMAG, .e_type = ET_DYN, .e_machine = EM_X86_64 };

	e.e_ident[EI_CLASS] = ELFCLASS64;
	e.e_ident[EI_DATA] = ELFDATA2LSB;
	e.e_ident[EI_VERSION] = EV_CURRENT;
	e.e_version = EV_CURRENT;
	e.e_ehsize = sizeof(e);
	e.e_shoff = sizeof(e);
	e.e_shentsize = sizeof(*s);
	e.e_shnum = 4;
	e.e_shstrndx = 3;
	s[3].sh_offset = sizeof(e) + sizeof(s);
	s[3].sh_size = sizeof(NAMES);
	s[2].sh_offset = s[3].sh_offset + s[3].sh_size;
	s[2].sh_size = in->abbrev_size;
	s[1].sh_offset = s[2].sh_offset + s[2].sh_size;
	s[1].sh_size = in->info_size;
	require(write(fd, &e, sizeof(e)) == sizeof(e) && write(fd, s, sizeof(s)) == sizeof(s));
	require(write(fd, NAMES, sizeof(NAMES)) == sizeof(NAMES));
	require(write(fd, in->abbrev, in->abbrev_size) == (ssize_t)in->abbrev_size);
	require(write(fd, in->info, in->info_size) == (ssize_t)in->info_size);
}

/* A unit around the DIEs, whose last byte chooses the language. */
static void write_dies(int fd, const uint8_t *data, size_t size)
{
	static const uint8_t languages[] = { DW_LANG_C99, DW_LANG_Go, DW_LANG_Rust,
					     DW_LANG_C_plus_plus };
	struct unit unit = { .version = 4,
			     .address_size = 8,
			     .code = 1,
			     .producer = " regabi",
			     .low = 1,
			     .high = 1 << 20 };
	struct input in = { .abbrev = abbreviations, .abbrev_size = sizeof(abbreviations) };
	uint8_t *info = malloc(sizeof(unit) + size);

	require(info);
	unit.size = (uint32_t)(sizeof(unit) + size - sizeof(unit.size));
	unit.language = languages[data[size - 1] % sizeof(languages)];
	memcpy(info, &unit, sizeof(unit));
	memcpy(info + sizeof(unit), data, size);
	in.info = info;
	in.info_size = sizeof(unit) + size;
	write_image(fd, &in);
	free(info);
}

static void write_input(int fd, const uint8_t *data, size_t size)
{
	size_t abbrev = size ? (size_t)(data[size - 1] & 0x7f) * size / 128 : 0;
	struct input in = { data, data + abbrev, abbrev, size - abbrev };

	if (size > SELFMAG && !memcmp(data, ELFMAG, SELFMAG))
		require(write(fd, data, size) == (ssize_t)size);
	else if (size && data[size - 1] < 0xc0)
		write_dies(fd, data, size);
	else
		write_image(fd, &in);
}

static void read_name(const uint8_t *data, size_t size)
{
	char *name = malloc(size + 1), *text;

	require(name);
	memcpy(name, data, size);
	name[size] = '\0';
	return_is_comparison(name);
	text = demangle_type(name);
	require(!text || *text);
	free(text);
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	require(fd >= 0);
	read_name(data, size);
	write_input(fd, data, size);
	read_file(fd);
	close(fd);
	return 0;
}
