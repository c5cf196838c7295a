/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a function's entry is probed. */
#include "trace/entrysite.h"

#include <errno.h>

#include "trace/insn.h"

#define SP_MOVED_MAX (1 << 20)
#define SKIP_MAX     64 /* bytes */
#define GROW_MAX     48 /* instructions: saves the arguments, has the stack grown, restores them */

/* On the way from the first instruction to the site. */
struct walk {
	const struct ret_code *code;
	const struct entry_bounds *bounds;
	const struct entry_wants *wants;
	int64_t sp_moved;
	bool sp_copied;  /* another register may point to the stack */
	bool below_used; /* something may have been stored below the stack pointer */
	const char *why;
};

static bool stop(struct walk *w, const char *why)
{
	w->why = why;
	return false;
}

/* Is this place, behind the first instruction, reached through that alone? */
static bool is_in_line(struct walk *w, uint64_t at)
{
	if (w->bounds->why)
		return stop(w, w->bounds->why);
	if (at >= w->bounds->first_target)
		return stop(w, "a jump leads to what follows its first instructions");
	if (entry_bounds_may_switch(w->bounds, w->sp_moved))
		return stop(w, "an indirect jump may lead to its first instructions");
	if (w->code->is_function(at, w->code->arg))
		return stop(w, "another function begins in it");
	return true;
}

static bool is_rsp(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, op->reg.value) ==
		   ZYDIS_REGISTER_RSP;
}

