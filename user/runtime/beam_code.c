/* SPDX-License-Identifier: GPL-2.0-only */
/* What the BEAM's machine code tells of its structures. */
#include "runtime/beam_code.h"

#include <Zydis/Zydis.h>

#define ALIGNMENT  64       /* of the C stack in process_main */
#define OFFSET_MAX 0x100000 /* nothing that we look for is larger */

struct reader {
	ZydisDecoder decoder;
	const uint8_t *code;
	size_t size, at; /* at: behind the instruction at hand */
	ZydisDecodedInstruction in;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
};

static bool begin(struct reader *r, const uint8_t *code, size_t size)
{
	*r = (struct reader){ .code = code, .size = size };
	return ZYAN_SUCCESS(
	    ZydisDecoderInit(&r->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64));
}

static bool next(struct reader *r)
{
	if (r->at >= r->size || !ZYAN_SUCCESS(ZydisDecoderDecodeFull(
				    &r->decoder, r->code + r->at, r->size - r->at, &r->in, r->ops)))
		return false;
	r->at += r->in.length;
	return true;
}

static bool is_reg(const ZydisDecodedOperand *op, ZydisRegister reg)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER && op->reg.value == reg;
}

/* OFFSET(%base) without an index, and a plausible offset. */
static bool is_field(const ZydisDecodedOperand *op, ZydisRegister base, uint32_t *ret)
{
	if (op->type != ZYDIS_OPERAND_TYPE_MEMORY || op->mem.base != base ||
	    op->mem.index != ZYDIS_REGISTER_NONE || op->mem.disp.value < 0 ||
	    op->mem.disp.value > OFFSET_MAX)
		return false;
	*ret = (uint32_t)op->mem.disp.value;
	return true;
}

/* OPERATION IMMEDIATE, %rsp */
static bool is_rsp_by(const struct reader *r, ZydisMnemonic operation, int64_t *ret)
{
	if (r->in.mnemonic != operation || !is_reg(&r->ops[0], ZYDIS_REGISTER_RSP) ||
	    r->ops[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return false;
	*ret = r->ops[1].imm.value.s;
	return true;
}

bool beam_code_main(const uint8_t *code, size_t size, struct beam_main *ret)
{
	bool has_stop = false;
	int64_t frame, mask;
	struct beam_main m;
	struct reader r;

	if (!begin(&r, code, size) || !next(&r) || !is_rsp_by(&r, ZYDIS_MNEMONIC_SUB, &frame) ||
	    frame <= 0 || frame > OFFSET_MAX || !next(&r) ||
	    !is_rsp_by(&r, ZYDIS_MNEMONIC_AND, &mask) || mask != -ALIGNMENT)
		return false;
	/* It was called with rsp at a multiple of 16; the call put 8 bytes there. */
	m.slot = (uint32_t)(frame + ((8 - frame) & 15));
	if (!next(&r) || r.in.mnemonic != ZYDIS_MNEMONIC_MOV ||
	    !is_field(&r.ops[0], ZYDIS_REGISTER_RDI, &m.scheduler_rsp) ||
	    !is_reg(&r.ops[1], ZYDIS_REGISTER_RSP))
		return false;
	if (!next(&r) || r.in.mnemonic != ZYDIS_MNEMONIC_LEA ||
	    !is_reg(&r.ops[0], ZYDIS_REGISTER_RBX) ||
	    !is_field(&r.ops[1], ZYDIS_REGISTER_RSP, &m.registers))
		return false;
	while (!has_stop && next(&r))
		has_stop = r.in.mnemonic == ZYDIS_MNEMONIC_MOV &&
			   is_reg(&r.ops[0], ZYDIS_REGISTER_RSP) &&
			   is_field(&r.ops[1], ZYDIS_REGISTER_R13, &m.stop);
	if (has_stop)
		*ret = m;
	return has_stop;
}

bool beam_code_key(const uint8_t *code, size_t size, uint64_t addr, uint64_t *ret)
{
	struct reader r;

	if (!begin(&r, code, size))
		return false;
	while (next(&r)) {
		if (r.in.mnemonic == ZYDIS_MNEMONIC_MOV && is_reg(&r.ops[0], ZYDIS_REGISTER_EDI) &&
		    r.ops[1].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    r.ops[1].mem.base == ZYDIS_REGISTER_RIP) {
			*ret = addr + r.at + (uint64_t)r.ops[1].mem.disp.value;
			return true;
		}
		if (r.in.meta.category == ZYDIS_CATEGORY_RET ||
		    r.in.meta.category == ZYDIS_CATEGORY_UNCOND_BR)
			return false;
	}
	return false;
}

bool beam_code_type(const uint8_t *code, size_t size, uint32_t *ret)
{
	bool called = false;
	struct reader r;

	if (!begin(&r, code, size))
		return false;
	while (next(&r)) {
		called = called || r.in.meta.category == ZYDIS_CATEGORY_CALL;
		if (called && r.in.mnemonic == ZYDIS_MNEMONIC_MOV &&
		    is_reg(&r.ops[0], ZYDIS_REGISTER_EAX) &&
		    is_field(&r.ops[1], ZYDIS_REGISTER_RAX, ret))
			return true;
		if (r.in.meta.category == ZYDIS_CATEGORY_RET)
			return false;
	}
	return false;
}
