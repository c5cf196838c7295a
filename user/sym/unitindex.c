/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Units of DWARF by address. .debug_aranges would lead to a unit, too, but clang and Go leave it
 * out and linkers keep it for dropped code; the units' own ranges are about as quick to read.
 */
#include "sym/unitindex.h"

#include <dwarf.h>

#define RANGES_MAX (1u << 20)

static int add_range(struct unitindex *x, uint64_t start, uint64_t end)
{
	/* Linkers leave the ranges of code that they dropped at 0, or empty. */
	if (!start || start >= end || x->ranges.n >= RANGES_MAX)
		return 0;
	return vec_push(&x->ranges,
			(struct unitindex_range){ start, end, (uint32_t)x->units.n - 1 });
}

static int add_unit(struct unitindex *x, struct dwarfinfo *d, Dwarf_Die *die)
{
	Dwarf_Off offset = dwarf_dieoffset(die);
	struct unitindex_unit unit = { offset - dwarf_cuoffset(die), offset };
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;
	size_t before = x->ranges.n;
	int err = vec_push(&x->units, unit);

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
	const struct unitindex_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

int unitindex_read(struct unitindex *x, struct dwarfinfo *d)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	uint8_t type;
	int err = 0;

	if (x->is_read)
		return 0;
	x->is_read = true;
	/* Of a split unit the skeleton has ranges and lines; the rest is not looked for. */
	while (!err && dwarfinfo_tick(d) &&
	       !dwarf_get_units(d->dwarf, unit, &unit, NULL, &type, &die, NULL))
		if (type == DW_UT_compile || type == DW_UT_skeleton)
			err = add_unit(x, d, &die);
	if (x->ranges.n)
		qsort(x->ranges.v, x->ranges.n, sizeof(*x->ranges.v), compare_ranges);
	return err;
}

int unitindex_find(const struct unitindex *x, uint64_t addr, uint32_t units[UNITINDEX_CANDIDATES])
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
	for (int i = 0; i < UNITINDEX_CANDIDATES && low > 0; i++) {
		const struct unitindex_range *r = &x->ranges.v[--low];

		if (addr < r->end && (!n || units[n - 1] != r->unit))
			units[n++] = r->unit;
	}
	return n;
}

void unitindex_done(struct unitindex *x)
{
	vec_done(&x->units);
	vec_done(&x->ranges);
	x->is_read = false;
}
