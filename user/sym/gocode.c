/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads in the code of Go's runtime what its tables do not tell. All of it is written in
 * assembly, in functions so short that they are read from start to end, as if nothing jumped.
 */
#include "sym/gocode.h"

#include <string.h>
#include <Zydis/Zydis.h>

#define DWARF_RDX 1
#define DWARF_RBP 6
#define DWARF_RSP 7

#define PROLOGUE 64 /* bytes in which a function saves rbp, if it does so at all */

struct reader {
	const struct go_code *code;
	size_t at; /* of the next instruction */
	uint64_t start;
	ZydisDecoder decoder;
	ZydisDecodedInstruction in;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
};

static bool reader_init(struct reader *r, const struct go_code *code)
{
	*r = (struct reader){ .code = code };
	return ZYAN_SUCCESS(
	    ZydisDecoderInit(&r->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64));
}

static bool next(struct reader *r)
{
	const struct go_code *c = r->code;

	r->start = c->addr + r->at;
	if (r->at >= c->size ||
	    !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&r->decoder, c->bytes + r->at, c->size - r->at,
						 &r->in, r->ops)))
		return false;
	r->at += r->in.length;
	return true;
}

static bool is_reg(const ZydisDecodedOperand *op, ZydisRegister reg)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER && op->reg.value == reg;
}

/* The word at reg + displacement? */
static bool is_at(const ZydisDecodedOperand *op, ZydisRegister reg)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.base == reg &&
	       op->mem.index == ZYDIS_REGISTER_NONE && op->size == 64 &&
	       op->mem.segment != ZYDIS_REGISTER_FS;
}

/* The number of a 64-bit register; 16: it is none. */
static unsigned int number(ZydisRegister reg)
{
	return reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15
		   ? (unsigned int)(reg - ZYDIS_REGISTER_RAX)
		   : 16;
}

/* What a register holds. */
struct value {
	enum {
		OTHER,
		NUMBER,   /* arg */
		GOT_WORD, /* the word at address arg */
		G,        /* the thread's runtime.g, found by `tls` */
		M,        /* g.m */
		FIELD,    /* the word at offset arg of m */
		SAVED_SP, /* sched.sp of the runtime.g in that field */
	} kind;
	bool by_got;
	int64_t arg;
	int64_t tls;
};

struct values {
	struct value of[17]; /* the last: what no register holds */
};

static struct value load(const struct values *v, const struct reader *r,
			 const ZydisDecodedOperand *op)
{
	int64_t disp = op->mem.disp.value;
	struct value base = v->of[number(op->mem.base)];

	if (op->size != 64 || op->mem.index != ZYDIS_REGISTER_NONE)
		return (struct value){};
	if (op->mem.segment == ZYDIS_REGISTER_FS) {
		if (op->mem.base == ZYDIS_REGISTER_NONE)
			return (struct value){ .kind = G, .tls = disp };
		if (disp || (base.kind != NUMBER && base.kind != GOT_WORD))
			return (struct value){};
		return (
		    struct value){ .kind = G, .by_got = base.kind == GOT_WORD, .tls = base.arg };
	}
	if (op->mem.base == ZYDIS_REGISTER_RIP)
		return (struct value){ .kind = GOT_WORD,
				       .arg = (int64_t)(r->start + r->in.length) + disp };
	if (base.kind == G && disp == GO_G_M)
		base.kind = M;
	else if (base.kind == M && disp >= 0)
		base = (struct value){ FIELD, base.by_got, disp, base.tls };
	else if (base.kind == FIELD && disp == GO_G_SCHED_SP)
		base.kind = SAVED_SP;
	else
		base = (struct value){};
	return base;
}

static struct value source(const struct values *v, const struct reader *r)
{
	const ZydisDecodedOperand *from = &r->ops[1];

