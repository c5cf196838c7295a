/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the programs of call frame information. Of all registers' rules those of three are
 * followed: of the return address, of rbp and of rbx, by which some functions find their frame.
 */
#include "sym/cfi_program.h"

#include <dwarf.h>
#include <string.h>

#include "sym/cfi_expression.h"

#define REG_RBX      3
#define REG_RBP      6
#define REG_RSP      7
#define REG_MAX      15 /* r15 */
#define REMEMBER_MAX 16

/* The kernel's frame of a signal, from rsp in its restorer: uc_mcontext of struct ucontext. */
#define SIGNAL_RSP 160
#define SIGNAL_RIP 168

/* Where the caller's register was saved. */
struct saved {
	enum cfi_where where;
	int64_t offset; /* or the register's number */
};

/* The rules of one row, as far as they matter. */
struct rules {
	struct cfi_expression base;
	uint8_t operation; /* of a base by expression, its first; 0: by register and offset */
	struct saved rbp, rbx, ra;
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

/* What a walk along rbp finds. */
static void set_frame(struct cfi_state *s, const struct rules *r)
{
	const struct cfi_expression *base = &r->base;

	/*
	 * Expressions: on rsp they stand for the PLT's stubs; on rbp for functions that align
	 * the stack, which push a copy of the return address before rbp.
	 */
	if (r->operation)
		s->frame = r->operation == DW_OP_breg6   ? CFI_FRAME
			   : r->operation == DW_OP_breg7 ? CFI_NO_FRAME
							 : CFI_UNKNOWN;
	else if (base->reg == REG_RBP)
		s->frame = base->offset == 16 ? CFI_FRAME : CFI_NO_FRAME;
	else
		s->frame = base->reg == REG_RSP ? CFI_NO_FRAME : CFI_UNKNOWN;
	if (s->frame != CFI_NO_FRAME || r->operation || base->reg != REG_RSP)
		return;
	s->base_words = words(base->offset);
	s->rbp_words = r->rbp.where == CFI_AT_BASE ? words(-r->rbp.offset) : 0;
	if (r->rbp.where != CFI_SAME && !s->rbp_words) /* without rbp no further step */
		s->base_words = 0;
}

static bool fits16(int64_t v)
{
	return v >= INT16_MIN && v <= INT16_MAX;
}

static bool fits32(int64_t v)
{
	return v >= INT32_MIN && v <= INT32_MAX;
}

static bool fits_words(int64_t bytes)
{
	return bytes % 8 == 0 && bytes / 8 > INT16_MIN && bytes / 8 < INT16_MAX;
}

static void set_rbp(struct cfi_rule *rule, const struct saved *rbp)
{
	rule->rbp = (uint8_t)rbp->where;
	if (rbp->where == CFI_IN_REG)
		rule->rbp_words = (int16_t)rbp->offset;
	else if (rbp->where != CFI_SAME && rbp->where != CFI_LOST && fits_words(rbp->offset))
		rule->rbp_words = (int16_t)(rbp->offset / 8);
	else if (rbp->where != CFI_SAME)
		rule->rbp = CFI_LOST;
}

static void set_rbx(struct cfi_rule *rule, const struct saved *rbx)
{
	if (rbx->where == CFI_AT_BASE && rbx->offset && fits_words(rbx->offset))
		rule->rbx_words = (int16_t)(rbx->offset / 8);
	else if (rbx->where != CFI_SAME)
		rule->rbx_words = INT16_MAX;
}

/* Does the restorer of signals stand here, with the kernel's frame at rsp? */
static bool is_signal(const struct cfi_cie *cie, const struct rules *r)
{
	return cie->signal && r->base.base == CFI_BASE_DEREF && r->base.reg == REG_RSP &&
	       r->base.offset == SIGNAL_RSP && !r->base.add && r->ra.where == CFI_AT_RSP &&
	       r->ra.offset == SIGNAL_RIP;
}

static void set_rule(struct cfi_rule *rule, const struct cfi_cie *cie, const struct rules *r)
{
	if (r->no_caller) {
		rule->base = CFI_BASE_STOP;
		return;
	}
	if (is_signal(cie, r)) {
		rule->base = CFI_BASE_SIGNAL;
		return;
	}
	rule->base = CFI_BASE_BAD;
	if (cie->signal || r->base.base == CFI_BASE_BAD || r->base.reg > REG_MAX ||
	    !fits32(r->base.offset) || !fits16(r->base.add))
		return;
	if (r->ra.where == CFI_IN_REG && r->ra.offset <= REG_MAX)
		rule->ra_reg = (uint8_t)r->ra.offset;
	else if (r->ra.where != CFI_AT_BASE || r->ra.offset != -8)
		return;
	rule->base = (uint8_t)r->base.base;
	rule->reg = (uint8_t)r->base.reg;
	rule->offset = (int32_t)r->base.offset;
	rule->add = (int16_t)r->base.add;
	set_rbp(rule, &r->rbp);
	set_rbx(rule, &r->rbx);
}

static struct cfi_state state_of(const struct machine *m)
{
	const struct rules *r = &m->now;
	struct cfi_state s = { .rule.ra_reg = CFI_REG_NONE, .no_caller = r->no_caller };

