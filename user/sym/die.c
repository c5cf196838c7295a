/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs through the DIEs of a unit. Formats: DWARF 5, sections 7.5.1 to 7.5.6. */
#include "sym/die.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"

#define ABBREVS_MAX 65536
#define ATTRS_MAX   (1u << 20) /* of all abbreviations of a unit */

static bool read_head(struct cursor *c, struct die_unit *u)
{
	uint64_t length = cursor_bytes(c, 4);
	uint8_t type = DW_UT_compile;
	const uint8_t *start;

	u->offset_size = length == UINT32_MAX ? 8 : 4;
	if (u->offset_size == 8)
		length = cursor_bytes(c, 8);
	start = c->p;
	if (c->bad || length > (size_t)(c->end - start))
		return false;
	u->end = (uint64_t)(start - u->info.data) + length;
	u->version = (uint16_t)cursor_bytes(c, 2);
	if (u->version >= 5) {
		type = cursor_u8(c);
		u->address_size = cursor_u8(c);
	}
	u->abbrev_offset = cursor_bytes(c, u->offset_size);
	if (u->version < 5)
		u->address_size = cursor_u8(c);
	/* The ID of the split unit. */
	if (type == DW_UT_skeleton)
		cursor_skip(c, 8);
	u->first = (uint64_t)(c->p - u->info.data);
	return !c->bad && u->version >= 2 && u->version <= 5 && u->first <= u->end &&
	       (u->address_size == 4 || u->address_size == 8) &&
	       (type == DW_UT_compile || type == DW_UT_partial || type == DW_UT_skeleton);
}

/* The size of a form's value, or DIE_VARIES. */
static uint32_t form_size(const struct die_unit *u, uint16_t form)
{
	switch (form) {
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	case DW_FORM_data1:
	case DW_FORM_flag:
	case DW_FORM_ref1:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		return 1;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		return 2;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		return 3;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_ref_sup4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
		return 4;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sig8:
	case DW_FORM_ref_sup8:
		return 8;
	case DW_FORM_data16:
		return 16;
	case DW_FORM_addr:
		return u->address_size;
	case DW_FORM_ref_addr:
		return u->version < 3 ? u->address_size : u->offset_size;
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_sec_offset:
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
		return u->offset_size;
	default:
		return DIE_VARIES;
	}
}

/* An unknown form makes the run end: nobody can tell what comes behind it. */
static void skip_varying(struct cursor *c, uint16_t form)
{
	const uint8_t *nul;

	switch (form) {
	case DW_FORM_string:
		nul = memchr(c->p, '\0', (size_t)(c->end - c->p));
		cursor_skip(c, nul ? (size_t)(nul + 1 - c->p) : UINT64_MAX);
		break;
	case DW_FORM_block1:
		cursor_skip(c, cursor_u8(c));
		break;
	case DW_FORM_block2:
		cursor_skip(c, cursor_bytes(c, 2));
		break;
	case DW_FORM_block4:
		cursor_skip(c, cursor_bytes(c, 4));
		break;
	case DW_FORM_block:
	case DW_FORM_exprloc:
		cursor_skip(c, cursor_uleb(c));
		break;
	case DW_FORM_sdata:
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
		cursor_uleb(c);
		break;
	default:
		cursor_skip(c, UINT64_MAX);
	}
}

/* One abbreviation; *more is false at the end of the table. */
static int read_abbrev(struct cursor *c, struct die_unit *u, bool *more)
{
	struct die_abbrev a = { .code = cursor_uleb(c), .first = (uint32_t)u->attrs.n };
	int err = 0;

	*more = a.code && !c->bad;
	if (!*more)
		return 0;
	a.tag = (uint16_t)cursor_uleb(c);
	a.children = cursor_u8(c);
	while (!err && !c->bad && u->attrs.n < ATTRS_MAX) {
		struct die_attr attr = { .name = (uint16_t)cursor_uleb(c) };
		uint32_t size;

		attr.form = (uint16_t)cursor_uleb(c);
		if (attr.form == DW_FORM_implicit_const)
			attr.constant = cursor_sleb(c);
		if (!attr.name && !attr.form)
			break;
		size = form_size(u, attr.form);
		/* ATTRS_MAX times 16 fits. */
		a.size = size == DIE_VARIES || a.size == DIE_VARIES ? DIE_VARIES : a.size + size;
		a.n++;
		err = vec_push(&u->attrs, attr);
	}
	if (c->bad || u->attrs.n >= ATTRS_MAX || u->abbrevs.n >= ABBREVS_MAX)
		return err ? err : -EBADMSG;
	return err ? err : vec_push(&u->abbrevs, a);
}

