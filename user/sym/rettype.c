/* SPDX-License-Identifier: GPL-2.0-only */
/* What functions return: finds the function in DWARF and makes one word of its type. */
#include "sym/rettype.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/dwarfinfo.h"
#include "sym/funcindex.h"
#include "sym/goresult.h"

#define CHAIN_MAX   64 /* typedefs, qualifiers and declarations that are followed */
#define ALIASES_MAX 8

struct return_types {
	struct dwarfinfo *dwarf;
	struct funcindex functions;
};

DEFINE_CLEANUP(struct return_types *, return_types_free)

int return_types_open(int fd, const char *path, const char *root, struct return_types **ret)
{
	_cleanup_(return_types_freep) struct return_types *t = calloc(1, sizeof(*t));
	int err = t ? dwarfinfo_open(fd, path, root, &t->dwarf) : -ENOMEM;

	if (err)
		return err;
	*ret = TAKE_PTR(t);
	return 0;
}

void return_types_free(struct return_types *t)
{
	if (!t)
		return;
	funcindex_done(&t->functions);
	dwarfinfo_free(t->dwarf);
	free(t);
}

static struct return_type type(enum return_kind kind, uint64_t width)
{
	bool plain = width == 1 || width == 2 || width == 4 || width == 8;
	struct return_type t = { .kind = (uint8_t)kind, .width = plain ? (uint8_t)width : 0 };

	/* Others (128 bits) do not fit the register. */
	if (!plain && kind != RETURN_UNKNOWN && kind != RETURN_VOID)
		t.kind = RETURN_OTHER;
	return t;
}

static uint64_t number(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	return dwarf_attr(die, name, &attr) && !dwarf_formudata(&attr, &value) ? value : 0;
}

static struct return_type base_type(Dwarf_Die *die)
{
	uint64_t width = number(die, DW_AT_byte_size);

	switch (number(die, DW_AT_encoding)) {
	case DW_ATE_boolean:
		return type(RETURN_BOOL, width);
	case DW_ATE_signed:
	case DW_ATE_signed_char:
		return type(RETURN_INT, width);
	case DW_ATE_unsigned:
	case DW_ATE_unsigned_char:
	case DW_ATE_UTF:
		return type(RETURN_UNSIGNED, width);
	default:
		return type(RETURN_OTHER, 0);
	}
}

/* Only the signed forms are written for negative values; the others have no sign to extend. */
static bool is_negative(Dwarf_Die *enumerator)
{
	Dwarf_Attribute attr;
	Dwarf_Sword value;

	if (!dwarf_attr(enumerator, DW_AT_const_value, &attr))
		return false;
	switch (dwarf_whatform(&attr)) {
	case DW_FORM_sdata:
	case DW_FORM_implicit_const:
		return !dwarf_formsdata(&attr, &value) && value < 0;
	default:
		return false;
	}
}

static struct return_type enumeration(struct dwarfinfo *d, Dwarf_Die *die)
{
	uint64_t width = number(die, DW_AT_byte_size);
	Dwarf_Die child = {}, underlying;

	/* There values are told apart, not compared: Ordering::Less is -1 and no failure. */
	if (dwarfinfo_language(die) == DW_LANG_Rust)
		return type(RETURN_OTHER, 0);
	while (dwarfinfo_child(d, die, &child))
		if (is_negative(&child))
			return type(RETURN_INT, width);
	/* Without values of its own it is an integer under another name. */
	if (!child.addr && dwarfinfo_follow(d, die, DW_AT_type, &underlying) == DWARF_FOUND &&
	    dwarf_tag(&underlying) == DW_TAG_base_type)
		return base_type(&underlying);
	return type(RETURN_UNSIGNED, width);
}

static struct return_type pointer(struct dwarfinfo *d, Dwarf_Die *die)
{
	uint8_t addr_size = 0;
	uint64_t width = number(die, DW_AT_byte_size);
	Dwarf_Die unit;

	/* Rust names its pointers: *const T and *mut T may be null; &T, Box and fn are not. */
	if (dwarfinfo_language(die) == DW_LANG_Rust && *dwarfinfo_name(d, die) != '*')
		return type(RETURN_OTHER, 0);
	if (!width && dwarf_diecu(die, &unit, &addr_size, NULL))
		width = addr_size;
	return type(RETURN_POINTER, width);
}

static struct return_type classify(struct dwarfinfo *d, Dwarf_Die die)
{
	for (int i = 0; i < CHAIN_MAX && dwarfinfo_tick(d); i++) {
		enum dwarf_follow follow;

		switch (dwarf_tag(&die)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
		case DW_TAG_immutable_type:
			break;
		case DW_TAG_base_type:
			return base_type(&die);
		case DW_TAG_enumeration_type:
			return enumeration(d, &die);
		case DW_TAG_pointer_type:
			return pointer(d, &die);
		case DW_TAG_unspecified_type:
		case DW_TAG_invalid:
			return type(RETURN_UNKNOWN, 0);
		default:
			return type(RETURN_OTHER, 0);
		}
		follow = dwarfinfo_follow(d, &die, DW_AT_type, &die);
		if (follow != DWARF_FOUND)
			return type(follow == DWARF_NONE ? RETURN_VOID : RETURN_UNKNOWN, 0);
	}
	return type(RETURN_UNKNOWN, 0);
}

/* A function without a type: assemblers never tell one. */
static struct return_type untyped(Dwarf_Die *function)
{
	switch (dwarfinfo_language(function)) {
	case 0:
	case DW_LANG_Mips_Assembler:
		return type(RETURN_UNKNOWN, 0);
	default:
		return type(RETURN_VOID, 0);
	}
}

/* The type stands at the definition, at the declaration, or at what all its copies share. */
static struct return_type function_type(struct dwarfinfo *d, Dwarf_Die die)
{
	Dwarf_Die to;

	if (dwarfinfo_language(&die) == DW_LANG_Go)
		return goresult_of(d, &die);
	for (int i = 0; i < CHAIN_MAX; i++) {
		enum dwarf_follow follow = dwarfinfo_follow(d, &die, DW_AT_type, &to);

		if (follow == DWARF_FOUND)
			return classify(d, to);
		if (follow == DWARF_NONE)
			follow = dwarfinfo_follow(d, &die, DW_AT_specification, &die);
		if (follow == DWARF_NONE)
			follow = dwarfinfo_follow(d, &die, DW_AT_abstract_origin, &die);
		if (follow == DWARF_NONE)
			return untyped(&die);
		if (follow == DWARF_BROKEN)
			break;
	}
	return type(RETURN_UNKNOWN, 0);
}

static bool find(struct return_types *t, uint64_t addr, struct return_type *ret)
{
	Dwarf_Off dies[ALIASES_MAX];
	int n = funcindex_find(&t->functions, t->dwarf, addr, dies, ALIASES_MAX);
	struct return_type all = {};

	for (int i = 0; i < n; i++) {
		struct return_type one = {};
		Dwarf_Die die;

		if (dwarf_offdie(t->dwarf->dwarf, dies[i], &die))
			one = function_type(t->dwarf, die);
		if (i && memcmp(&one, &all, sizeof(all)) != 0)
			one = type(RETURN_UNKNOWN, 0);
		all = one;
	}
	if (n <= 0 || t->dwarf->over)
		return false;
	*ret = all;
	return true;
}

bool return_type_of(struct return_types *t, uint64_t addr, struct return_type *ret)
{
	bool found;

	if (t->dwarf->over)
		return false;
	dwarfinfo_begin(t->dwarf);
	found = find(t, addr, ret);
	dwarfinfo_end(t->dwarf);
	return found;
}
