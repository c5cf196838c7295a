/* SPDX-License-Identifier: GPL-2.0-only */
/* Where musl keeps what its loader has to say. */
#include "trace/muslerror.h"

#include "trace/insn.h"

#define STEPS_MAX  32
#define OFFSET_MAX 4096

/* `mov %fs:0, REG` */
static bool is_thread_pointer(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops)
{
	return in->mnemonic == ZYDIS_MNEMONIC_MOV && ops[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       ops[1].type == ZYDIS_OPERAND_TYPE_MEMORY &&
	       ops[1].mem.segment == ZYDIS_REGISTER_FS && ops[1].mem.base == ZYDIS_REGISTER_NONE &&
	       !ops[1].mem.disp.value;
}

/* `mov DISP(BASE), REG64` */
static bool loads_word(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops,
		       ZydisRegister base)
{
	return in->mnemonic == ZYDIS_MNEMONIC_MOV && ops[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       ops[0].size == 64 && ops[1].type == ZYDIS_OPERAND_TYPE_MEMORY &&
	       ops[1].mem.base == base && ops[1].mem.index == ZYDIS_REGISTER_NONE &&
	       ops[1].mem.disp.value > 0 && ops[1].mem.disp.value < OFFSET_MAX;
}

uint32_t musl_error_offset(const uint8_t *dlerror_code, size_t size)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisRegister self = ZYDIS_REGISTER_NONE;
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;
	size_t at = 0;

	if (!insn_decoder_init(&decoder))
		return 0;
	for (int i = 0; i < STEPS_MAX && at < size; i++, at += in.length) {
		if (!ZYAN_SUCCESS(
			ZydisDecoderDecodeFull(&decoder, dlerror_code + at, size - at, &in, ops)))
			return 0;
		if (is_thread_pointer(&in, ops))
			self = ops[0].reg.value;
		else if (self != ZYDIS_REGISTER_NONE && loads_word(&in, ops, self))
			return (uint32_t)ops[1].mem.disp.value;
	}
	return 0;
}
