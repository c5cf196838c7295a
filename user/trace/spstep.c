/* SPDX-License-Identifier: GPL-2.0-only */
/* What an instruction does to the values of the general registers. */
#include "trace/spstep.h"

#include <errno.h>
#include <stdbool.h>

#include "trace/insn.h"

/* SP_NONE for what is no general register, or a part of one that cannot hold an address. */
static int8_t register_of(ZydisRegister reg)
{
	if (reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15)
		return (int8_t)(reg - ZYDIS_REGISTER_RAX);
	return SP_NONE;
}

static int8_t operand_register(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER ? register_of(op->reg.value) : SP_NONE;
}

static struct sp_place place_of(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
				uint64_t addr)
{
	struct sp_place p = { .base = register_of(op->mem.base),
			      .index = register_of(op->mem.index),
			      .scale = op->mem.scale,
			      .disp = op->mem.disp.value };
	uint64_t absolute;

	if (op->mem.base == ZYDIS_REGISTER_RIP &&
	    ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(in, op, addr, &absolute)))
		p.disp = (int64_t)absolute;
	if (op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS)
		p.base = SP_FS_OR_GS;
	return p;
}

static bool is_memory(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY;
}

static enum sp_step_kind move_kind(const struct sp_step *s, const ZydisDecodedOperand *ops)
{
	if (is_memory(&ops[0]))
		return s->src >= 0 ? SP_STORE : SP_OTHER;
	if (s->dst < 0)
		return SP_OTHER;
	if (is_memory(&ops[1]))
		return SP_LOAD;
	if (s->dst == SP_RSP && s->src == SP_RBP)
		return SP_LEAVE;
	return s->src >= 0 ? SP_COPY : SP_OTHER;
}

static enum sp_step_kind exchange_kind(const struct sp_step *s, const ZydisDecodedOperand *ops)
{
	if (is_memory(&ops[0]))
		return s->src >= 0 ? SP_TRADE : SP_OTHER;
	return s->dst >= 0 && s->src >= 0 ? SP_TRADE_REGISTERS : SP_OTHER;
}

static enum sp_step_kind sum_kind(enum sp_step_kind kind, const struct sp_step *s,
				  const ZydisDecodedOperand *ops)
{
	if (s->dst < 0)
		return SP_OTHER;
	return ops[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? SP_ADJUST : kind;
}

static enum sp_step_kind kind_of(const ZydisDecodedInstruction *in, const struct sp_step *s,
				 const ZydisDecodedOperand *ops)
{
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return move_kind(s, ops);
	case ZYDIS_MNEMONIC_XCHG:
		return exchange_kind(s, ops);
	case ZYDIS_MNEMONIC_LEA:
		return s->dst >= 0 ? SP_ADDRESS : SP_OTHER;
	case ZYDIS_MNEMONIC_ADD:
		return sum_kind(SP_ADD, s, ops);
	case ZYDIS_MNEMONIC_SUB:
		return sum_kind(SP_SUBTRACT, s, ops);
	case ZYDIS_MNEMONIC_AND:
	case ZYDIS_MNEMONIC_DEC:
	case ZYDIS_MNEMONIC_INC:
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_SHL:
	case ZYDIS_MNEMONIC_SHR:
		return s->dst >= 0 ? SP_ADJUST : SP_OTHER;
	case ZYDIS_MNEMONIC_PUSH:
		return s->dst >= 0 ? SP_PUSH : SP_OTHER;
	case ZYDIS_MNEMONIC_POP:
		return s->dst >= 0 ? SP_POP : SP_OTHER;
	case ZYDIS_MNEMONIC_LEAVE:
		return SP_LEAVE;
	case ZYDIS_MNEMONIC_CALL:
		return SP_CALL;
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_INT3:
	case ZYDIS_MNEMONIC_UD2:
		return SP_END;
	default:
		break;
	}
	switch (in->meta.category) {
	case ZYDIS_CATEGORY_CMOV:
		return s->dst >= 0 ? SP_CHOOSE : SP_OTHER;
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_UNCOND_BR:
		return SP_END;
	default:
		return SP_OTHER;
	}
}

static struct sp_step step_of(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops,
			      uint64_t addr, uint32_t at)
{
	struct sp_step s = { .at = at, .dst = SP_NONE, .src = SP_NONE };

	if (in->operand_count_visible > 0)
		s.dst = operand_register(&ops[0]);
	if (in->operand_count_visible > 1)
		s.src = operand_register(&ops[1]);
	for (uint8_t i = 0; i < in->operand_count_visible; i++) {
		if (is_memory(&ops[i]))
			s.place = place_of(in, &ops[i], addr + at);
	}
	s.written = insn_written(in, ops) & ((1U << SP_REGISTERS) - 1);
	s.kind = kind_of(in, &s, ops);
	if (s.kind == SP_PUSH)
		s.src = s.dst;
	if (s.kind == SP_TRADE) {
		s.dst = s.src;
		s.src = SP_NONE;
	}
	return s;
}

int sp_steps_decode(const uint8_t *bytes, size_t size, uint64_t addr, sp_steps *steps,
		    uint8_t *targets, uint64_t *ret_decoded)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;
	size_t i = 0;
	int err = 0;

	if (!insn_decoder_init(&decoder))
		return -ENOTSUP;
	for (; i < size && !err; i += in.length) {
		uint64_t target;

		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes + i, size - i, &in, ops)))
			break;
		if (in.operand_count_visible &&
		    insn_relative_target(&in, &ops[0], addr + i, &target) &&
		    in.mnemonic != ZYDIS_MNEMONIC_CALL && target - addr < size)
			targets[target - addr] = 1;
		err = vec_push(steps, step_of(&in, ops, addr, (uint32_t)i));
	}
	*ret_decoded = addr + i;
	return err;
}
