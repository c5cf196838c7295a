/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of DWARF by address. .debug_aranges would lead to a unit, too, but clang and Go leave
 * it out and linkers keep it for dropped code; the units' own ranges are about as quick to read.
 */
#include "sym/funcindex.h"

#include <dwarf.h>

#define DEPTH_MAX      64
#define RANGES_MAX     (1u << 20)
#define CANDIDATES_MAX 8 /* units that may claim one address */

static int add_range(struct funcindex *x, uint64_t start, uint64_t end)
{
	/* Linkers leave the ranges of code that they dropped at 0, or empty. */
	if (!start || start >= end || x->ranges.n >= RANGES_MAX)
		return 0;
	return vec_push(&x->ranges,
			(struct funcindex_range){ start, end, (uint32_t)x->units.n - 1 });
}

static int add_unit(struct funcindex *x, struct dwarfinfo *d, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;
	size_t before = x->ranges.n;
	int err = vec_push(&x->units, (struct funcindex_unit){ .die = dwarf_dieoffset(die) });

	while (!err && dwarfinfo_tick(d)) {
		at = dwarf_ranges(die, at, &base, &start, &end);
		if (at <= 0)
			break;
		err = add_range(x, start, end);
	}
	/* Without code it is of no use. */
	if (x->ranges.n == before)
		x->units.n--;
	return err;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct funcindex_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static int read_units(struct funcindex *x, struct dwarfinfo *d)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	uint8_t type;
	int err = 0;

	/* Without a place for a split unit's DIE none is looked for. */
	while (!err && dwarfinfo_tick(d) &&
	       !dwarf_get_units(d->dwarf, unit, &unit, NULL, &type, &die, NULL))
		if (type == DW_UT_compile)
			err = add_unit(x, d, &die);
	if (x->ranges.n)
		qsort(x->ranges.v, x->ranges.n, sizeof(*x->ranges.v), compare_ranges);
	return err;
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

static int read_functions(struct funcindex_unit *u, struct dwarfinfo *d, bool deep)
{
	Dwarf_Die die;
	int err;

	u->state = deep ? UNIT_DEEP : UNIT_SHALLOW;
	u->functions.n = 0;
	if (!dwarf_offdie(d->dwarf, u->die, &die))
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

/* Units that claim an address, the one whose range begins nearest to it first. */
static int find_units(const struct funcindex *x, uint64_t addr, uint32_t units[CANDIDATES_MAX])
{
	size_t low = 0, high = x->ranges.n;
	int n = 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (x->ranges.v[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	for (int i = 0; i < CANDIDATES_MAX && low > 0; i++) {
		const struct funcindex_range *r = &x->ranges.v[--low];

		if (addr < r->end && (!n || units[n - 1] != r->unit))
			units[n++] = r->unit;
	}
	return n;
}

static int find_among(struct funcindex *x, struct dwarfinfo *d, uint64_t addr,
		      const uint32_t *units, int n_units, bool deep, Dwarf_Off *dies, int max)
{
	int n = 0, err = 0;

	for (int i = 0; i < n_units && !err && n < max; i++) {
		struct funcindex_unit *u = &x->units.v[units[i]];

		if (u->state < (deep ? UNIT_DEEP : UNIT_SHALLOW))
			err = read_functions(u, d, deep);
		if (!err)
			n += find_in_unit(u, addr, dies + n, max - n);
	}
	return err ? err : n;
}

int funcindex_find(struct funcindex *x, struct dwarfinfo *d, uint64_t addr, Dwarf_Off *dies,
		   int max)
{
	uint32_t units[CANDIDATES_MAX];
	int n, n_units, err = 0;

	if (!x->has_units)
		err = read_units(x, d);
	x->has_units = true;
	if (err)
		return err;
	n_units = find_units(x, addr, units);
	n = find_among(x, d, addr, units, n_units, false, dies, max);
	return n ? n : find_among(x, d, addr, units, n_units, true, dies, max);
}

void funcindex_done(struct funcindex *x)
{
	vec_foreach (u, &x->units)
		vec_done(&u->functions);
	vec_done(&x->units);
	vec_done(&x->ranges);
	x->has_units = false;
}
