/* SPDX-License-Identifier: GPL-2.0-only */
/* Which of a function's places may be reached other than in a straight line from its start. */
#include "trace/entrybounds.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "trace/insn.h"

#define WORDS_MANY 63 /* the bit of jump_words that stands for all higher ones */

static void be_unsure(struct entry_bounds *b, const char *why)
{
	if (!b->why)
		b->why = why;
}

/* A piece of code whose jumps are looked at. */
struct sweep {
	const struct ret_code *code;
	struct entry_bounds *bounds;
	uint8_t *marks; /* a byte for each of the code's: MARK_START, MARK_TARGET */
};

enum { MARK_START = 1, MARK_TARGET = 2 };

static void lead_to(const struct sweep *s, uint64_t target)
{
	struct entry_bounds *b = s->bounds;
	uint64_t offset = target - s->code->addr;

	if (target > b->start && target < b->first_target)
		b->first_target = target;
	if (offset < s->code->size)
		s->marks[offset] |= MARK_TARGET;
}

static void on_indirect_jump(const struct sweep *s, uint64_t at)
{
	int words = s->code->frame_words ? s->code->frame_words(at, s->code->arg) : -1;

	if (words < 0)
		be_unsure(s->bounds, "nobody knows where an indirect jump in it leads");
	else if (!words)
		s->bounds->jump_on_rbp = true;
	else
		s->bounds->jump_words |= 1ULL << (words < WORDS_MANY ? words : WORDS_MANY);
}

/*
 * A jump out of the piece goes to another function, or to a part of this one that may come back.
 * Functions are seldom called by a conditional jump; where no symbol tells a function from a part,
 * it is a part then.
 */
static int on_jump_out(const struct sweep *s, uint64_t target, bool conditional)
{
	const struct ret_code *code = s->code;

	if (target >= s->bounds->start && target < s->bounds->end)
		return 0;
	if (!conditional && code->is_function(target, code->arg))
		return 0;
	if (code->outside)
		return vec_push(code->outside, target);
	be_unsure(s->bounds, "a part of it lies elsewhere");
	return 0;
}

/* Notes where an instruction may lead to; also whose address it takes. */
static int on_instruction(const struct sweep *s, const ZydisDecodedInstruction *in,
			  const ZydisDecodedOperand *ops, uint64_t at)
{
	bool conditional = in->meta.category == ZYDIS_CATEGORY_COND_BR;
	bool jump = conditional || in->meta.category == ZYDIS_CATEGORY_UNCOND_BR;
	uint64_t target;

	for (uint8_t i = 0; i < in->operand_count_visible; i++) {
		const ZydisDecodedOperand *op = &ops[i];

		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.base == ZYDIS_REGISTER_RIP &&
		    ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(in, op, at, &target)) &&
		    target > s->bounds->start && target < s->bounds->first_target)
			s->bounds->first_target = target;
		if (insn_relative_target(in, op, at, &target)) {
			lead_to(s, target);
			if (jump && target - s->code->addr >= s->code->size)
				return on_jump_out(s, target, conditional);
			return 0;
		}
	}
	if (jump)
		on_indirect_jump(s, at);
	return 0;
}

static int sweep(const struct sweep *s)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;
	int err = 0;

	if (!insn_decoder_init(&decoder))
		return -ENOTSUP;
	for (size_t i = 0; i < s->code->size && !err; i += in.length) {
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, s->code->bytes + i,
						       s->code->size - i, &in, ops))) {
			be_unsure(s->bounds, "its code does not decode");
			return 0;
		}
		s->marks[i] |= MARK_START;
		err = on_instruction(s, &in, ops, s->code->addr + i);
	}
	for (size_t i = 0; i < s->code->size; i++) {
		if (s->marks[i] == MARK_TARGET)
			be_unsure(s->bounds, "there is data between its instructions");
	}
	return err;
}

int entry_bounds_add(struct entry_bounds *b, const struct ret_code *code)
{
	_cleanup_free_ uint8_t *marks = calloc(code->size + 1, sizeof(*marks));
	struct sweep s = { .code = code, .bounds = b, .marks = marks };

	if (!marks)
		return -ENOMEM;
	if (!b->known)
		*b = (struct entry_bounds){ .known = true,
					    .start = code->addr,
					    .end = code->addr + code->size,
					    .first_target = code->addr + code->size };
	return sweep(&s);
}

/*
 * The stack pointer is the same wherever an instruction is come to from; so one that jumps from a
 * frame of another size does not lead here. A frame that hangs on rbp has rbp pushed at least.
 */
bool entry_bounds_may_switch(const struct entry_bounds *b, int64_t sp_moved)
{
	int64_t words = sp_moved / 8 + 1;

	if (sp_moved && b->jump_on_rbp)
		return true;
	return b->jump_words & (1ULL << (words < WORDS_MANY ? words : WORDS_MANY));
}
