/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a piece of code does to its stack pointer.
 *
 * The code is walked in the order of its bytes, and each register's value is followed as far as it
 * goes in a straight line. At a place that is jumped to, and behind one that is never left
 * forwards, a register is taken for what it holds anywhere: a value of the stack if it ever does.
 * Memory of the frame counts as one variable a slot of rbp's, and one for the rest. What is learnt
 * so of registers and slots grows from walk to walk, until it no longer does.
 */
#include "trace/spflow.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "lib/vec.h"
#include "trace/spstep.h"

#define WALKS_MAX 8
#define CALLER_SAVED                                                                               \
	(1U << SP_RAX | 1U << SP_RCX | 1U << SP_RDX | 1U << SP_RSI | 1U << SP_RDI | 0xfU << SP_R8)

enum value {
	VALUE_UNKNOWN, /* of a register: what it holds elsewhere decides */
	VALUE_OWN,     /* computed from rsp */
	VALUE_FOREIGN,
	VALUE_LOADED,   /* foreign, from memory outside the frame */
	VALUE_DISTANCE, /* from a place of the stack to something foreign */
};

struct slot {
	int64_t disp; /* from rbp */
	bool own;     /* something computed from rsp was put there */
};

struct flow {
	const struct spflow_code *code;
	sp_steps steps;
	uint8_t *targets; /* a byte for each of the code's: something leads there */

	/* Grows from walk to walk. */
	uint32_t ever_own; /* registers that hold a value of the stack somewhere */
	bool own_pushed, own_in_frame;
	VEC(struct slot) slots;
	bool grown;

	/* Of one walk. */
	enum value values[SP_REGISTERS];
	VEC(struct sp_place) saved; /* places outside the frame that have rsp */
	bool loaded;                /* rsp has been loaded with something foreign, */
	bool from_memory;           /* which came from memory; since then there was: */
	bool called, returned;      /* a call, and behind that the old stack again */
	bool saves;                 /* the stack pointer is put outside the frame */
	bool keeps;                 /* another register had rsp when it was loaded */
	bool exchanges;             /* rsp and a place outside the frame trade values */
	uint64_t at;
};

static void flow_done(struct flow *f)
{
	vec_done(&f->steps);
	vec_done(&f->slots);
	vec_done(&f->saved);
	free(f->targets);
}

static enum value value_of(const struct flow *f, int reg)
{
	if (reg == SP_RSP)
		return VALUE_OWN;
	if (reg < 0)
		return VALUE_FOREIGN;
	if (f->values[reg] != VALUE_UNKNOWN)
		return f->values[reg];
	if (f->ever_own & (1U << reg))
		return VALUE_OWN;
	/* It was filled by another part of the function, or long before what is seen of it. */
	if (f->code->is_part || (!f->code->is_entry && !(CALLER_SAVED & (1U << reg))))
		return VALUE_OWN;
	return VALUE_FOREIGN;
}

/* Does a place's address come from rsp? In a part of a function, rbp is taken for the frame's. */
static bool points_to_frame(const struct flow *f, int reg)
{
	if (reg < 0)
		return false;
	if (reg == SP_RSP || f->values[reg] != VALUE_UNKNOWN)
		return value_of(f, reg) == VALUE_OWN;
	return f->ever_own & (1U << reg) || (reg == SP_RBP && !f->code->is_entry);
}

static bool in_frame(const struct flow *f, const struct sp_place *p)
{
	return points_to_frame(f, p->base) || points_to_frame(f, p->index);
}

static bool same_place(const struct sp_place *a, const struct sp_place *b)
{
	return a->base == b->base && a->index == b->index && a->scale == b->scale &&
	       a->disp == b->disp;
}

static struct slot *slot_of(const struct flow *f, const struct sp_place *p)
{
	if (p->base != SP_RBP || p->index >= 0)
		return NULL;
	vec_foreach (s, &f->slots) {
		if (s->disp == p->disp)
			return s;
	}
	return NULL;
}

static void grow(struct flow *f, bool *what)
{
	f->grown = f->grown || !*what;
	*what = true;
}

static int put_in_frame(struct flow *f, const struct sp_place *p, bool own)
{
	struct slot *slot = slot_of(f, p);

	if (p->base != SP_RBP || p->index >= 0) {
		if (own)
			grow(f, &f->own_in_frame);
		return 0;
	}
	if (!slot) {
		f->grown = true;
		return vec_push(&f->slots, (struct slot){ .disp = p->disp, .own = own });
	}
	if (own)
		grow(f, &slot->own);
	return 0;
}

