/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a function ends. */
#include "trace/retsites.h"

#include <errno.h>
#include <stdlib.h>

#include <Zydis/Zydis.h>

#include "lib/cleanup.h"

struct scan {
	uint64_t addr, end;
	bool (*is_function)(uint64_t addr, void *arg);
	void *arg;
	ret_site_vec *ret;
	uint8_t *marks; /* a byte for each of the code's: MARK_START, MARK_TARGET */
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

/* The target of a direct jump; false: it is not direct. */
static bool jump_target(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
			uint64_t at, uint64_t *target)
{
	return op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && op->imm.is_relative &&
	       ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(in, op, at, target));
}

static int on_jump(const struct scan *s, const ZydisDecodedInstruction *in,
		   const ZydisDecodedOperand *op, uint64_t at)
{
	bool conditional = in->meta.category == ZYDIS_CATEGORY_COND_BR;
	uint64_t target;

	if (!jump_target(in, op, at, &target))
		return refuse(s, "an indirect jump in it may be a tail call");
	/* A jump to the first byte runs into the entry probe again: a call of itself. */
	if (target > s->addr && target < s->end) {
		s->marks[target - s->addr] |= MARK_TARGET;
		return 0;
	}
	if (target != s->addr && !s->is_function(target, s->arg))
		return refuse(s, "a part of it lies elsewhere (cold code)");
	if (conditional)
		return refuse(s, "a conditional jump in it leaves it");
	return add(s, at, false);
}

static int on_instruction(const struct scan *s, const ZydisDecodedInstruction *in,
			  const ZydisDecodedOperand *op, uint64_t at)
{
	switch (in->meta.category) {
	case ZYDIS_CATEGORY_RET:
		return add(s, at, true);
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
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

int ret_sites_find(const uint8_t *code, size_t size, uint64_t addr,
		   bool (*is_function)(uint64_t addr, void *arg), void *arg, ret_site_vec *ret,
		   const char **why)
{
	_cleanup_free_ uint8_t *marks = calloc(size + 1, sizeof(*marks));
	struct scan s = { addr, addr + size, is_function, arg, ret, marks, why };
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;
	size_t before = ret->n;
	int err = 0;

	if (!marks)
		return -ENOMEM;
	if (ZYAN_FAILED(
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return -ENOTSUP;
	for (size_t i = 0; i < size && !err; i += in.length) {
		if (ZYAN_FAILED(
			ZydisDecoderDecodeFull(&decoder, code + i, size - i, &in, operands)))
			return refuse(&s, "its code does not decode");
		marks[i] |= MARK_START;
		err = on_instruction(&s, &in, operands, addr + i);
	}
	err = err ? err : check_targets(&s, size);
	if (!err && ret->n == before)
		return refuse(&s, "it has no return instruction");
	return err;
}
