/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry sites: any bytes are read as a function; what is chosen is an instruction of it that no
 * relative branch in the straight line from its start comes before, and that wants are kept for.
 * The first byte says what is wanted, the second what is known of indirect jumps.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trace/entrysite.h"
#include "trace/insn.h"

#define ADDR 0x401000UL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_function(uint64_t addr, void *arg)
{
	(void)arg;
	return addr % 64 == 0;
}

static int frame_words(uint64_t addr, void *arg)
{
	(void)addr;
	return *(const int8_t *)arg;
}

static void check(const struct ret_code *code, const struct entry_bounds *b,
		  const struct entry_wants *wants, const struct entry_site *site)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;
	uint64_t i;

	if (!insn_decoder_init(&decoder) || (!wants->sp_may_move && site->sp_moved) ||
	    (site->class == SITE_STEPPED && site->skip) ||
	    (site->skip && (b->why || code->addr + site->skip >= b->first_target)))
		abort();
	for (i = 0; i < site->skip; i += in.length) {
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code->bytes + i, code->size - i,
						       &in, ops)) ||
		    (insn_written(&in, ops) & wants->registers) ||
		    (!wants->past_stack_check && !insn_is_plain(&in, ops)))
			abort();
	}
	if (i != site->skip ||
	    ZYAN_FAILED(
		ZydisDecoderDecodeFull(&decoder, code->bytes + i, code->size - i, &in, ops)) ||
	    (site->class != SITE_STEPPED && insn_class(&in, code->bytes + i) != site->class))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct entry_bounds b = {};
	ret_target_vec outside = {};
	struct ret_code code = { .addr = ADDR,
				 .is_function = is_function,
				 .frame_words = frame_words,
				 .outside = &outside };
	struct entry_wants wants;
	struct entry_site site;

	if (size < 2)
		return 0;
	wants.sp_may_move = data[0] & 1;
	wants.past_stack_check = data[0] & 2;
	wants.registers = data[0] & 4 ? ENTRY_ARGS_C : data[0] & 8 ? ENTRY_ARGS_GO : 0;
	code.arg = (void *)(data + 1);
	code.bytes = data + 2;
	code.size = size - 2;
	if (entry_bounds_add(&b, &code))
		abort();
	if (!entry_site_choose(&code, &b, &wants, &site))
		check(&code, &b, &wants, &site);
	vec_done(&outside);
	return 0;
}