static int put(struct flow *f, const struct sp_place *p, enum value value)
{
	if (in_frame(f, p))
		return put_in_frame(f, p, value == VALUE_OWN);
	if (value != VALUE_OWN)
		return 0;
	f->saves = true;
	return vec_push(&f->saved, *p);
}

static enum value value_at(const struct flow *f, const struct sp_place *p)
{
	const struct slot *slot;

	if (in_frame(f, p)) {
		if (!f->code->is_entry)
			return VALUE_OWN;
		if (p->base != SP_RBP)
			return f->own_in_frame || f->own_pushed ? VALUE_OWN : VALUE_FOREIGN;
		slot = slot_of(f, p);
		return (slot ? slot->own : f->own_pushed) ? VALUE_OWN : VALUE_FOREIGN;
	}
	/* What was saved outside the frame, and is taken from the same place, is still our own. */
	vec_foreach (saved, &f->saved) {
		if (same_place(saved, p))
			return VALUE_OWN;
	}
	return VALUE_LOADED;
}

static enum value sum(enum value a, enum value b)
{
	if (a == VALUE_OWN || b == VALUE_OWN)
		return a == VALUE_DISTANCE || b == VALUE_DISTANCE ? VALUE_FOREIGN : VALUE_OWN;
	return a == VALUE_LOADED || b == VALUE_LOADED ? VALUE_LOADED : VALUE_FOREIGN;
}

/* A saved value is lost from sight when the register changes that names its place. */
static void forget_places(struct flow *f, uint32_t registers, bool absolute)
{
	size_t n = 0;

	vec_foreach (p, &f->saved) {
		if ((p->base >= 0 && registers & (1U << p->base)) ||
		    (p->index >= 0 && registers & (1U << p->index)) || (absolute && p->base < 0))
			continue;
		f->saved.v[n++] = *p;
	}
	f->saved.n = n;
}

static void load_rsp(struct flow *f, const struct sp_step *s, enum value value)
{
	if (value == VALUE_OWN) {
		f->returned = f->returned || f->called;
		return;
	}
	if (!f->loaded)
		f->at = f->code->addr + s->at;
	f->loaded = true;
	f->from_memory = f->from_memory || value == VALUE_LOADED;
	for (int reg = 0; reg < SP_REGISTERS; reg++)
		f->keeps =
		    f->keeps || (reg != SP_RSP && reg != SP_RBP && f->values[reg] == VALUE_OWN);
}

static void set(struct flow *f, const struct sp_step *s, int reg, enum value value)
{
	if (reg == SP_RSP) {
		load_rsp(f, s, value);
		return;
	}
	f->values[reg] = value;
	if (value == VALUE_OWN && !(f->ever_own & (1U << reg))) {
		f->ever_own |= 1U << reg;
		f->grown = true;
	}
	forget_places(f, 1U << reg, false);
}

static enum value source(const struct flow *f, const struct sp_step *s)
{
	return s->src >= 0 ? value_of(f, s->src) : value_at(f, &s->place);
}

/* What lies between a place of the stack and another place is no place of the stack. */
static enum value difference(enum value from, enum value what)
{
	return from == VALUE_OWN || what != VALUE_OWN ? from : VALUE_DISTANCE;
}

static void change(struct flow *f, const struct sp_step *s, enum value value)
{
	/* Within its stack, rsp comes and goes all the time. */
	if (s->dst != SP_RSP || value != VALUE_OWN)
		set(f, s, s->dst, value);
}

static enum value address(const struct flow *f, const struct sp_place *p)
{
	enum value base = p->base >= 0 ? value_of(f, p->base) : VALUE_FOREIGN;

	return p->index >= 0 ? sum(base, value_of(f, p->index)) : base;
}

static int trade(struct flow *f, const struct sp_step *s)
{
	enum value there = value_at(f, &s->place), here = value_of(f, s->dst);
	int err = put(f, &s->place, here);

	f->exchanges = f->exchanges || (s->dst == SP_RSP && there != VALUE_OWN);
	set(f, s, s->dst, there);
	return err;
}

