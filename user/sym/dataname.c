/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of data. */
#include "sym/dataname.h"

#include <string.h>

#include "lib/cleanup.h"
#include "sym/elf.h"

static char *find(const struct elf_file *f, uint32_t type, uint64_t addr)
{
	const struct elf_section *s = elf_section_typed(f, type);
	Elf_Data *data = elf_section_data(s);
	struct elf_strings strings;
	GElf_Sym sym;

	if (!data)
		return NULL;
	strings = elf_strings_of(f, s->header.sh_link);
	for (int i = 0; gelf_getsym(data, i, &sym); i++) {
		const char *name;

		if (sym.st_value != addr || sym.st_shndx == SHN_UNDEF)
			continue;
		name = elf_string(&strings, sym.st_name);
		if (name && *name)
			return strdup(name);
	}
	return NULL;
}

char *data_symbol_name(int fd, uint64_t addr)
{
	struct elf_file *f;
	char *name;

	if (elf_file_open(fd, &f))
		return NULL;
	name = find(f, SHT_SYMTAB, addr);
	if (!name)
		name = find(f, SHT_DYNSYM, addr);
	elf_file_free(f);
	return name;
}
