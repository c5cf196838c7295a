/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Static probes. The input is an argument string, and once more the notes of an object with one
 * page of nops, or, when it begins with ELF's magic bytes, a whole file.
 */
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sym/usdt.h"

#define CODE      0x1000 /* offset and address */
#define CODE_SIZE 0x1000
#define NAMES     "\0.note.stapsdt\0.stapsdt.base"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static void check_arg(const struct usdt_arg *a)
{
	bool has_reg = a->reg != USDT_NONE, has_index = a->index != USDT_NONE;

	require(a->kind <= USDT_MEM);
	require(a->reg <= USDT_RSP || !has_reg);
	require(a->index <= USDT_RSP || !has_index);
	require(has_index == (a->scale > 0) && a->scale <= 8);
	if (a->kind == USDT_OTHER)
		require(!has_reg && !has_index && !a->value);
	else
		require(a->size >= -8 && a->size <= 8 && a->size);
	if (a->kind == USDT_MEM)
		require(a->value >= INT32_MIN && a->value <= INT32_MAX);
}

static void parse(const uint8_t *data, size_t size)
{
	struct usdt_arg args[USDT_ARGS_MAX];
	char *text = malloc(size + 1);
	uint8_t n;

	require(text);
	memcpy(text, data, size);
	text[size] = '\0';
	n = usdt_args_parse(text, args);
	require(n <= USDT_ARGS_MAX);
	for (uint8_t i = 0; i < n; i++)
		check_arg(&args[i]);
	free(text);
}

static void read_file(int fd, size_t size)
{
	struct usdt_probes probes;

	if (usdt_read(fd, &probes))
		return;
	vec_foreach (p, &probes.sites) {
		require(p->offset < size && p->semaphore < size && p->nargs <= USDT_ARGS_MAX);
		require(*p->provider && *p->name && strlen(p->name) < size);
		for (uint8_t i = 0; i < p->nargs; i++)
			check_arg(&p->args[i]);
	}
	usdt_done(&probes);
}

/* Headers, code, then what is fuzzed. */
static void write_image(int fd, const uint8_t *data, size_t size)
{
	static uint8_t head[CODE + CODE_SIZE];
	Elf64_Ehdr e = { .e_ident = ELFMAG, .e_type = ET_DYN, .e_machine = EM_X86_64 };
	Elf64_Phdr p[2] = { { .p_type = PT_LOAD, .p_flags = PF_R | PF_X },
			    { .p_type = PT_LOAD, .p_flags = PF_R | PF_W } };
	Elf64_Shdr s[3] = { [1] = { .sh_name = 1, .sh_type = SHT_NOTE },
			    [2] = { .sh_name = 15, .sh_type = SHT_PROGBITS } };

	e.e_ident[EI_CLASS] = ELFCLASS64;
	e.e_ident[EI_DATA] = ELFDATA2LSB;
	e.e_ident[EI_VERSION] = EV_CURRENT;
	e.e_version = EV_CURRENT;
	e.e_ehsize = sizeof(e);
	e.e_phoff = 0x100;
	e.e_phentsize = sizeof(*p);
	e.e_phnum = 2;
	e.e_shoff = 0x200;
	e.e_shentsize = sizeof(*s);
	e.e_shnum = 3;
	e.e_shstrndx = 2; /* .stapsdt.base doubles as the names */
	p[0].p_offset = p[0].p_vaddr = CODE;
	p[0].p_filesz = p[0].p_memsz = CODE_SIZE;
	p[1].p_vaddr = CODE + CODE_SIZE;
	p[1].p_filesz = p[1].p_memsz = 0x100;
	s[1].sh_offset = sizeof(head);
	s[1].sh_size = size;
	s[2].sh_type = SHT_STRTAB;
	s[2].sh_offset = 0x400;
	s[2].sh_addr = CODE;
	s[2].sh_size = sizeof(NAMES);
	memcpy(head, &e, sizeof(e));
	memcpy(head + e.e_phoff, p, sizeof(p));
	memcpy(head + e.e_shoff, s, sizeof(s));
	memcpy(head + 0x400, NAMES, sizeof(NAMES));
	memset(head + CODE, 0x90, CODE_SIZE);
	require(write(fd, head, sizeof(head)) == sizeof(head));
	require(write(fd, data, size) == (ssize_t)size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool whole = size > SELFMAG && !memcmp(data, ELFMAG, SELFMAG);
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	require(fd >= 0);
	parse(data, size);
	if (whole)
		require(write(fd, data, size) == (ssize_t)size);
	else
		write_image(fd, data, size);
	read_file(fd, whole ? size : CODE + CODE_SIZE + size);
	close(fd);
	return 0;
}
