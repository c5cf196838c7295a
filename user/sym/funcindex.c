/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions of DWARF by address. */
#include "sym/funcindex.h"

#include <dwarf.h>

#define DEPTH_MAX 64

/* The first question: there is nothing known of any unit but its ranges. */
static int read_units(struct funcindex *x, struct dwarfinfo *d)
{
	int err = unitindex_read(&x->index, d);
	size_t n = x->index.units.n;

	if (!err && n && !x->units.n)
		err = vec_reserve(&x->units, n);
	if (err)
		return err;
	while (x->units.n < n)
		x->units.v[x->units.n++] = (struct funcindex_unit){};
	return 0;
}

/* Where a function begins; false: it is a declaration, was inlined, or was dropped. */
static bool entry_of(Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Addr base, start, end;

	/* Of a function in pieces the first is that of its entry. */
	if (dwarf_lowpc(die, &start) && dwarf_ranges(die, 0, &base, &start, &end) <= 0)
		return false;
	*ret = start;
	return start > 0;
}

/* May functions lie in this DIE? Only rarely within another function or a class. */
static bool is_scope(Dwarf_Die *die, bool deep)
{
	int tag = dwarf_tag(die);

	if (tag == DW_TAG_namespace || tag == DW_TAG_module)
		return true;
	return deep && tag != DW_TAG_enumeration_type && tag != DW_TAG_array_type;
}

static int walk(struct funcindex_unit *u, struct dwarfinfo *d, Dwarf_Die *parent, int depth)
{
	Dwarf_Die child = {};
	uint64_t addr;
	int err = 0;

	while (!err && dwarfinfo_child(d, parent, &child)) {
		if (dwarf_tag(&child) == DW_TAG_subprogram && entry_of(&child, &addr))
			err = vec_push(&u->functions,
				       (struct funcindex_entry){ addr, dwarf_dieoffset(&child) });
		if (!err && depth < DEPTH_MAX && is_scope(&child, u->state == UNIT_DEEP) &&
		    dwarf_haschildren(&child) > 0)
			err = walk(u, d, &child, depth + 1);
	}
	return err;
}

static int compare_functions(const void *a, const void *b)
{
	const struct funcindex_entry *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

static int read_functions(struct funcindex_unit *u, struct dwarfinfo *d, Dwarf_Off at, bool deep)
{
	Dwarf_Die die;
	int err;

	u->state = deep ? UNIT_DEEP : UNIT_SHALLOW;
	u->functions.n = 0;
	if (!dwarf_offdie(d->dwarf, at, &die))
		return 0;
	err = walk(u, d, &die, 0);
	if (u->functions.n)
		qsort(u->functions.v, u->functions.n, sizeof(*u->functions.v), compare_functions);
	return err;
}

static int find_in_unit(const struct funcindex_unit *u, uint64_t addr, Dwarf_Off *dies, int max)
{
	size_t low = 0, high = u->functions.n;
	int n = 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (u->functions.v[mid].addr < addr)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < u->functions.n && n < max && u->functions.v[low].addr == addr; low++)
		dies[n++] = u->functions.v[low].die;
	return n;
}

static int find_among(struct funcindex *x, struct dwarfinfo *d, uint64_t addr,
		      const uint32_t *units, int n_units, bool deep, Dwarf_Off *dies, int max)
{
	int n = 0, err = 0;

	for (int i = 0; i < n_units && !err && n < max; i++) {
		struct funcindex_unit *u = &x->units.v[units[i]];

		if (u->state < (deep ? UNIT_DEEP : UNIT_SHALLOW))
			err = read_functions(u, d, x->index.units.v[units[i]].die, deep);
		if (!err)
			n += find_in_unit(u, addr, dies + n, max - n);
	}
	return err ? err : n;
}

int funcindex_find(struct funcindex *x, struct dwarfinfo *d, uint64_t addr, Dwarf_Off *dies,
		   int max)
{
	uint32_t units[UNITINDEX_CANDIDATES];
	int n, n_units, err = read_units(x, d);

	if (err)
		return err;
	n_units = unitindex_find(&x->index, addr, units);
	n = find_among(x, d, addr, units, n_units, false, dies, max);
	return n ? n : find_among(x, d, addr, units, n_units, true, dies, max);
}

void funcindex_done(struct funcindex *x)
{
	vec_foreach (u, &x->units)
		vec_done(&u->functions);
	vec_done(&x->units);
	unitindex_done(&x->index);
}
