/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions of a unit, and what was inlined into them. */
#include "sym/scopes.h"

#include <dwarf.h>
#include <errno.h>

#include "lib/cleanup.h"

#define DEPTH_MAX  128        /* of scopes within scopes */
#define SCOPES_MAX (1u << 20) /* of a unit, and as many ranges and containers */
#define STEPS_MAX  4096       /* outwards; ranges that overlap by halves could make it long */

/* A DIE whose children are being read. */
struct open_die {
	uint32_t depth, scope, container;
};

struct builder {
	struct dwarfinfo *dwarf;
	struct scopes *s;
	bool qualify;
	struct open_die open[DEPTH_MAX];
	int n;
};

/* What a DIE says about where a function lies. */
struct place {
	uint64_t low, high;
	bool has_low, has_high, high_is_size;
	bool indirect; /* libdw must be asked */
};

void scopes_done(struct scopes *s)
{
	vec_done(&s->v);
	vec_done(&s->ranges);
	vec_done(&s->containers);
}

static uint32_t number(const struct die_value *value)
{
	return value->class == DIE_CONSTANT && value->v < UINT32_MAX ? (uint32_t)value->v : 0;
}

static void read_place(const struct die_value *value, struct place *p)
{
	switch (value->attr) {
	case DW_AT_ranges:
		p->indirect = true;
		break;
	case DW_AT_low_pc:
		p->has_low = value->class == DIE_ADDRESS;
		p->indirect |= !p->has_low;
		p->low = value->v;
		break;
	case DW_AT_high_pc:
		p->has_high = value->class != DIE_OTHER;
		p->indirect |= !p->has_high;
		p->high_is_size = value->class == DIE_CONSTANT;
		p->high = value->v;
		break;
	default:
		break;
	}
}

static int add_range(struct builder *b, uint64_t start, uint64_t end)
{
	struct scope_range r = { start, end, (uint32_t)b->s->v.n - 1, SCOPE_NONE };

	if (!start || start >= end)
		return 0;
	return b->s->ranges.n < SCOPES_MAX ? vec_push(&b->s->ranges, r) : -EFBIG;
}

static int add_ranges(struct builder *b, uint64_t offset)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;
	Dwarf_Die die;
	int err = 0;

	if (!dwarf_offdie(b->dwarf->dwarf, offset, &die))
		return 0;
	while (!err && dwarfinfo_tick(b->dwarf)) {
		at = dwarf_ranges(&die, at, &base, &start, &end);
		if (at <= 0)
			break;
		err = add_range(b, start, end);
	}
	return err;
}

static uint32_t parent_scope(const struct builder *b)
{
	return b->n ? b->open[b->n - 1].scope : SCOPE_NONE;
}

/* Enters a function if it has code; *ret is its scope, or that around it. */
static int add_function(struct builder *b, struct die_run *run, const struct die *die,
			uint32_t *ret)
{
	struct scope s = { .die = die->offset, .parent = SCOPE_NONE };
	struct place place = {};
	struct die_value value;
	int err;

	while (die_run_value(run, &value)) {
		read_place(&value, &place);
		if (value.attr == DW_AT_call_file)
			s.call_file = number(&value);
		else if (value.attr == DW_AT_call_line)
			s.call_line = number(&value);
	}
	if (!place.indirect && !(place.has_low && place.has_high))
		return 0;
	s.inlined = die->tag == DW_TAG_inlined_subroutine;
	/* A function within a function is one of its own. */
	if (s.inlined)
		s.parent = *ret;
	err = b->s->v.n < SCOPES_MAX ? vec_push(&b->s->v, s) : -EFBIG;
	if (err)
		return err;
	*ret = (uint32_t)b->s->v.n - 1;
	if (place.indirect)
		return add_ranges(b, die->offset);
	return add_range(b, place.low, place.high + (place.high_is_size ? place.low : 0));
}

static bool is_container(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_class_type ||
	       tag == DW_TAG_structure_type || tag == DW_TAG_union_type ||
	       tag == DW_TAG_interface_type || tag == DW_TAG_module || tag == DW_TAG_subprogram;
}

static int add_container(struct builder *b, const struct die *die, uint32_t *ret)
{
	struct scope_container c = { die->offset, UINT64_MAX, *ret };

	if (b->s->containers.n >= SCOPES_MAX)
		return -EFBIG;
	*ret = (uint32_t)b->s->containers.n;
	return vec_push(&b->s->containers, c);
}

