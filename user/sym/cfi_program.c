/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the programs of call frame information. Of all registers' rules only two are followed: of
 * the return address, whether there is one, and of rbp, where it was saved.
 */
#include "sym/cfi_program.h"

#include <dwarf.h>

#define REG_RBP      6
#define REG_RSP      7
#define REMEMBER_MAX 16
#define RBP_LOST     INT64_MIN /* kept in a way that is not followed */

/* The rules of one row, as far as they matter. */
struct rules {
	uint64_t reg;
	int64_t offset;
	uint8_t expression; /* its first operation; 0: none */
	int64_t rbp;        /* where the caller's rbp is kept, from the base; 0: in rbp; RBP_LOST */
	bool no_caller;
};

struct machine {
	const struct cfi_cie *cie;
	const struct cfi_function *function;
	const struct cfi_visitor *visitor; /* NULL while the CIE's program runs */
	uint64_t data_addr;                /* address of the section minus that of its bytes */
	uint64_t loc;
	struct rules now, initial, remembered[REMEMBER_MAX];
	uint32_t depth;
	struct cfi_state last;
	int err;
	bool done;
};

static uint16_t words(int64_t bytes)
{
	return bytes > 0 && bytes % 8 == 0 && bytes / 8 <= CFI_WORDS_MAX ? (uint16_t)(bytes / 8)
									 : 0;
}

/* Where the frame's base is found, in terms of a walk along rbp. */
static struct cfi_state state_of(const struct rules *r)
{
	struct cfi_state s = { .no_caller = r->no_caller };

	/*
	 * Expressions: on rsp they stand for the PLT's stubs; on rbp for functions that align
	 * the stack, which push a copy of the return address before rbp.
	 */
	if (r->expression)
		s.frame = r->expression == DW_OP_breg6   ? CFI_FRAME
			  : r->expression == DW_OP_breg7 ? CFI_NO_FRAME
							 : CFI_UNKNOWN;
	else if (r->reg == REG_RBP)
		s.frame = r->offset == 16 ? CFI_FRAME : CFI_NO_FRAME;
	else
		s.frame = r->reg == REG_RSP ? CFI_NO_FRAME : CFI_UNKNOWN;
	if (s.frame == CFI_NO_FRAME && !r->expression && r->reg == REG_RSP) {
		s.base_words = words(r->offset);
		s.rbp_words = r->rbp != RBP_LOST ? words(-r->rbp) : 0;
		if (r->rbp && !s.rbp_words) /* without rbp no further step could be made */
			s.base_words = 0;
	}
	return s;
}

static void emit(struct machine *m, struct cfi_state s)
{
	if (s.frame == m->last.frame && s.no_caller == m->last.no_caller &&
	    s.base_words == m->last.base_words && s.rbp_words == m->last.rbp_words)
		return;
	m->last = s;
	m->err = m->visitor->state(m->loc, &s, m->visitor->arg);
	if (m->err)
		m->done = true;
}

/* Ends the row that holds up to loc + delta. */
static void advance(struct machine *m, uint64_t delta)
{
	if (!m->visitor) { /* a CIE describes no place */
		m->done = true;
		return;
	}
	if (!delta)
		return;
	emit(m, state_of(&m->now));
	if (delta >= m->function->end - m->loc)
		m->done = true;
	else
		m->loc += delta;
}

static void advance_factored(struct machine *m, uint64_t delta)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(delta, m->cie->code_align, &bytes))
		bytes = UINT64_MAX;
	advance(m, bytes);
}

static int64_t factored(const struct machine *m, int64_t offset)
{
	int64_t v;

	return __builtin_mul_overflow(offset, m->cie->data_align, &v) ? 0 : v;
}

static void define(struct rules *r, uint64_t reg, int64_t offset)
{
	r->reg = reg;
	r->offset = offset;
	r->expression = 0;
}

/* A register is saved at an offset from the base; 0 stands for one that cannot be read. */
static void save_at(struct machine *m, uint64_t reg, int64_t offset)
{
	if (reg == REG_RBP)
		m->now.rbp = offset ? offset : RBP_LOST;
}

/* A register's rule, as far as the return address is concerned. */
static void set_rule(struct machine *m, uint64_t reg, bool undefined)
{
	if (reg == m->cie->return_reg)
		m->now.no_caller = undefined;
}

static void restore_rule(struct machine *m, uint64_t reg)
{
	if (reg == m->cie->return_reg)
		m->now.no_caller = m->initial.no_caller;
	if (reg == REG_RBP)
		m->now.rbp = m->initial.rbp;
}

static void remember(struct machine *m)
{
	if (m->depth < REMEMBER_MAX)
		m->remembered[m->depth++] = m->now;
	else
		m->done = true;
}

static void restore(struct machine *m)
{
	if (m->depth)
		m->now = m->remembered[--m->depth];
	else
		m->done = true;
}