	set_rule(&s.rule, m->cie, r);
	set_frame(&s, r);
	return s;
}

static void emit(struct machine *m, struct cfi_state s)
{
	if (s.frame == m->last.frame && s.no_caller == m->last.no_caller &&
	    s.base_words == m->last.base_words && s.rbp_words == m->last.rbp_words &&
	    !memcmp(&s.rule, &m->last.rule, sizeof(s.rule)))
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
	emit(m, state_of(m));
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
	r->base = (struct cfi_expression){ .base = CFI_BASE_REG, .reg = reg, .offset = offset };
	r->operation = 0;
}

/* The followed rule of a register, or NULL. */
static struct saved *saved_of(struct rules *r, const struct machine *m, uint64_t reg)
{
	if (reg == m->cie->return_reg)
		return &r->ra;
	return reg == REG_RBP ? &r->rbp : reg == REG_RBX ? &r->rbx : NULL;
}

static void save(struct machine *m, uint64_t reg, enum cfi_where where, int64_t offset)
{
	struct saved *s = saved_of(&m->now, m, reg);

	if (s)
		*s = (struct saved){ where, offset };
	if (reg == m->cie->return_reg)
		m->now.no_caller = false;
}

/* A register is saved at an offset from the base; 0 stands for one that cannot be read. */
static void save_at(struct machine *m, uint64_t reg, int64_t offset)
{
	save(m, reg, offset ? CFI_AT_BASE : CFI_LOST, offset);
}

static void restore_rule(struct machine *m, uint64_t reg)
{
	struct saved *s = saved_of(&m->now, m, reg);

	if (s)
		*s = *saved_of(&m->initial, m, reg);
	if (reg == m->cie->return_reg)
		m->now.no_caller = m->initial.no_caller;
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

/* The bytes of an expression, which c is moved behind. */
static struct cursor expression(struct cursor *c)
{
	uint64_t len = cursor_uleb(c);
	struct cursor bytes = *c;

	cursor_skip(c, len);
	bytes.end = c->p;
	return bytes;
}

/* The operations that define the CFA; false: it is none of them. */
static bool run_cfa(struct machine *m, struct cursor *c, uint8_t op)
{
	struct rules *r = &m->now;
	struct cursor bytes;
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
		define(r, cursor_uleb(c), r->base.offset);
		return true;
	case DW_CFA_def_cfa_offset:
		r->base.offset = (int64_t)cursor_uleb(c);
		return true;
	case DW_CFA_def_cfa_offset_sf:
		r->base.offset = factored(m, cursor_sleb(c));
		return true;
	case DW_CFA_def_cfa_expression:
		bytes = expression(c);
		r->operation = bytes.p < bytes.end ? *bytes.p : DW_OP_nop;
		r->base = cfi_expression_parse(bytes);
		return true;
	default:
		return false;
	}
}

/* A register was saved where an expression says: only those on rbp and rsp are followed. */
static void save_by_expression(struct machine *m, uint64_t reg, struct cursor bytes)
{
	struct cfi_expression e = cfi_expression_parse(bytes);

	if (e.base == CFI_BASE_REG && (e.reg == REG_RBP || e.reg == REG_RSP))
		save(m, reg, e.reg == REG_RBP ? CFI_AT_RBP : CFI_AT_RSP, e.offset);
	else
		save(m, reg, CFI_LOST, 0);
}

/* The operations that set one register's rule; false: it is none of them. */
static bool run_rule(struct machine *m, struct cursor *c, uint8_t op)
{
	uint64_t reg = cursor_uleb(c), other;

	switch (op) {
	case DW_CFA_restore_extended:
		restore_rule(m, reg);
		return true;
	case DW_CFA_undefined:
		save(m, reg, CFI_LOST, 0);
		if (reg == m->cie->return_reg)
			m->now.no_caller = true;
		return true;
	case DW_CFA_same_value:
		save(m, reg, CFI_SAME, 0);
		return true;
	case DW_CFA_offset_extended:
		save_at(m, reg, factored(m, (int64_t)cursor_uleb(c)));
		return true;
	case DW_CFA_offset_extended_sf:
		save_at(m, reg, factored(m, cursor_sleb(c)));
		return true;
	case DW_CFA_register:
		other = cursor_uleb(c);
		save(m, reg, other <= REG_MAX ? CFI_IN_REG : CFI_LOST, (int64_t)other);
		return true;
	case DW_CFA_expression:
		save_by_expression(m, reg, expression(c));
		return true;
	case DW_CFA_val_expression:
		expression(c);
		save(m, reg, CFI_LOST, 0);
		return true;
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
	case DW_CFA_GNU_negative_offset_extended:
		cursor_uleb(c); /* signed ones are as long */
		save(m, reg, CFI_LOST, 0);
		return true;
	default:
		return false;
	}
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

static void run_extended(struct machine *m, struct cursor *c, uint8_t op)
{
	struct cursor behind = *c;

	if (run_cfa(m, c, op))
		return;
	if (run_rule(m, &behind, op))
		*c = behind;
	else
		run_other(m, c, op);
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
			break;
		case DW_CFA_restore:
			restore_rule(m, low);
			break;
		default:
			run_extended(m, c, op);
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
		.now.base = { .base = CFI_BASE_BAD, .reg = UINT64_MAX },
	};
	struct cfi_state broken = { .frame = CFI_UNKNOWN,
				    .rule = { .base = CFI_BASE_BAD, .ra_reg = CFI_REG_NONE } };

	run(&m, &first);
	m.initial = m.now;
	m.depth = 0;
	m.done = false;
	m.visitor = visitor;
	run(&m, c);
	if (!m.done)
		emit(&m, c->bad || first.bad ? broken : state_of(&m));
	return m.err;
}
