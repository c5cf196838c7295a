/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Go's ABIInternal on x86-64: each result in turn is taken apart into words and floating-point
 * values, which get the next registers; a result that does not fit what is left goes to the
 * stack as a whole, and the next one tries again. DWARF describes strings, slices and interfaces
 * as structs, so that they need no case of their own.
 */
#include "sym/goresult.h"

#include <dwarf.h>
#include <elf.h>
#include <string.h>

#define WORDS_MAX  9  /* rax rbx rcx rdi rsi r8 r9 r10 r11 */
#define FLOATS_MAX 15 /* xmm0 to xmm14 */
#define WORD       8
#define DEPTH_MAX  32

struct registers {
	uint32_t words, floats;
};

enum fit { FIT_YES, FIT_NO, FIT_UNKNOWN };

static enum fit fit(struct dwarfinfo *d, Dwarf_Die type, int depth, struct registers *r);

static bool number(Dwarf_Die *die, unsigned int name, uint64_t *ret)
{
	Dwarf_Attribute attr;

	return dwarf_attr(die, name, &attr) && !dwarf_formudata(&attr, ret);
}

static enum fit fit_base(Dwarf_Die *die, struct registers *r)
{
	uint64_t encoding, size;

	if (!number(die, DW_AT_encoding, &encoding) || !number(die, DW_AT_byte_size, &size))
		return FIT_UNKNOWN;
	if (encoding == DW_ATE_float)
		r->floats++;
	else if (encoding == DW_ATE_complex_float)
		r->floats += 2;
	else if (size <= WORD)
		r->words++;
	else
		return FIT_UNKNOWN;
	return FIT_YES;
}

static enum fit fit_struct(struct dwarfinfo *d, Dwarf_Die *die, int depth, struct registers *r)
{
	Dwarf_Die member = {}, type;
	enum fit result = FIT_YES;

	while (result == FIT_YES && dwarfinfo_child(d, die, &member)) {
		if (dwarf_tag(&member) != DW_TAG_member)
			continue;
		if (dwarfinfo_follow(d, &member, DW_AT_type, &type) != DWARF_FOUND)
			return FIT_UNKNOWN;
		result = fit(d, type, depth + 1, r);
	}
	return result;
}

static enum fit fit_array(struct dwarfinfo *d, Dwarf_Die *die, int depth, struct registers *r)
{
	Dwarf_Die range = {}, type;
	uint64_t n;

	while (dwarfinfo_child(d, die, &range)) {
		if (dwarf_tag(&range) != DW_TAG_subrange_type)
			continue;
		if (!number(&range, DW_AT_count, &n) ||
		    dwarfinfo_follow(d, die, DW_AT_type, &type) != DWARF_FOUND)
			return FIT_UNKNOWN;
		if (n == 1)
			return fit(d, type, depth + 1, r);
		return n ? FIT_NO : FIT_YES;
	}
	return FIT_UNKNOWN;
}

static enum fit fit(struct dwarfinfo *d, Dwarf_Die type, int depth, struct registers *r)
{
	enum fit result;

	for (; dwarf_tag(&type) == DW_TAG_typedef; depth++)
		if (depth > DEPTH_MAX ||
		    dwarfinfo_follow(d, &type, DW_AT_type, &type) != DWARF_FOUND)
			return FIT_UNKNOWN;
	if (depth > DEPTH_MAX || !dwarfinfo_tick(d))
		return FIT_UNKNOWN;
	switch (dwarf_tag(&type)) {
	case DW_TAG_base_type:
		result = fit_base(&type, r);
		break;
	case DW_TAG_pointer_type:
	case DW_TAG_subroutine_type:
		r->words++;
		result = FIT_YES;
		break;
	case DW_TAG_structure_type:
		result = fit_struct(d, &type, depth, r);
		break;
	case DW_TAG_array_type:
		result = fit_array(d, &type, depth, r);
		break;
	default:
		return FIT_UNKNOWN;
	}
	if (result == FIT_YES && (r->words > WORDS_MAX || r->floats > FLOATS_MAX))
		return FIT_NO;
	return result;
}

/* Is it a result? A parameter of a copy of an inlined function may refer to the original's. */
static bool is_result(struct dwarfinfo *d, Dwarf_Die *parameter, Dwarf_Die *ret_type, bool *ok)
{
	Dwarf_Die die = *parameter;
	Dwarf_Attribute attr;
	bool flag = false;

	if (dwarf_tag(&die) != DW_TAG_formal_parameter)
		return false;
	if (!dwarf_attr(&die, DW_AT_variable_parameter, &attr) &&
	    dwarfinfo_follow(d, &die, DW_AT_abstract_origin, &die) == DWARF_BROKEN)
		*ok = false;
	if (!dwarf_attr(&die, DW_AT_variable_parameter, &attr) || dwarf_formflag(&attr, &flag) ||
	    !flag)
		return false;
	if (dwarfinfo_follow(d, &die, DW_AT_type, ret_type) != DWARF_FOUND)
		*ok = false;
	return *ok;
}

/* Does code of this compiler return in registers? It says so itself. */
static bool uses_registers(const struct dwarfinfo *d, Dwarf_Die *function)
{
	Dwarf_Attribute attr;
	Dwarf_Die unit;
	const char *producer = NULL;

	if (d->machine == EM_X86_64 && dwarfinfo_unit(function, &unit) &&
	    dwarf_attr(&unit, DW_AT_producer, &attr) && dwarf_whatform(&attr) == DW_FORM_string)
		producer = dwarf_formstring(&attr);
	return producer && strstr(producer, " regabi");
}

struct return_type goresult_of(struct dwarfinfo *d, Dwarf_Die *function)
{
	static const struct return_type unknown = { .kind = RETURN_UNKNOWN };
	struct return_type found = { .kind = RETURN_VOID };
	Dwarf_Die parameter = {}, type;
	struct registers used = {};
	bool ok = true;

	if (!uses_registers(d, function))
		return unknown;
	while (ok && dwarfinfo_child(d, function, &parameter)) {
		struct registers next = used;
		bool is_error;

		if (!is_result(d, &parameter, &type, &ok))
			continue;
		is_error = !strcmp(dwarfinfo_name(d, &type), "error");
		if (found.kind == RETURN_VOID)
			found.kind = RETURN_OTHER;
		switch (fit(d, type, 0, &next)) {
		case FIT_UNKNOWN:
			ok = false;
			break;
		case FIT_NO:
			if (is_error)
				found = unknown;
			break;
		case FIT_YES:
			if (is_error)
				found = (struct return_type){ RETURN_GO_ERROR, WORD,
							      (uint8_t)used.words };
			used = next;
			break;
		}
	}
	return ok ? found : unknown;
}
