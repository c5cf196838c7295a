/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses of a few dynamic symbols by name. */
#include "sym/exports.h"

#include <string.h>

#include "lib/cleanup.h"
#include "sym/elf.h"

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

static int fill(struct export_symbol *symbols, size_t n, const char *name, const GElf_Sym *sym)
{
	for (size_t i = 0; i < n; i++) {
		if (symbols[i].addr || strcmp(symbols[i].name, name) != 0)
			continue;
		symbols[i].addr = sym->st_value;
		symbols[i].size = sym->st_size;
		return 1;
	}
	return 0;
}

int exports_find(int fd, struct export_symbol *symbols, size_t n)
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	const struct elf_section *section;
	struct elf_strings strings;
	int found = 0, err = elf_file_open(fd, &f);
	Elf_Data *data;
	GElf_Sym sym;

	for (size_t i = 0; i < n; i++)
		symbols[i].addr = symbols[i].size = 0;
	if (err)
		return err;
	section = elf_section_typed(f, SHT_DYNSYM);
	data = section ? elf_section_data(section) : NULL;
	if (!data)
		return 0;
	strings = elf_strings_of(f, section->header.sh_link);
	for (int i = 1; (size_t)found < n && gelf_getsym(data, i, &sym); i++) {
		const char *name = elf_string(&strings, sym.st_name);

		if (name && sym.st_value && sym.st_shndx != SHN_UNDEF)
			found += fill(symbols, n, name, &sym);
	}
	return found;
}