	if (from->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return load(v, r, from);
	if (from->type == ZYDIS_OPERAND_TYPE_REGISTER)
		return v->of[number(from->reg.value)];
	return (struct value){ .kind = NUMBER, .arg = from->imm.value.s };
}

/* What an instruction does to the registers; only moves are understood. */
static void update(struct values *v, const struct reader *r)
{
	struct value moved = {};

	if (r->in.mnemonic == ZYDIS_MNEMONIC_CALL) {
		*v = (struct values){};
		return;
	}
	if (r->in.mnemonic == ZYDIS_MNEMONIC_MOV && r->in.operand_width == 64)
		moved = source(v, r);
	for (uint8_t i = 0; i < r->in.operand_count; i++) {
		const ZydisDecodedOperand *op = &r->ops[i];

		if (op->type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		v->of[number(ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64,
							      op->reg.value))] = moved;
	}
	v->of[16] = (struct value){};
}

static bool moves_to_rsp(const struct reader *r)
{
	return r->in.mnemonic == ZYDIS_MNEMONIC_MOV && is_reg(&r->ops[0], ZYDIS_REGISTER_RSP);
}

bool gocode_thread(const struct go_code *code, struct go_thread *ret)
{
	const struct value *sp;
	struct values v = {};
	unsigned int moves = 0;
	struct reader r;

	if (!reader_init(&r, code))
		return false;
	sp = &v.of[number(ZYDIS_REGISTER_RSP)];
	while (next(&r) && moves < 2) {
		update(&v, &r);
		moves += moves_to_rsp(&r);
	}
	/* First it goes to the stack of m.g0, then back to that of m.curg. */
	if (moves < 2 || sp->kind != SAVED_SP || !sp->arg || sp->arg % 8 || sp->arg / 8 > INT16_MAX)
		return false;
	*ret = (struct go_thread){ sp->by_got, sp->tls, (uint32_t)sp->arg };
	return true;
}

void gocode_switch(const struct go_code *code, uint64_t *leaves, uint64_t *returns)
{
	uint64_t end = code->addr + code->size;
	struct reader r;

	*leaves = *returns = end;
	if (!reader_init(&r, code))
		return;
	while (*returns == end && next(&r)) {
		if (!moves_to_rsp(&r))
			continue;
		*(*leaves == end ? leaves : returns) = code->addr + r.at;
	}
}

uint32_t gocode_c_slot(const struct go_code *code)
{
	bool called = false;
	int64_t slot = 0;
	struct reader r;

	if (!reader_init(&r, code))
		return 0;
	while (next(&r)) {
		const ZydisDecodedOperand *from = &r.ops[1];
		bool is_call = r.in.mnemonic == ZYDIS_MNEMONIC_CALL;

		if (is_call)
			slot = 0;
		called |= is_call;
		if (!called || r.in.operand_count < 2 || !is_at(from, ZYDIS_REGISTER_RSP))
			continue;
		if (r.in.mnemonic == ZYDIS_MNEMONIC_MOV && !slot)
			slot = from->mem.disp.value;
		else if (r.in.mnemonic == ZYDIS_MNEMONIC_SUB && slot > 0 && slot < 4096 &&
			 !(slot % 8) && from->mem.disp.value == slot - 8)
			return (uint32_t)(slot / 8);
	}
	return 0;
}

/* A register that is popped while the frame is empty takes the return address. */
uint8_t gocode_return_register(const struct go_code *code)
{
	static const uint8_t dwarf[] = { 0, 2, 1, 3, 7, 6, 4, 5 };
	unsigned int reg;
	struct reader r;

	if (!reader_init(&r, code))
		return CFI_REG_NONE;
	while (next(&r)) {
		if (r.in.mnemonic != ZYDIS_MNEMONIC_POP)
			continue;
		reg = number(r.ops[0].reg.value);
		return reg < 8 ? dwarf[reg] : reg < 16 ? (uint8_t)reg : CFI_REG_NONE;
	}
	return CFI_REG_NONE;
}

struct cfi_rule gocode_rule(int32_t frame_size)
{
	struct cfi_rule rule = { .base = CFI_BASE_REG,
				 .reg = DWARF_RSP,
				 .ra_reg = CFI_REG_NONE,
				 .rbp = CFI_SAME,
				 .rbx_words = INT16_MAX };