/* How far an instruction lowers the stack pointer; false: nobody knows. */
static bool sp_change(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops,
		      int64_t *ret)
{
	bool wide = in->operand_width == 64;

	*ret = 0;
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_PUSHFQ:
		*ret = 8;
		return wide;
	case ZYDIS_MNEMONIC_POP:
	case ZYDIS_MNEMONIC_POPFQ:
		*ret = -8;
		return wide && !(in->operand_count_visible && is_rsp(&ops[0]));
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_ADD:
		if (!is_rsp(&ops[0]))
			break;
		*ret =
		    in->mnemonic == ZYDIS_MNEMONIC_SUB ? ops[1].imm.value.s : -ops[1].imm.value.s;
		return wide && ops[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
	case ZYDIS_MNEMONIC_LEA:
		if (!is_rsp(&ops[0]))
			break;
		*ret = -ops[1].mem.disp.value;
		return wide && ops[1].mem.base == ZYDIS_REGISTER_RSP &&
		       ops[1].mem.index == ZYDIS_REGISTER_NONE;
	default:
		break;
	}
	for (uint8_t i = 0; i < in->operand_count; i++) {
		if (is_rsp(&ops[i]) && (ops[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			return false;
	}
	return true;
}

/* Notes stores below the stack pointer, before it moves. */
static void note_stores(struct walk *w, const ZydisDecodedInstruction *in,
			const ZydisDecodedOperand *ops)
{
	for (uint8_t i = 0; i < in->operand_count_visible; i++) {
		const ZydisDecodedOperand *op = &ops[i];

		if (is_rsp(op) && !(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) {
			w->sp_copied = true;
		} else if (op->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			bool on_stack = op->mem.base == ZYDIS_REGISTER_RSP;
			bool below = on_stack && (op->mem.disp.value < 0 ||
						  op->mem.index != ZYDIS_REGISTER_NONE);

			if ((op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
			    (below || (!on_stack && w->sp_copied)))
				w->below_used = true;
			if (in->mnemonic == ZYDIS_MNEMONIC_LEA && on_stack)
				w->sp_copied = true;
		}
	}
	/* String instructions store by rdi, which only their hidden operands tell. */
	if (in->meta.category == ZYDIS_CATEGORY_STRINGOP && w->sp_copied)
		w->below_used = true;
}

/* May the probe stand behind this instruction? */
static bool skip_one(struct walk *w, const ZydisDecodedInstruction *in,
		     const ZydisDecodedOperand *ops)
{
	int64_t change;

	switch (in->meta.category) {
	case ZYDIS_CATEGORY_RET:
		return stop(w, "it returns before an instruction that is emulated");
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
		return stop(w, "it branches before an instruction that is emulated");
	default:
		break;
	}
	if (!insn_is_plain(in, ops))
		return stop(w, "it begins with an unusual instruction");
	if (insn_written(in, ops) & w->wants->registers)
		return stop(w, "it overwrites an argument before an instruction that is emulated");
	if (!sp_change(in, ops, &change))
		return stop(w, "nobody knows how far it moves the stack pointer");
	note_stores(w, in, ops);
	if (change < 0)
		w->below_used = true; /* what it has freed may be used still */
	w->sp_moved += change;
	if (w->sp_moved < 0 || w->sp_moved > SP_MOVED_MAX)
		return stop(w, "it moves the stack pointer in an unusual way");
	return true;
}

/* Does the code at a conditional jump's target do nothing but call, and begin again? */
static bool begins_again(const struct walk *w, const ZydisDecoder *decoder, uint64_t target)
{
	const struct ret_code *code = w->code;
	uint64_t i = target - code->addr;

	for (int n = 0; n < GROW_MAX && i < code->size; n++) {
		ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
		ZydisDecodedInstruction in;

		if (ZYAN_FAILED(
			ZydisDecoderDecodeFull(decoder, code->bytes + i, code->size - i, &in, ops)))
			return false;
		if (in.meta.category == ZYDIS_CATEGORY_UNCOND_BR)
			return insn_relative_target(&in, &ops[0], code->addr + i, &target) &&
			       target == code->addr;
		if (in.meta.category != ZYDIS_CATEGORY_CALL && !insn_is_plain(&in, ops))
			return false;
		i += in.length;
	}
	return false;
}

/* A place on the way, with its instruction. */
struct step {
	uint64_t offset;
	ZydisDecodedInstruction in;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	enum site_class class;
};

/* A call with a stack that is too small does not get behind this jump. */
static bool is_stack_check(const struct walk *w, const ZydisDecoder *decoder, const struct step *s)
{
	uint64_t target;

	return w->wants->past_stack_check && s->in.meta.category == ZYDIS_CATEGORY_COND_BR &&
	       insn_relative_target(&s->in, &s->ops[0], w->code->addr + s->offset, &target) &&
	       begins_again(w, decoder, target);
}

/* Decodes the next instruction, if the probe may stand there. */
static bool take_step(struct walk *w, const ZydisDecoder *decoder, uint64_t offset, struct step *s)
{
	if (offset && !is_in_line(w, w->code->addr + offset))
		return false;
	if (offset > SKIP_MAX || offset >= w->code->size)
		return stop(w, "none of its first instructions is emulated");
	if (w->sp_moved && !w->wants->sp_may_move)
		return stop(w, "it moves the stack pointer before an instruction that is emulated");
	if (ZYAN_FAILED(ZydisDecoderDecodeFull(decoder, w->code->bytes + offset,
					       w->code->size - offset, &s->in, s->ops)))
		return stop(w, "its code does not decode");
	s->offset = offset;
	s->class = insn_class(&s->in, w->code->bytes + offset);
	if (s->class == SITE_NOP5 && w->below_used)
		s->class = SITE_STEPPED; /* it must not become a call */
	return true;
}

static struct entry_site site_at(const struct walk *w, const struct step *s)
{
	return (struct entry_site){ .skip = s->offset,
				    .sp_moved = (uint32_t)w->sp_moved,
				    .class = s->class };
}

/* An instruction that can be probed at all: no padding, no debugger's breakpoint. */
static bool begins_here(const struct ret_code *code, const ZydisDecoder *decoder)
{
	ZydisDecodedInstruction in;

	return ZYAN_SUCCESS(
		   ZydisDecoderDecodeInstruction(decoder, NULL, code->bytes, code->size, &in)) &&
	       in.mnemonic != ZYDIS_MNEMONIC_INT3;
}

int entry_site_choose(const struct ret_code *code, const struct entry_bounds *b,
		      const struct entry_wants *wants, struct entry_site *ret)
{
	struct walk w = { .code = code, .bounds = b, .wants = wants };
	struct entry_site site = {}; /* in reserve: the first instruction, or the check's jump */
	ZydisDecoder decoder;
	struct step s;

	if (!insn_decoder_init(&decoder) || !begins_here(code, &decoder))
		return -ENOTSUP;
	for (uint64_t i = 0; take_step(&w, &decoder, i, &s); i += s.in.length) {
		bool checks = is_stack_check(&w, &decoder, &s);

		if (s.class != SITE_STEPPED && !checks) {
			*ret = site_at(&w, &s);
			return 0;
		}
		if (s.class != SITE_STEPPED && !site.restarts)
			site = site_at(&w, &s);
		site.restarts |= checks;
		if (!checks && !skip_one(&w, &s.in, s.ops))
			break;
	}
	if (site.class == SITE_STEPPED)
		site.why = w.why;
	*ret = site;
	return 0;
}
