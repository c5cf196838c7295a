/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads call frame information of x86-64. */
#include "sym/cfi.h"

#include <dwarf.h>
#include <string.h>

#define REG_RBP 6
#define REG_RSP 7

/* Initial programs have about ten bytes. They run once a function, so long ones are refused. */
#define CIE_PROGRAM_MAX 256
#define AUGMENTATION_MAX 8
#define REMEMBER_MAX	 16

/* Reads forward; after the first byte too many everything is 0 and `bad` is set. */
struct cursor {
	const uint8_t *p, *end;
	bool bad;
};

struct cie {
	const uint8_t *record; /* identifies it; NULL: none */
	const uint8_t *program, *program_end;
	uint64_t code_align;
	int64_t data_align;
	uint64_t return_reg;
	uint8_t encoding;
	bool augmented; /* FDEs carry a length of augmentation data */
};

/* The rules of one row, as far as they matter. */
struct rules {
	uint64_t reg;
	int64_t offset;
	uint8_t expression; /* its first operation; 0: none */
	bool no_caller;
};

struct machine {
	const struct cie *cie;
	const struct cfi_function *function;
	const struct cfi_visitor *visitor; /* NULL while the CIE's program runs */
	uint64_t data_addr;		   /* address of the section minus that of its bytes */
	uint64_t loc;
	struct rules now, initial, remembered[REMEMBER_MAX];
	uint32_t depth;
	struct cfi_state last;
	int err;
	bool done;
};

static uint64_t read_bytes(struct cursor *c, size_t n)
{
	uint64_t v = 0;

	if ((size_t)(c->end - c->p) < n) {
		c->bad = true;
		c->p = c->end;
		return 0;
	}
	memcpy(&v, c->p, n);
	c->p += n;
	return v;
}

static uint8_t read_u8(struct cursor *c)
{
	return (uint8_t)read_bytes(c, 1);
}

static void skip(struct cursor *c, uint64_t n)
{
	if (n > (size_t)(c->end - c->p)) {
		c->bad = true;
		n = (size_t)(c->end - c->p);
	}
	c->p += n;
}

/* LEB128; *sign is bit 6 of the last byte, *bits how many bits were read. */
static uint64_t read_leb(struct cursor *c, bool *sign, unsigned int *bits)
{
	uint64_t v = 0;
	uint8_t byte;

	*bits = 0;
	do {
		byte = read_u8(c);
		if (*bits < 64)
			v |= (uint64_t)(byte & 0x7f) << *bits;
		*bits += 7;
	} while (byte & 0x80 && !c->bad && *bits < 140);
	if (byte & 0x80)
		c->bad = true;
	*sign = byte & 0x40;
	return v;
}

static uint64_t read_uleb(struct cursor *c)
{
	unsigned int bits;
	bool sign;

	return read_leb(c, &sign, &bits);
}

static int64_t read_sleb(struct cursor *c)
{
	unsigned int bits;
	bool sign;
	uint64_t v = read_leb(c, &sign, &bits);

	if (sign && bits < 64)
		v |= UINT64_MAX << bits;
	return (int64_t)v;
}

/* addr is the address of the pointer's own bytes. */
static uint64_t read_pointer(struct cursor *c, uint8_t encoding, uint64_t addr)
{
	uint64_t v;

	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		v = read_bytes(c, 8);
		break;
	case DW_EH_PE_udata4:
		v = read_bytes(c, 4);
		break;
	case DW_EH_PE_sdata4:
		v = (uint64_t)(int64_t)(int32_t)read_bytes(c, 4);
		break;
	case DW_EH_PE_udata2:
		v = read_bytes(c, 2);
		break;
	case DW_EH_PE_sdata2:
		v = (uint64_t)(int64_t)(int16_t)read_bytes(c, 2);
		break;
	case DW_EH_PE_uleb128:
		v = read_uleb(c);
		break;
	case DW_EH_PE_sleb128:
		v = (uint64_t)read_sleb(c);
		break;
	default:
		v = 0;
		c->bad = true;
	}
	switch (encoding & 0xf0) {
	case DW_EH_PE_absptr:
		return v;
	case DW_EH_PE_pcrel:
		return v + addr;
	default: /* relative to what linkers of x86-64 do not use, or indirect */
		c->bad = true;
		return 0;
	}
}