/* The operations that define the CFA; false: it is none of them. */
static bool run_cfa(struct machine *m, struct cursor *c, uint8_t op)
{
	struct rules *r = &m->now;
	uint64_t v;

	switch (op) {
	case DW_CFA_def_cfa:
		v = cursor_uleb(c);
		define(r, v, (int64_t)cursor_uleb(c));
		return true;
	case DW_CFA_def_cfa_sf:
		v = cursor_uleb(c);
		define(r, v, factored(m, cursor_sleb(c)));
		return true;
	case DW_CFA_def_cfa_register:
		define(r, cursor_uleb(c), r->offset);
		return true;
	case DW_CFA_def_cfa_offset:
		r->offset = (int64_t)cursor_uleb(c);
		return true;
	case DW_CFA_def_cfa_offset_sf:
		r->offset = factored(m, cursor_sleb(c));
		return true;
	case DW_CFA_def_cfa_expression:
		v = cursor_uleb(c);
		r->expression = v && c->p < c->end ? *c->p : DW_OP_nop;
		cursor_skip(c, v);
		return true;
	default:
		return false;
	}
}

static bool is_rule(uint8_t op)
{
	switch (op) {
	case DW_CFA_undefined:
	case DW_CFA_same_value:
	case DW_CFA_offset_extended:
	case DW_CFA_offset_extended_sf:
	case DW_CFA_register:
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
	case DW_CFA_expression:
	case DW_CFA_val_expression:
	case DW_CFA_GNU_negative_offset_extended:
		return true;
	default:
		return false;
	}
}

/* The operations that set one register's rule; false: it is none of them. */
static bool run_rule(struct machine *m, struct cursor *c, uint8_t op)
{
	uint64_t reg;

	if (op == DW_CFA_restore_extended) {
		restore_rule(m, cursor_uleb(c));
		return true;
	}
	if (!is_rule(op))
		return false;
	reg = cursor_uleb(c);
	set_rule(m, reg, op == DW_CFA_undefined);
	switch (op) {
	case DW_CFA_same_value:
		if (reg == REG_RBP)
			m->now.rbp = 0;
		return true;
	case DW_CFA_offset_extended:
		save_at(m, reg, factored(m, (int64_t)cursor_uleb(c)));
		return true;
	case DW_CFA_offset_extended_sf:
		save_at(m, reg, factored(m, cursor_sleb(c)));
		return true;
	case DW_CFA_expression:
	case DW_CFA_val_expression:
		cursor_skip(c, cursor_uleb(c));
		break;
	case DW_CFA_undefined:
		break;
	default: /* one operand more; signed ones are as long */
		cursor_uleb(c);
	}
	save_at(m, reg, RBP_LOST);
	return true;
}

/* What is left: moving on, and the stack of rules. */
static void run_other(struct machine *m, struct cursor *c, uint8_t op)
{
	uint64_t at;

	switch (op) {
	case DW_CFA_nop:
		return;
	case DW_CFA_advance_loc1:
		advance_factored(m, cursor_bytes(c, 1));
		return;
	case DW_CFA_advance_loc2:
		advance_factored(m, cursor_bytes(c, 2));
		return;
	case DW_CFA_advance_loc4:
		advance_factored(m, cursor_bytes(c, 4));
		return;
	case DW_CFA_set_loc:
		at = m->data_addr + (uint64_t)(uintptr_t)c->p;
		at = cursor_pointer(c, m->cie->encoding, at);
		advance(m, at >= m->loc ? at - m->loc : UINT64_MAX);
		return;
	case DW_CFA_remember_state:
		remember(m);
		return;
	case DW_CFA_restore_state:
		restore(m);
		return;
	case DW_CFA_GNU_args_size:
		cursor_uleb(c);
		return;
	default: /* its operands are not known: nothing behind it can be read */
		c->bad = true;
	}
}

static void run(struct machine *m, struct cursor *c)
{
	while (c->p < c->end && !c->bad && !m->done) {
		uint8_t op = cursor_u8(c), low = op & 0x3f;

		switch (op & 0xc0) {
		case DW_CFA_advance_loc:
			advance_factored(m, low);
			break;
		case DW_CFA_offset:
			save_at(m, low, factored(m, (int64_t)cursor_uleb(c)));
			set_rule(m, low, false);
			break;
		case DW_CFA_restore:
			restore_rule(m, low);
			break;
		default:
			if (!run_cfa(m, c, op) && !run_rule(m, c, op))
				run_other(m, c, op);
		}
	}
}

int cfi_run(const struct cfi_cie *cie, const struct cfi_function *f, struct cursor *c,
	    uint64_t data_addr, const struct cfi_visitor *visitor)
{
	struct cursor first = { cie->program, cie->program_end, false };
	struct machine m = {
		.cie = cie,
		.function = f,
		.data_addr = data_addr,
		.loc = f->start,
		.now.reg = UINT64_MAX,
	};

	run(&m, &first);
	m.initial = m.now;
	m.depth = 0;
	m.done = false;
	m.visitor = visitor;
	run(&m, c);
	if (!m.done)
		emit(&m, c->bad || first.bad ? (struct cfi_state){ .frame = CFI_UNKNOWN }
					     : state_of(&m.now));
	return m.err;
}