static void close_dies(struct builder *b, uint32_t depth, uint64_t end)
{
	for (; b->n && b->open[b->n - 1].depth >= depth; b->n--) {
		const struct open_die *o = &b->open[b->n - 1];
		uint32_t outer = b->n > 1 ? b->open[b->n - 2].container : SCOPE_NONE;

		if (o->container != outer)
			b->s->containers.v[o->container].end = end;
	}
}

static int add_die(struct builder *b, struct die_run *run, const struct die *die)
{
	bool function = die->tag == DW_TAG_subprogram || die->tag == DW_TAG_inlined_subroutine;
	bool container = b->qualify && die->children && is_container(die->tag);
	struct open_die o = { die->depth, parent_scope(b), SCOPE_NONE };
	int err = 0;

	if (!function && !container)
		return 0;
	if (b->n)
		o.container = b->open[b->n - 1].container;
	/* Too deep to be true: what lies in it counts as its parent's. */
	if (b->n == DEPTH_MAX)
		return 0;
	if (function)
		err = add_function(b, run, die, &o.scope);
	if (!err && container)
		err = add_container(b, die, &o.container);
	if (!err && die->children)
		b->open[b->n++] = o;
	return err;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct scope_range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	return x->scope < y->scope ? -1 : x->scope > y->scope;
}

static void link_ranges(struct scopes *s)
{
	uint32_t top = SCOPE_NONE;

	for (uint32_t i = 0; i < s->ranges.n; i++) {
		while (top != SCOPE_NONE && s->ranges.v[top].end <= s->ranges.v[i].start)
			top = s->ranges.v[top].outer;
		s->ranges.v[i].outer = top;
		top = i;
	}
}

/* In these languages names are whole by themselves. */
static bool is_unqualified(int language)
{
	switch (language) {
	case DW_LANG_C89:
	case DW_LANG_C:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case DW_LANG_Go:
	case DW_LANG_Mips_Assembler:
		return true;
	default:
		return false;
	}
}

int scopes_read(struct dwarfinfo *d, const struct die_unit *u, struct scopes *ret)
{
	_cleanup_(scopes_done) struct scopes s = {};
	struct builder b = { .dwarf = d, .s = &s };
	struct die_run run;
	struct die die;
	Dwarf_Die unit;
	int err = 0;

	b.qualify =
	    dwarf_offdie(d->dwarf, u->first, &unit) && !is_unqualified(dwarfinfo_language(&unit));
	die_run_begin(&run, u);
	while (!err && dwarfinfo_tick(d) && die_run_next(&run, &die)) {
		close_dies(&b, die.depth, die.offset);
		err = add_die(&b, &run, &die);
	}
	close_dies(&b, 0, u->end);
	if (err)
		return err;
	if (s.ranges.n)
		qsort(s.ranges.v, s.ranges.n, sizeof(*s.ranges.v), compare_ranges);
	link_ranges(&s);
	*ret = s;
	s = (struct scopes){};
	return 0;
}

uint32_t scopes_find(const struct scopes *s, uint64_t addr)
{
	uint32_t low = 0, high = (uint32_t)s->ranges.n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (s->ranges.v[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	low = low ? low - 1 : SCOPE_NONE;
	for (int n = 0; n < STEPS_MAX && low != SCOPE_NONE; n++) {
		if (addr < s->ranges.v[low].end)
			return s->ranges.v[low].scope;
		low = s->ranges.v[low].outer;
	}
	return SCOPE_NONE;
}

uint32_t scopes_container(const struct scopes *s, uint64_t die)
{
	uint32_t low = 0, high = (uint32_t)s->containers.n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (s->containers.v[mid].start < die)
			low = mid + 1;
		else
			high = mid;
	}
	for (uint32_t i = low ? low - 1 : SCOPE_NONE; i != SCOPE_NONE;
	     i = s->containers.v[i].parent)
		if (die < s->containers.v[i].end)
			return i;
	return SCOPE_NONE;
}

size_t scopes_memory(const struct scopes *s)
{
	return s->v.cap * sizeof(*s->v.v) + s->ranges.cap * sizeof(*s->ranges.v) +
	       s->containers.cap * sizeof(*s->containers.v);
}
