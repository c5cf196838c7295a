/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of functions: by linkage name where there is one, else put together. */
#include "sym/scopename.h"

#include <dwarf.h>
#include <string.h>

#include "lib/buf.h"
#include "sym/demangle.h"

#define HOPS_MAX    8    /* from an instance over the abstract function to the declaration */
#define NESTING_MAX 32   /* of namespaces and classes */
#define NAME_BYTES  4096 /* what is longer is of no use to a reader */

static bool is_usable(const char *name)
{
	return name && *name && strnlen(name, NAME_BYTES) < NAME_BYTES;
}

static const char *linkage_name(const struct dwarfinfo *d, Dwarf_Die *die)
{
	const char *name = dwarfinfo_string(d, die, DW_AT_linkage_name);

	return name ? name : dwarfinfo_string(d, die, DW_AT_MIPS_linkage_name);
}

static bool follow(const struct dwarfinfo *d, Dwarf_Die *die)
{
	Dwarf_Die to;

	if (dwarfinfo_follow(d, die, DW_AT_abstract_origin, &to) != DWARF_FOUND &&
	    dwarfinfo_follow(d, die, DW_AT_specification, &to) != DWARF_FOUND)
		return false;
	*die = to;
	return true;
}

static const char *container_name(const struct dwarfinfo *d, Dwarf_Die *die)
{
	const char *name = dwarfinfo_name(d, die);

	if (is_usable(name))
		return name;
	return dwarf_tag(die) == DW_TAG_namespace ? "(anonymous namespace)" : "{unnamed type}";
}

/* The name of a DIE with those around it, the outermost first. */
static char *qualified(const struct dwarfinfo *d, const struct scopes *s, uint64_t die,
		       const char *name)
{
	uint32_t around[NESTING_MAX], n = 0;
	struct buf b = {};

	for (uint32_t c = scopes_container(s, die); c != SCOPE_NONE && n < NESTING_MAX;
	     c = s->containers.v[c].parent)
		around[n++] = c;
	while (n) {
		Dwarf_Die outer;

		if (!dwarf_offdie(d->dwarf, s->containers.v[around[--n]].start, &outer))
			continue;
		buf_add_str(&b, container_name(d, &outer));
		buf_add_str(&b, "::");
	}
	buf_add_str(&b, name);
	if (!b.err && b.len < NAME_BYTES)
		return b.data;
	buf_done(&b);
	return NULL;
}

char *scopename(const struct dwarfinfo *d, const struct scopes *s, uint64_t function)
{
	const char *linkage = NULL, *name = NULL;
	Dwarf_Die die;
	char *readable;

	if (!dwarf_offdie(d->dwarf, function, &die))
		return NULL;
	for (int hops = 0; hops < HOPS_MAX && !linkage; hops++) {
		linkage = linkage_name(d, &die);
		if (!name && is_usable(dwarfinfo_name(d, &die)))
			name = dwarfinfo_name(d, &die);
		if (linkage || !follow(d, &die))
			break;
	}
	if (is_usable(linkage)) {
		readable = demangle(linkage);
		return readable ? readable : strdup(linkage);
	}
	/* The declaration, which stands where the source has it; of another file it is not known.
	 */
	return name ? qualified(d, s, dwarf_dieoffset(&die), name) : NULL;
}
