/* SPDX-License-Identifier: GPL-2.0-only */
/* The few shapes of DWARF expressions that call frame information is made of. */
#include "sym/cfi_expression.h"

#include <dwarf.h>
#include <string.h>

/*
 * Behind "rsp + offset" in stubs of the procedure linkage table, which push a word and so have
 * one more from the instruction on whose place in the 16 bytes is the number in the middle:
 * + 8 * ((rip & 15) >= lit).
 */
static bool parse_plt(struct cursor *c, int64_t *ret)
{
	static const uint8_t before[] = { DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and };
	static const uint8_t behind[] = { DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus };
	size_t size = sizeof(before) + 1 + sizeof(behind);
	uint8_t lit;

	if ((size_t)(c->end - c->p) != size || memcmp(c->p, before, sizeof(before)) != 0 ||
	    memcmp(c->p + sizeof(before) + 1, behind, sizeof(behind)) != 0)
		return false;
	lit = c->p[sizeof(before)];
	if (lit < DW_OP_lit0 || lit > DW_OP_lit15)
		return false;
	*ret = lit - DW_OP_lit0;
	c->p = c->end;
	return true;
}

/* What is added to the word that was read; the whole rest, or false. */
static bool parse_sum(struct cursor *c, int64_t *ret)
{
	uint8_t op;

	*ret = 0;
	if (c->p == c->end)
		return true;
	op = cursor_u8(c);
	if (op == DW_OP_plus_uconst)
		*ret = (int64_t)cursor_uleb(c);
	else if (op >= DW_OP_lit0 && op <= DW_OP_lit31 && cursor_u8(c) == DW_OP_plus)
		*ret = op - DW_OP_lit0;
	else
		return false;
	return c->p == c->end && !c->bad;
}

struct cfi_expression cfi_expression_parse(struct cursor c)
{
	struct cfi_expression e = {}, bad = { .base = CFI_BASE_BAD, .reg = UINT64_MAX };
	uint8_t op = cursor_u8(&c);

	if (op < DW_OP_breg0 || op > DW_OP_breg15)
		return bad;
	e.reg = op - DW_OP_breg0;
	e.offset = cursor_sleb(&c);
	if (c.bad)
		return bad;
	if (c.p == c.end) {
		e.base = CFI_BASE_REG;
		return e;
	}
	if (*c.p == DW_OP_deref) {
		cursor_u8(&c);
		e.base = CFI_BASE_DEREF;
		return parse_sum(&c, &e.add) ? e : bad;
	}
	e.base = CFI_BASE_PLT;
	return parse_plt(&c, &e.add) ? e : bad;
}