	if (frame_size < 0 || frame_size > INT32_MAX - 8 || frame_size % 8)
		return (struct cfi_rule){ .base = CFI_BASE_BAD, .ra_reg = CFI_REG_NONE };
	rule.offset = frame_size + 8;
	if (frame_size) {
		rule.rbp = CFI_AT_BASE;
		rule.rbp_words = -2;
	}
	return rule;
}

/* Goes through instructions and the sizes that the frame has at them. */
struct scan {
	struct reader r;
	struct go_values sizes;
	bool sized;
	int32_t size; /* before the instruction */
};

static bool scan_init(struct scan *s, const struct go_code *code, const struct gopclntab *t,
		      const struct go_record *r)
{
	gofunc_values(t, r, r->frame_sizes, &s->sizes);
	s->sized = gofunc_values_next(&s->sizes);
	return reader_init(&s->r, code);
}

static bool scan_next(struct scan *s)
{
	if (!next(&s->r))
		return false;
	while (s->sized && s->r.start >= s->sizes.end)
		s->sized = gofunc_values_next(&s->sizes);
	s->size = s->sized ? s->sizes.value : -1;
	return s->sized && s->size >= 0 && s->size <= INT16_MAX;
}

/* How far above the place of the saved rbp the frame's base is; 0: rbp is not saved here. */
static int32_t saves_rbp(const struct scan *s)
{
	const ZydisDecodedOperand *ops = s->r.ops;
	int64_t above;

	if (s->r.in.mnemonic == ZYDIS_MNEMONIC_PUSH && is_reg(&ops[0], ZYDIS_REGISTER_RBP))
		return s->size + 16;
	if (s->r.in.mnemonic != ZYDIS_MNEMONIC_MOV || !is_at(&ops[0], ZYDIS_REGISTER_RSP) ||
	    !is_reg(&ops[1], ZYDIS_REGISTER_RBP))
		return 0;
	above = s->size + 8 - ops[0].mem.disp.value;
	return above > 0 && above <= INT16_MAX ? (int32_t)above : 0;
}

uint32_t gocode_saves_rbp(const struct go_code *code, const struct gopclntab *t,
			  const struct go_record *r)
{
	struct go_code prologue = *code;
	struct scan s;

	if (prologue.size > PROLOGUE)
		prologue.size = PROLOGUE;
	if (!scan_init(&s, &prologue, t, r))
		return 0;
	while (scan_next(&s)) {
		int32_t above = saves_rbp(&s);

		if (above)
			return (uint32_t)above / 8;
	}
	return 0;
}

/* Where the frame is, by what the instructions up to here have done. */
struct state {
	bool away;     /* rsp has been written: its distance from the base is not known */
	bool framed;   /* rbp points into the frame */
	int32_t above; /* of rbp: distance to the base */
	bool copied;   /* rdx is rsp as it was before it was written */
	bool in_c;     /* the slots are filled */
};

static struct cfi_rule rule_of(const struct state *st, int32_t size, const struct go_frames *known)
{
	struct cfi_rule rule = gocode_rule(size);

