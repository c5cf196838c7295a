/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opens and checks an ELF file: its headers, the way between addresses and file offsets, strings
 * and notes. Reads by pread() and never maps: a target may shrink its file at any moment, and
 * the SIGBUS of a mapping would be ours.
 */
#pragma once

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/vec.h"

#define ELF_NONE UINT64_MAX

/* A PT_LOAD, as far as it has bytes in the file. */
struct elf_segment {
	uint64_t addr, offset, size;
	bool exec;
};

/* Executable ones first: they win where two segments share a page of the file. */
typedef VEC(struct elf_segment) elf_segments;

struct elf_section {
	Elf_Scn *scn;
	const char *name; /* "" when broken */
	GElf_Shdr header;
};

struct elf_file {
	int fd; /* the caller's */
	uint64_t size;
	Elf *elf;
	GElf_Ehdr ehdr;
	elf_segments segments;
	VEC(struct elf_section) sections;
};

/* A string table: every offset below size begins a terminated string. */
struct elf_strings {
	const char *data;
	size_t size;
};

struct elf_bytes {
	const uint8_t *data;
	size_t size;
};

/* 0, -ENOEXEC (no little-endian ELF file, or a damaged one), -ENOMEM. fd must outlive the file. */
int elf_file_open(int fd, struct elf_file **ret);
void elf_file_free(struct elf_file *f);

/* The first section of that name, or of that type; NULL: none. */
const struct elf_section *elf_section_named(const struct elf_file *f, const char *name);
const struct elf_section *elf_section_typed(const struct elf_file *f, uint32_t type);
/* The first program header of that type; ret is overwritten also when there is none. */
bool elf_segment_typed(const struct elf_file *f, uint32_t type, GElf_Phdr *ret);
/* The contents as libelf holds them until the file is freed; NULL: none, damaged or oversized. */
Elf_Data *elf_section_data(const struct elf_section *s);

/*
 * A section of debug information: ".debug_" and the name, or ".zdebug_" and the name. Compressed
 * contents are unpacked, and held until the file is freed. Empty: none, damaged or oversized.
 */
struct elf_bytes elf_section_debug(const struct elf_file *f, const char *name);

/* The string table with a section index, as sh_link names it; empty when there is none. */
struct elf_strings elf_strings_of(const struct elf_file *f, uint32_t index);
/* NULL when the offset is out of bounds. */
const char *elf_string(const struct elf_strings *s, uint64_t offset);

/* ELF_NONE: no segment holds it. */
uint64_t elf_offset_of(const elf_segments *segments, uint64_t addr);
uint64_t elf_addr_of(const elf_segments *segments, uint64_t offset);
/* The segment that holds an address, or NULL. */
const struct elf_segment *elf_segment_of(const elf_segments *segments, uint64_t addr);

/* Copies the GNU build ID, at most `max` bytes; its length, 0: none, or longer. */
uint32_t elf_build_id(const struct elf_file *f, uint8_t *id, uint32_t max);

/* Reads up to n bytes at a file offset: how many there were, or a negative errno. */
ssize_t elf_read_at(int fd, void *buf, size_t n, uint64_t offset);
