/* SPDX-License-Identifier: GPL-2.0-only */
/* What single x86-64 instructions mean to a probe on them. */
#include "trace/insn.h"

#include <string.h>

bool insn_decoder_init(ZydisDecoder *decoder)
{
	return ZYAN_SUCCESS(
	    ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64));
}

static bool is_emulated_push(const ZydisDecodedInstruction *in)
{
	if (in->opcode < 0x50 || in->opcode > 0x57)
		return false;
	/* Of all prefixes the kernel knows REX.B alone (push %r8 … %r15). */
	return in->length == 1 ||
	       (in->length == 2 && in->raw.rex.offset == 0 && in->raw.prefix_count == 1 &&
		in->raw.rex.B && !in->raw.rex.W && !in->raw.rex.R && !in->raw.rex.X);
}

static enum site_class one_byte_class(const ZydisDecodedInstruction *in)
{
	bool word = in->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE; /* branches with it: refused */

	switch (in->opcode) {
	case 0x90: /* not with prefixes that make it pause or xchg */
		return in->mnemonic == ZYDIS_MNEMONIC_NOP ? SITE_NOP : SITE_STEPPED;
	case 0x70 ... 0x7f: /* jcc rel8 */
	case 0xe9:          /* jmp rel32 */
	case 0xeb:          /* jmp rel8 */
		return word ? SITE_STEPPED : SITE_JUMP;
	case 0xe8: /* call rel32 */
		return word ? SITE_STEPPED : SITE_CALL;
	default:
		return is_emulated_push(in) ? SITE_PUSH : SITE_STEPPED;
	}
}

/* Those of 5 bytes may be written in any way, the others as the kernel's own are, up to 8 bytes. */
static enum site_class long_nop_class(const ZydisDecodedInstruction *in, const uint8_t *bytes)
{
	static const uint8_t nops[][8] = {
		[3] = { 0x0f, 0x1f, 0x00 },       [4] = { 0x0f, 0x1f, 0x40 },
		[6] = { 0x66, 0x0f, 0x1f, 0x44 }, [7] = { 0x0f, 0x1f, 0x80 },
		[8] = { 0x0f, 0x1f, 0x84 },
	};

	if (in->mnemonic != ZYDIS_MNEMONIC_NOP || in->raw.modrm.reg)
		return SITE_STEPPED;
	if (in->length == 5)
		return SITE_NOP5;
	return in->length >= 3 && in->length <= 8 && !memcmp(bytes, nops[in->length], in->length)
		   ? SITE_NOP
		   : SITE_STEPPED;
}

static enum site_class two_byte_class(const ZydisDecodedInstruction *in, const uint8_t *bytes)
{
	switch (in->opcode) {
	case 0x1f: /* its neighbours, endbr64 among them, are stepped */
		return long_nop_class(in, bytes);
	case 0x80 ... 0x8f: /* jcc rel32 */
		return in->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE ? SITE_STEPPED : SITE_JUMP;
	default:
		return SITE_STEPPED;
	}
}

/* The kernel refuses a probe on an instruction with a segment override (a branch hint) or lock. */
static bool has_refused_prefix(const ZydisDecodedInstruction *in)
{
	for (uint8_t i = 0; i < in->raw.prefix_count; i++) {
		switch (in->raw.prefixes[i].value) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0xf0:
			return true;
		default:
			break;
		}
	}
	return false;
}

enum site_class insn_class(const ZydisDecodedInstruction *in, const uint8_t *bytes)
{
	if (in->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || has_refused_prefix(in))
		return SITE_STEPPED;
	switch (in->opcode_map) {
	case ZYDIS_OPCODE_MAP_DEFAULT:
		return one_byte_class(in);
	case ZYDIS_OPCODE_MAP_0F:
		return two_byte_class(in, bytes);
	default:
		return SITE_STEPPED;
	}
}

bool insn_relative_target(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
			  uint64_t at, uint64_t *ret)
{
	return op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && op->imm.is_relative &&
	       ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(in, op, at, ret));
}

static bool is_plain_kind(const ZydisDecodedInstruction *in)
{
	switch (in->meta.category) {
	case ZYDIS_CATEGORY_ADOX_ADCX:
	case ZYDIS_CATEGORY_AVX2:
	case ZYDIS_CATEGORY_BINARY:
	case ZYDIS_CATEGORY_BITBYTE:
	case ZYDIS_CATEGORY_BLEND:
	case ZYDIS_CATEGORY_BMI1:
	case ZYDIS_CATEGORY_BMI2:
	case ZYDIS_CATEGORY_BROADCAST:
	case ZYDIS_CATEGORY_CMOV:
	case ZYDIS_CATEGORY_CONVERT:
	case ZYDIS_CATEGORY_DATAXFER:
	case ZYDIS_CATEGORY_LOGICAL:
	case ZYDIS_CATEGORY_LOGICAL_FP:
	case ZYDIS_CATEGORY_LZCNT:
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_POP:
	case ZYDIS_CATEGORY_PREFETCH:
	case ZYDIS_CATEGORY_PUSH:
	case ZYDIS_CATEGORY_ROTATE:
	case ZYDIS_CATEGORY_SEMAPHORE:
	case ZYDIS_CATEGORY_SETCC:
	case ZYDIS_CATEGORY_SHIFT:
	case ZYDIS_CATEGORY_SSE:
	case ZYDIS_CATEGORY_STRINGOP:
	case ZYDIS_CATEGORY_VFMA:
	case ZYDIS_CATEGORY_WIDENOP:
		return true;
	case ZYDIS_CATEGORY_AVX: /* these two write registers that the decoder does not list */
		return in->mnemonic != ZYDIS_MNEMONIC_VZEROALL &&
		       in->mnemonic != ZYDIS_MNEMONIC_VZEROUPPER;
	default:
		return in->mnemonic == ZYDIS_MNEMONIC_LEA || in->mnemonic == ZYDIS_MNEMONIC_ENDBR64;
	}
}

static bool is_system_register(ZydisRegister reg)
{
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_SEGMENT:
	case ZYDIS_REGCLASS_CONTROL:
	case ZYDIS_REGCLASS_DEBUG:
	case ZYDIS_REGCLASS_TEST:
		return true;
	default:
		return false;
	}
}

bool insn_is_plain(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops)
{
	const ZyanU64 unwanted = ZYDIS_ATTRIB_IS_PRIVILEGED | ZYDIS_ATTRIB_HAS_REP |
				 ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;

	if ((in->attributes & unwanted) || !is_plain_kind(in))
		return false;
	for (uint8_t i = 0; i < in->operand_count_visible; i++) {
		/* A segment register's write holds traps back, the other ones' are privileged. */
		if (ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    is_system_register(ops[i].reg.value))
			return false;
	}
	return true;
}

static uint32_t register_bit(ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	if (whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15)
		return ENTRY_REG(whole - ZYDIS_REGISTER_RAX);
	if (whole >= ZYDIS_REGISTER_ZMM0 && whole <= ZYDIS_REGISTER_ZMM15)
		return ENTRY_XMM(whole - ZYDIS_REGISTER_ZMM0);
	return 0;
}

uint32_t insn_written(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops)
{
	uint32_t written = 0;

	for (uint8_t i = 0; i < in->operand_count; i++) {
		if (ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    (ops[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			written |= register_bit(ops[i].reg.value);
	}
	return written;
}
