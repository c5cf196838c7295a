/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a function ends. */
#include "trace/retsites.h"

#include <errno.h>
#include <stdlib.h>

#include <Zydis/Zydis.h>

#include "lib/cleanup.h"

struct scan {
	const struct ret_code *code;
	uint64_t addr, end;
	ret_site_vec *ret;
	ZydisRegister computed; /* what the instruction before added up: a table's entry? */
	uint8_t *marks;         /* a byte for each of the code's: MARK_START, MARK_TARGET */
	bool *restarts;
	const char **why;
};

enum { MARK_START = 1, MARK_TARGET = 2 };

static int refuse(const struct scan *s, const char *why)
{
	*s->why = why;
	return -ENOTSUP;
}

static int add(const struct scan *s, uint64_t at, bool has_value)
{
	return vec_push(s->ret,
			(struct ret_site){ .offset = at - s->addr, .has_value = has_value });
}

static int add_ret(const struct scan *s, uint64_t at, const ZydisDecodedOperand *op)
{
	return vec_push(s->ret,
			(struct ret_site){ .offset = at - s->addr,
					   .has_value = true,
					   .pops = op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE });
}

/* The target of a direct jump; false: it is not direct. */
static bool jump_target(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
			uint64_t at, uint64_t *target)
{
	return op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && op->imm.is_relative &&
	       ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(in, op, at, target));
}

/* A switch or a tail call? */
static int on_indirect_jump(const struct scan *s, const ZydisDecodedOperand *op, uint64_t at)
{
	int words = s->code->frame_words ? s->code->frame_words(at, s->code->arg) : -1;

	if (words < 0)
		return refuse(s, "an indirect jump in it may be a tail call");
	if (words != 1)
		return 0; /* a frame is on the stack still: a switch */
	if (op->type == ZYDIS_OPERAND_TYPE_REGISTER && op->reg.value == s->computed)
		return 0;
	if (op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.index != ZYDIS_REGISTER_NONE)
		return 0;
	return add(s, at, false);
}

static int on_jump(const struct scan *s, const ZydisDecodedInstruction *in,
		   const ZydisDecodedOperand *op, uint64_t at)
{
	bool conditional = in->meta.category == ZYDIS_CATEGORY_COND_BR;
	uint64_t target;

	if (!jump_target(in, op, at, &target))
		return on_indirect_jump(s, op, at);
	if (target > s->addr && target < s->end) {
		s->marks[target - s->addr] |= MARK_TARGET;
		return 0;
	}
	/*
	 * Back to the first byte: a loop around it, or the prologue once more (Go, when its stack
	 * has grown). Compilers make loops of functions that end by calling themselves.
	 */
	if (target == s->code->start) {
		*s->restarts = true;
		return 0;
	}
	if (s->code->is_function(target, s->code->arg) && !conditional)
		return add(s, at, false);
	if (s->code->outside)
		return vec_push(s->code->outside, target);
	return refuse(s, "a conditional jump in it leaves it, or a part of it lies elsewhere");
}

static int on_instruction(struct scan *s, const ZydisDecodedInstruction *in,
			  const ZydisDecodedOperand *op, uint64_t at)
{
	ZydisRegister computed = s->computed;

	s->computed = ZYDIS_REGISTER_NONE;
	if (in->mnemonic == ZYDIS_MNEMONIC_ADD && op->type == ZYDIS_OPERAND_TYPE_REGISTER)
		s->computed = op->reg.value;
	switch (in->meta.category) {
	case ZYDIS_CATEGORY_RET:
		return add_ret(s, at, op);
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
		s->computed = computed;
		return on_jump(s, in, op, at);
	default:
		return 0;
	}
}

/* Where a jump leads there must be an instruction; else there is data in between. */
static int check_targets(const struct scan *s, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (s->marks[i] == MARK_TARGET)
			return refuse(s, "there is data between its instructions");
	}
	return 0;
}

int ret_sites_find(const struct ret_code *code, ret_site_vec *ret,
		   bool *ret_restarts, /* NOLINT: written through scan */
		   const char **why)
{
	_cleanup_free_ uint8_t *marks = calloc(code->size + 1, sizeof(*marks));
	struct scan s = { .code = code,
			  .addr = code->addr,
			  .end = code->addr + code->size,
			  .ret = ret,
			  .marks = marks,
			  .restarts = ret_restarts,
			  .why = why };
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;
	int err = 0;

	if (!marks)
		return -ENOMEM;
	if (ZYAN_FAILED(
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return -ENOTSUP;
	for (size_t i = 0; i < code->size && !err; i += in.length) {
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code->bytes + i, code->size - i,
						       &in, operands)))
			return refuse(&s, "its code does not decode");
		marks[i] |= MARK_START;
		err = on_instruction(&s, &in, operands, s.addr + i);
	}
	err = err ? err : check_targets(&s, code->size);
	return err;
}