bool cfi_pointer(const uint8_t *data, size_t size, uint64_t addr, uint8_t encoding, uint64_t *ret)
{
	struct cursor c = { data, data + size, false };
	uint64_t v = read_pointer(&c, encoding, addr);

	if (c.bad)
		return false;
	*ret = v;
	return true;
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
		s.frame = r->expression == DW_OP_breg6	 ? CFI_FRAME
			  : r->expression == DW_OP_breg7 ? CFI_NO_FRAME
							 : CFI_UNKNOWN;
	else if (r->reg == REG_RBP)
		s.frame = r->offset == 16 ? CFI_FRAME : CFI_NO_FRAME;
	else
		s.frame = r->reg == REG_RSP ? CFI_NO_FRAME : CFI_UNKNOWN;
	return s;
}

static void emit(struct machine *m, struct cfi_state s)
{
	if (s.frame == m->last.frame && s.no_caller == m->last.no_caller)
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

/* A register's rule: only that of the return address matters. */
static void set_rule(struct machine *m, uint64_t reg, bool undefined)
{
	if (reg == m->cie->return_reg)
		m->now.no_caller = undefined;
}

static void restore_rule(struct machine *m, uint64_t reg)
{
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

/* The operations that define the CFA; false: it is none of them. */
static bool run_cfa(struct machine *m, struct cursor *c, uint8_t op)
{
	struct rules *r = &m->now;
	uint64_t v;

	switch (op) {
	case DW_CFA_def_cfa:
		v = read_uleb(c);
		define(r, v, (int64_t)read_uleb(c));
		return true;
	case DW_CFA_def_cfa_sf:
		v = read_uleb(c);
		define(r, v, factored(m, read_sleb(c)));
		return true;
	case DW_CFA_def_cfa_register:
		define(r, read_uleb(c), r->offset);
		return true;
	case DW_CFA_def_cfa_offset:
		r->offset = (int64_t)read_uleb(c);
		return true;
	case DW_CFA_def_cfa_offset_sf:
		r->offset = factored(m, read_sleb(c));
		return true;
	case DW_CFA_def_cfa_expression:
		v = read_uleb(c);
		r->expression = v && c->p < c->end ? *c->p : DW_OP_nop;
		skip(c, v);
		return true;
	default:
		return false;
	}
}

/* The operations that set one register's rule; false: it is none of them. */
static bool run_rule(struct machine *m, struct cursor *c, uint8_t op)
{
	switch (op) {
	case DW_CFA_undefined:
		set_rule(m, read_uleb(c), true);
		return true;
	case DW_CFA_same_value:
		set_rule(m, read_uleb(c), false);
		return true;
	case DW_CFA_restore_extended:
		restore_rule(m, read_uleb(c));
		return true;
	case DW_CFA_offset_extended:
	case DW_CFA_offset_extended_sf:
	case DW_CFA_register:
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
	case DW_CFA_GNU_negative_offset_extended:
		set_rule(m, read_uleb(c), false);
		read_uleb(c); /* as long as its signed brother */
		return true;
	case DW_CFA_expression:
	case DW_CFA_val_expression:
		set_rule(m, read_uleb(c), false);
		skip(c, read_uleb(c));
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
		advance_factored(m, read_bytes(c, 1));
		return;
	case DW_CFA_advance_loc2:
		advance_factored(m, read_bytes(c, 2));
		return;
	case DW_CFA_advance_loc4:
		advance_factored(m, read_bytes(c, 4));
		return;
	case DW_CFA_set_loc:
		at = m->data_addr + (uint64_t)(uintptr_t)c->p;
		at = read_pointer(c, m->cie->encoding, at);
		advance(m, at >= m->loc ? at - m->loc : UINT64_MAX);
		return;
	case DW_CFA_remember_state:
		remember(m);
		return;
	case DW_CFA_restore_state:
		restore(m);
		return;
	case DW_CFA_GNU_args_size:
		read_uleb(c);
		return;
	default: /* its operands are not known: nothing behind it can be read */
		c->bad = true;
	}
}

static void run(struct machine *m, struct cursor *c)
{
	while (c->p < c->end && !c->bad && !m->done) {
		uint8_t op = read_u8(c), low = op & 0x3f;

		switch (op & 0xc0) {
		case DW_CFA_advance_loc:
			advance_factored(m, low);
			break;
		case DW_CFA_offset:
			read_uleb(c);
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

/* Runs the programs of a CIE and of one FDE, whose bytes c holds. */
static int run_function(const struct cie *cie, const struct cfi_function *f, struct cursor *c,
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

/* The augmentation's data by the letters of its string. */
static void parse_augmentation(struct cursor *c, const char *letters, struct cie *ret)
{
	for (; *letters && !c->bad; letters++) {
		uint8_t encoding;

		switch (*letters) {
		case 'R':
			ret->encoding = read_u8(c);
			break;
		case 'L':
			read_u8(c);
			break;
		case 'P': /* the personality routine: any base will do to skip it */
			encoding = read_u8(c);
			read_pointer(c, encoding & 0x0f, 0);
			break;
		case 'S': /* a signal's frame */
		case 'B':
			break;
		default: /* 'z' tells how long the data is, so the rest can be passed over */
			return;
		}
	}
}

/* c begins behind the CIE's ID. */
static bool parse_cie(struct cursor c, struct cie *ret)
{
	char letters[AUGMENTATION_MAX + 1] = "";
	uint8_t version = read_u8(&c);
	struct cie cie = { .encoding = DW_EH_PE_absptr };
	struct cursor data;
	uint64_t len;

	for (size_t i = 0; (letters[i] = (char)read_u8(&c)); i++)
		if (i == AUGMENTATION_MAX)
			return false;
	cie.augmented = letters[0] == 'z';
	if ((version != 1 && version != 3) || (letters[0] && !cie.augmented))
		return false;
	cie.code_align = read_uleb(&c);
	cie.data_align = read_sleb(&c);
	cie.return_reg = version == 1 ? read_u8(&c) : read_uleb(&c);
	if (cie.augmented) {
		len = read_uleb(&c);
		data = c;
		skip(&c, len);
		data.end = c.p;
		parse_augmentation(&data, letters + 1, &cie);
		c.bad |= data.bad;
	}
	cie.program = c.p;
	cie.program_end = c.end;
	if (c.bad || c.end - c.p > CIE_PROGRAM_MAX)
		return false;
	*ret = cie;
	return true;
}

/* One record: `body` is what its length counts, from the CIE pointer on. */
struct record {
	const uint8_t *start; /* of the length */
	struct cursor body;
	uint32_t id;
};

/* Reads the record at c and moves behind it; false at the end. */
static bool next_record(struct cursor *c, bool ends_at_zero, struct record *ret)
{
	for (;;) {
		const uint8_t *start = c->p;
		uint64_t len = read_bytes(c, 4);

		if (len == UINT32_MAX)
			len = read_bytes(c, 8);
		if (c->bad || (!len && ends_at_zero) || len > (size_t)(c->end - c->p))
			return false;
		if (len < 4) {
			skip(c, len);
			continue;
		}
		ret->start = start;
		ret->body = (struct cursor){ c->p, c->p + len, false };
		ret->id = (uint32_t)read_bytes(&ret->body, 4);
		skip(c, len);
		return true;
	}
}

/* The CIE that an FDE points back to; the last one is kept. */
static bool cie_of(const struct cfi_section *s, const struct record *fde, struct cie *cie)
{
	size_t field = (size_t)(fde->body.p - 4 - s->data);
	struct cursor c;
	struct record r;

	if (fde->id > field)
		return false;
	c = (struct cursor){ s->data + field - fde->id, s->data + s->size, false };
	if (cie->record == c.p)
		return true;
	cie->record = NULL;
	if (!next_record(&c, true, &r) || r.id || !parse_cie(r.body, cie))
		return false;
	cie->record = r.start;
	return true;
}

int cfi_walk(const struct cfi_section *section, const struct cfi_visitor *visitor)
{
	struct cursor c = { section->data, section->data + section->size, false };
	uint64_t data_addr = section->addr - (uint64_t)(uintptr_t)section->data;
	struct cie cie = {};
	struct record r;
	int err = 0;

	while (!err && next_record(&c, section->ends_at_zero, &r)) {
		struct cursor *b = &r.body;
		struct cfi_function f;
		uint64_t size;

		if (!r.id || !cie_of(section, &r, &cie))
			continue;
		f.start = read_pointer(b, cie.encoding, data_addr + (uint64_t)(uintptr_t)b->p);
		size = read_pointer(b, cie.encoding & 0x0f, 0);
		if (cie.augmented)
			skip(b, read_uleb(b));
		if (b->bad || !size || __builtin_add_overflow(f.start, size, &f.end))
			continue;
		if (visitor->function(&f, visitor->arg))
			err = run_function(&cie, &f, b, data_addr, visitor);
	}
	return err;
}
