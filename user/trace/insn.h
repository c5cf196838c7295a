/* SPDX-License-Identifier: GPL-2.0-only */
/* What single x86-64 instructions mean to a probe on them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <Zydis/Zydis.h>

#include "trace/entrysite.h"

/* For 64-bit code; false: the library is of another version than its header. */
bool insn_decoder_init(ZydisDecoder *decoder);
/*
 * How the kernel treats a probe on the instruction, whose bytes are these; by the rules of Linux
 * 6.18: before 6.17, it single-steps nops of more than one opcode byte.
 */
enum site_class insn_class(const ZydisDecodedInstruction *in, const uint8_t *bytes);
/* The place that a relative operand names, of an instruction at `at`; false: it is none. */
bool insn_relative_target(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
			  uint64_t at, uint64_t *ret);
/*
 * Control goes on behind it, always and soon, and nothing but registers, flags and memory changes.
 */
bool insn_is_plain(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops);
/* The registers that it writes, a part of them or under a condition: bits of ENTRY_REG(). */
uint32_t insn_written(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops);