static void trade_registers(struct flow *f, const struct sp_step *s)
{
	enum value a = value_of(f, s->dst), b = value_of(f, s->src);

	if (s->src == SP_RSP) { /* what gets the old rsp has it before the new one comes */
		set(f, s, s->dst, b);
		set(f, s, s->src, a);
	} else {
		set(f, s, s->src, a);
		set(f, s, s->dst, b);
	}
}

static void forget_values(struct flow *f, uint32_t registers)
{
	for (int reg = 0; reg < SP_REGISTERS; reg++) {
		if (registers & (1U << reg))
			f->values[reg] = VALUE_UNKNOWN;
	}
}

static void call(struct flow *f)
{
	f->called = f->called || f->loaded;
	forget_values(f, CALLER_SAVED);
	forget_places(f, CALLER_SAVED, true);
}

static void overwrite(struct flow *f, const struct sp_step *s)
{
	for (int reg = 0; reg < SP_REGISTERS; reg++) {
		if (reg != SP_RSP && s->written & (1U << reg))
			set(f, s, reg, VALUE_FOREIGN);
	}
}

static const struct sp_place top_of_stack = { .base = SP_RSP, .index = -1 };

static int take(struct flow *f, const struct sp_step *s)
{
	switch (s->kind) {
	case SP_COPY:
		set(f, s, s->dst, value_of(f, s->src));
		return 0;
	case SP_CHOOSE:
	case SP_ADD:
		change(f, s, sum(value_of(f, s->dst), source(f, s)));
		return 0;
	case SP_SUBTRACT:
		change(f, s, difference(value_of(f, s->dst), source(f, s)));
		return 0;
	case SP_ADJUST:
		return 0;
	case SP_ADDRESS:
		if (s->dst != SP_RSP || s->place.base != SP_RSP)
			set(f, s, s->dst, address(f, &s->place));
		return 0;
	case SP_LOAD:
		set(f, s, s->dst, value_at(f, &s->place));
		return 0;
	case SP_STORE:
		return put(f, &s->place, value_of(f, s->src));
	case SP_TRADE:
		return trade(f, s);
	case SP_TRADE_REGISTERS:
		trade_registers(f, s);
		return 0;
	case SP_PUSH:
		if (value_of(f, s->src) == VALUE_OWN)
			grow(f, &f->own_pushed);
		return 0;
	case SP_POP:
		set(f, s, s->dst, value_at(f, &top_of_stack));
		return 0;
	case SP_CALL:
		call(f);
		return 0;
	case SP_END:
		forget_values(f, ~0U);
		return 0;
	case SP_LEAVE: /* whoever fills rbp with something else, does not leave by it */
		load_rsp(f, s, VALUE_OWN);
		f->values[SP_RBP] = VALUE_UNKNOWN;
		return 0;
	default:
		overwrite(f, s);
		return 0;
	}
}

static int walk(struct flow *f)
{
	int err = 0;

	f->grown = false;
	f->loaded = f->from_memory = f->called = f->returned = false;
	f->saves = f->keeps = f->exchanges = false;
	f->saved.n = 0;
	for (int reg = 0; reg < SP_REGISTERS; reg++)
		f->values[reg] = f->code->is_entry ? VALUE_FOREIGN : VALUE_UNKNOWN;
	for (size_t i = 0; i < f->steps.n && !err; i++) {
		if (f->targets[f->steps.v[i].at])
			forget_values(f, ~0U);
		err = take(f, &f->steps.v[i]);
	}
	return err;
}

static enum spflow_kind kind_of(const struct flow *f)
{
	if (!f->loaded)
		return SPFLOW_OWN;
	if (f->saves || f->exchanges)
		return SPFLOW_SWITCH;
	if (f->returned)
		return SPFLOW_CALL;
	if (f->keeps)
		return SPFLOW_SWITCH;
	return f->from_memory ? SPFLOW_JUMP : SPFLOW_OWN;
}

int spflow_find(const struct spflow_code *code, struct spflow *ret)
{
	_cleanup_(flow_done) struct flow f = { .code = code };
	uint64_t decoded;
	int err;

	f.targets = calloc(code->size + 1, 1);
	if (!f.targets)
		return -ENOMEM;
	err = sp_steps_decode(code->bytes, code->size, code->addr, &f.steps, f.targets, &decoded);
	f.grown = true;
	for (int i = 0; i < WALKS_MAX && f.grown && !err; i++)
		err = walk(&f);
	if (err)
		return err;
	*ret = (struct spflow){ .kind = kind_of(&f), .at = f.at, .decoded = decoded };
	return 0;
}
