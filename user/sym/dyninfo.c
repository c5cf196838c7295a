/* SPDX-License-Identifier: GPL-2.0-only */
/* What an ELF object tells the dynamic loader. */
#include "sym/dyninfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/elf.h"
#include "sym/symbols.h"

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

_Static_assert(sizeof(((struct dyninfo *)0)->build_id) == 2 * BUILD_ID_MAX + 1, "room for its hex");

static void read_build_id(const struct elf_file *f, struct dyninfo *n)
{
	uint8_t id[BUILD_ID_MAX];
	uint32_t len = elf_build_id(f, id, sizeof(id));

	for (uint32_t i = 0; i < len; i++)
		snprintf(n->build_id + 2UL * i, 3, "%02x", id[i]);
}

static int add_name(struct dyninfo *n, const char *name)
{
	char *copy;

	if (!name || n->names.n >= DYNINFO_NAMES_MAX)
		return 0;
	copy = strdup(name);
	if (copy && !vec_push(&n->names, copy))
		return 0;
	free(copy);
	return -ENOMEM;
}

static int read_entry(const GElf_Dyn *d, const struct elf_strings *strings, struct dyninfo *n)
{
	const char *name;

	switch (d->d_tag) {
	case DT_NEEDED:
		return add_name(n, elf_string(strings, d->d_un.d_val));
	case DT_SONAME:
		name = elf_string(strings, d->d_un.d_val);
		if (!name || n->soname)
			return 0;
		n->soname = strdup(name);
		return n->soname ? 0 : -ENOMEM;
	case DT_FLAGS_1:
		n->nodelete = d->d_un.d_val & DF_1_NODELETE;
		return 0;
	default:
		return 0;
	}
}

int dyninfo_read(int fd, struct dyninfo *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	const struct elf_section *section;
	struct elf_strings strings;
	struct dyninfo n = {};
	int err = elf_file_open(fd, &f);
	Elf_Data *data;
	GElf_Dyn d;

	if (err)
		return err;
	read_build_id(f, &n);
	if (f->segments.n && f->segments.v[0].exec) {
		n.exec_addr = f->segments.v[0].addr;
		n.exec_offset = f->segments.v[0].offset;
		n.exec_size = f->segments.v[0].size;
	}
	section = elf_section_typed(f, SHT_DYNAMIC);
	data = section ? elf_section_data(section) : NULL;
	if (data)
		strings = elf_strings_of(f, section->header.sh_link);
	n.dynamic = data != NULL;
	for (int i = 0; data && !err && gelf_getdyn(data, i, &d) && d.d_tag != DT_NULL; i++)
		err = read_entry(&d, &strings, &n);
	if (err) {
		dyninfo_done(&n);
		return err;
	}
	*ret = n;
	return 0;
}

void dyninfo_done(struct dyninfo *n)
{
	vec_foreach (name, &n->names)
		free(*name);
	vec_done(&n->names);
	free(n->soname);
	n->soname = NULL;
}