static int compare_abbrevs(const void *a, const void *b)
{
	const struct die_abbrev *x = a, *y = b;

	return (x->code > y->code) - (x->code < y->code);
}

static int read_abbrevs(struct die_unit *u, const struct elf_bytes *abbrev)
{
	struct cursor c = { .p = abbrev->data, .end = abbrev->data + abbrev->size };
	bool more = true;
	int err = 0;

	if (u->abbrev_offset >= abbrev->size)
		return -EBADMSG;
	c.p += u->abbrev_offset;
	while (!err && more)
		err = read_abbrev(&c, u, &more);
	if (!err && u->abbrevs.n)
		qsort(u->abbrevs.v, u->abbrevs.n, sizeof(*u->abbrevs.v), compare_abbrevs);
	return err;
}

int die_unit_read(const struct elf_bytes *info, const struct elf_bytes *abbrev, uint64_t start,
		  struct die_unit *ret)
{
	_cleanup_(die_unit_done) struct die_unit u = { .info = *info, .start = start };
	struct cursor c = { .p = info->data, .end = info->data + info->size };
	int err;

	if (start >= info->size)
		return -EBADMSG;
	c.p += start;
	if (!read_head(&c, &u))
		return -EBADMSG;
	err = read_abbrevs(&u, abbrev);
	if (err)
		return err;
	*ret = u;
	u = (struct die_unit){};
	return 0;
}

void die_unit_done(struct die_unit *u)
{
	vec_done(&u->abbrevs);
	vec_done(&u->attrs);
}

void die_run_begin(struct die_run *r, const struct die_unit *u)
{
	*r = (struct die_run){
		.unit = u,
		.c = { .p = u->info.data + u->first, .end = u->info.data + u->end },
	};
}

/* Codes are counted up from 1, as a rule. */
static const struct die_abbrev *find_abbrev(const struct die_unit *u, uint64_t code)
{
	struct die_abbrev key = { .code = code };

	if (code - 1 < u->abbrevs.n && u->abbrevs.v[code - 1].code == code)
		return &u->abbrevs.v[code - 1];
	return u->abbrevs.n
		   ? bsearch(&key, u->abbrevs.v, u->abbrevs.n, sizeof(key), compare_abbrevs)
		   : NULL;
}

static void pass_values(struct die_run *r)
{
	struct die_value value;

	if (!r->abbrev)
		return;
	if (!r->attr && r->abbrev->size != DIE_VARIES)
		cursor_skip(&r->c, r->abbrev->size);
	else
		while (die_run_value(r, &value))
			;
	r->abbrev = NULL;
}

bool die_run_next(struct die_run *r, struct die *ret)
{
	uint64_t offset, code;

	pass_values(r);
	/* Ends of lists of children; a unit may end in padding, too. */
	do {
		offset = (uint64_t)(r->c.p - r->unit->info.data);
		if (r->c.bad || r->c.p >= r->c.end || (r->begun && !r->depth))
			return false;
		code = cursor_uleb(&r->c);
		if (!code && r->depth <= 1)
			return false;
		r->depth -= !code;
	} while (!code);
	r->abbrev = find_abbrev(r->unit, code);
	r->attr = 0;
	if (!r->abbrev)
		return false;
	*ret = (struct die){ offset, r->depth, r->abbrev->tag, r->abbrev->children };
	r->depth += r->abbrev->children;
	r->begun = true;
	return true;
}

static uint64_t read_value(struct die_run *r, const struct die_attr *attr, enum die_class *class)
{
	uint32_t size = form_size(r->unit, attr->form);

	*class = DIE_CONSTANT;
	switch (attr->form) {
	case DW_FORM_addr:
		*class = DIE_ADDRESS;
		return cursor_bytes(&r->c, size);
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
		return cursor_bytes(&r->c, size);
	case DW_FORM_udata:
		return cursor_uleb(&r->c);
	case DW_FORM_sdata:
		return (uint64_t)cursor_sleb(&r->c);
	case DW_FORM_implicit_const:
		return (uint64_t)attr->constant;
	default:
		*class = DIE_OTHER;
	}
	if (size == DIE_VARIES)
		skip_varying(&r->c, attr->form);
	else
		cursor_skip(&r->c, size);
	return 0;
}

bool die_run_value(struct die_run *r, struct die_value *ret)
{
	const struct die_attr *attr;

	if (!r->abbrev || r->attr >= r->abbrev->n || r->c.bad)
		return false;
	attr = &r->unit->attrs.v[r->abbrev->first + r->attr++];
	ret->attr = attr->name;
	ret->v = read_value(r, attr, &ret->class);
	return true;
}