	if (rule.base != CFI_BASE_REG)
		return rule;
	if (st->away && known->ends)
		return (struct cfi_rule){ .base = CFI_BASE_STOP, .ra_reg = CFI_REG_NONE };
	if (st->away && known->c_slot && st->in_c) {
		rule.base = CFI_BASE_GO_C;
		rule.add = (int16_t)rule.offset;
		rule.offset = 0;
		rule.rbx_words = (int16_t)known->c_slot;
		return rule;
	}
	if (!st->framed)
		rule.rbp = CFI_SAME;
	if (st->away && known->c_slot && st->copied) {
		rule.base = CFI_BASE_AWAY;
		rule.reg = DWARF_RDX;
	} else if (st->framed) {
		rule.base = CFI_BASE_AWAY;
		rule.reg = DWARF_RBP;
		rule.offset = st->above;
		rule.rbp = CFI_AT_BASE;
		rule.rbp_words = (int16_t)(-st->above / 8);
	} else if (st->away) {
		rule = (struct cfi_rule){ .base = CFI_BASE_NONE, .ra_reg = CFI_REG_NONE };
	}
	return rule;
}

/* rbp = rsp (+ displacement)? How far above that the base lies, 0: no. */
static int32_t sets_rbp(const struct scan *s)
{
	const ZydisDecodedOperand *ops = s->r.ops;
	int64_t above = s->size + 8;

	if (!is_reg(&ops[0], ZYDIS_REGISTER_RBP))
		return 0;
	if (s->r.in.mnemonic == ZYDIS_MNEMONIC_LEA && ops[1].mem.base == ZYDIS_REGISTER_RSP &&
	    ops[1].mem.index == ZYDIS_REGISTER_NONE)
		above -= ops[1].mem.disp.value;
	else if (s->r.in.mnemonic != ZYDIS_MNEMONIC_MOV || !is_reg(&ops[1], ZYDIS_REGISTER_RSP))
		return 0;
	return above >= 16 && above <= INT16_MAX && !(above % 8) ? (int32_t)above : 0;
}

/* pop %rbp, or a load from the stack? */
static bool loads_rbp(const struct scan *s)
{
	return s->r.in.mnemonic == ZYDIS_MNEMONIC_POP ||
	       (s->r.in.mnemonic == ZYDIS_MNEMONIC_MOV && is_at(&s->r.ops[1], ZYDIS_REGISTER_RSP));
}

static bool writes(const struct scan *s, ZydisRegister reg)
{
	for (uint8_t i = 0; i < s->r.in.operand_count_visible; i++)
		if (is_reg(&s->r.ops[i], reg) &&
		    s->r.ops[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			return true;
	return false;
}

/* Does the table of sizes follow what the instruction does to rsp? */
static bool is_followed(const struct scan *s)
{
	const ZydisDecodedOperand *by = &s->r.ops[1];
	struct go_values sizes = s->sizes;
	uint64_t behind = s->r.start + s->r.in.length;
	bool sized = true;

	if ((s->r.in.mnemonic != ZYDIS_MNEMONIC_SUB && s->r.in.mnemonic != ZYDIS_MNEMONIC_ADD) ||
	    by->type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return false;
	while (sized && behind >= sizes.end)
		sized = gofunc_values_next(&sizes);
	return sized &&
	       sizes.value - s->size ==
		   (s->r.in.mnemonic == ZYDIS_MNEMONIC_SUB ? by->imm.value.s : -by->imm.value.s);
}

static void advance(struct state *st, const struct scan *s)
{
	ZydisMnemonic what = s->r.in.mnemonic;
	bool returned = what == ZYDIS_MNEMONIC_RET || what == ZYDIS_MNEMONIC_JMP;
	int32_t above = sets_rbp(s);

	if (above) {
		st->framed = true;
		st->above = above;
	} else if (writes(s, ZYDIS_REGISTER_RBP)) {
		/* The caller's again, and so rsp is near the frame's end, or nobody's. */
		st->away &= !st->framed || !loads_rbp(s);
		st->framed = false;
	}
	if (what == ZYDIS_MNEMONIC_MOV && is_reg(&s->r.ops[0], ZYDIS_REGISTER_RDX))
		st->copied = is_reg(&s->r.ops[1], ZYDIS_REGISTER_RSP);
	if (writes(s, ZYDIS_REGISTER_RSP) && !is_followed(s)) {
		/* Written once it is away, it comes back: from a register, or from what was saved.
		 */
		st->away = !(st->in_c && what == ZYDIS_MNEMONIC_MOV);
		st->in_c = false;
	}
	if (returned) {
		/* What follows is reached from the function's midst. */
		st->away = st->in_c = false;
		st->framed = st->above;
	}
}

int gocode_frames(const struct go_code *code, const struct gopclntab *t, const struct go_record *r,
		  const struct go_frames *known, const struct cfi_visitor *visitor)
{
	struct state st = {};
	struct scan s;
	int err = 0;

	if (!scan_init(&s, code, t, r))
		return 0;
	while (!err && scan_next(&s)) {
		struct cfi_state at;

		/* The call's own address stands for the one to which it returns. */
		if (s.r.in.mnemonic == ZYDIS_MNEMONIC_CALL && st.away)
			st.in_c = true;
		at = (struct cfi_state){ .rule = rule_of(&st, s.size, known) };
		err = visitor->state(s.r.start, &at, visitor->arg);
		advance(&st, &s);
	}
	return err;
}
