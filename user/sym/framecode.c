/* SPDX-License-Identifier: GPL-2.0-only */
/* The prologues and epilogues of functions with a frame pointer; bpf/frameless.bpf.h knows them. */
#include "sym/framecode.h"

#include <string.h>
#include <Zydis/Zydis.h>

#include "lib/cleanup.h"
#include "sym/elf.h"

#define SAMPLE_BYTES (256u << 10) /* of code, in its middle */
#define CALLS_MAX    2000
#define FUNCTION_MAX 65536 /* bytes */
#define JUMP_MAX     4096
#define CALLS_MIN    50
#define FRAMES_PCT   80 /* functions that call none keep none, often */
#define PUSH_MOVE    4  /* bytes of push %rbp; mov %rsp,%rbp */
#define RUN_AT_END   12 /* with a comparison in between */
#define START_BYTES  8  /* endbr64; push %rbp; mov %rsp,%rbp */

struct reader {
	ZydisDecoder decoder;
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	const uint8_t *code;
	size_t size, at;
};

static bool next(struct reader *r)
{
	if (r->at >= r->size ||
	    !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&r->decoder, r->code + r->at, r->size - r->at,
						 &r->insn, r->operands)))
		return false;
	r->at += r->insn.length;
	return true;
}

static bool is_register(const ZydisDecodedOperand *o, ZydisRegister reg)
{
	return o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value == reg;
}

static bool is_push(const struct reader *r)
{
	return r->insn.mnemonic == ZYDIS_MNEMONIC_PUSH &&
	       is_register(&r->operands[0], ZYDIS_REGISTER_RBP);
}

static bool is_move(const struct reader *r)
{
	return r->insn.mnemonic == ZYDIS_MNEMONIC_MOV &&
	       is_register(&r->operands[0], ZYDIS_REGISTER_RBP) &&
	       is_register(&r->operands[1], ZYDIS_REGISTER_RSP);
}

/* Behind a pop %rbp, until control leaves: what stands behind that comes from elsewhere. */
static bool has_left(const struct reader *r, bool left)
{
	bool pops = r->insn.mnemonic == ZYDIS_MNEMONIC_POP &&
		    is_register(&r->operands[0], ZYDIS_REGISTER_RBP);

	if (r->insn.mnemonic == ZYDIS_MNEMONIC_RET || r->insn.mnemonic == ZYDIS_MNEMONIC_JMP)
		return false;
	return left || pops || r->insn.mnemonic == ZYDIS_MNEMONIC_LEAVE;
}

/* At an edge of the function: what BPF takes for one. */
static bool at_edge(struct reader *r, bool pushed)
{
	if (!next(r))
		return false;
	if (r->insn.mnemonic == ZYDIS_MNEMONIC_RET)
		return true;
	if (r->insn.mnemonic == ZYDIS_MNEMONIC_ENDBR64 && !next(r))
		return false;
	if (is_move(r))
		return pushed;
	return is_push(r) && next(r) && is_move(r);
}

bool framecode_finds_caller(const uint8_t *code, size_t size, size_t at)
{
	struct reader r = { .code = code, .size = size };
	bool pushed = false, moved = false, left = false;

	if (!ZYAN_SUCCESS(
		ZydisDecoderInit(&r.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return false;
	while (r.at < at) {
		if (!next(&r))
			return false;
		moved = moved || (pushed && is_move(&r));
		pushed = pushed || is_push(&r);
		left = has_left(&r, left);
	}
	if (r.at != at)
		return false;
	return (moved && !left) || at_edge(&r, pushed && !moved);
}

/* Does a push %rbp with its mov stand there? */
static bool is_push_move(const uint8_t *p)
{
	return p[0] == 0x55 && p[1] == 0x48 &&
	       ((p[2] == 0x89 && p[3] == 0xe5) || (p[2] == 0x8b && p[3] == 0xec));
}

/* The same in what runs an object's destructors, as gcc writes it: push; cmpq $0,…(%rip); mov. */
static bool is_run_at_end(const uint8_t *code, size_t end)
{
	const uint8_t *p;

	if (end < RUN_AT_END)
		return false;
	p = code + end - RUN_AT_END;
	return p[0] == 0x55 && p[1] == 0x48 && p[2] == 0x83 && p[3] == 0x3d && p[9] == 0x48 &&
	       p[10] == 0x89 && p[11] == 0xe5;
}

/* How far the function at hand reaches at least, as its own jumps tell. */
struct reach {
	size_t end;
	bool ended; /* control does not pass the last instruction */
};

/* Has another function begun at the last instruction, or padding between two? */
static bool is_border(const struct reader *r, struct reach *reach)
{
	const ZydisDecodedOperand *o = &r->operands[0];
	size_t at = r->at - r->insn.length, target = r->at;
	bool border = r->insn.mnemonic == ZYDIS_MNEMONIC_INT3 || (reach->ended && at >= reach->end);
	bool jumps = r->insn.mnemonic == ZYDIS_MNEMONIC_JMP;

	if (r->insn.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE && o->imm.is_relative &&
	    r->insn.mnemonic != ZYDIS_MNEMONIC_CALL)
		target = r->at + (size_t)o->imm.value.s;
	/* An unconditional one may lead to another function. */
	if (target > reach->end && target - r->at < (jumps ? JUMP_MAX : FUNCTION_MAX))
		reach->end = target;
	reach->ended = jumps || r->insn.mnemonic == ZYDIS_MNEMONIC_RET ||
		       r->insn.mnemonic == ZYDIS_MNEMONIC_UD2;
	return border;
}

bool framecode_has_frame(const uint8_t *code, size_t size, size_t at)
{
	struct reader r = { .code = code, .size = size };
	struct reach reach = {};
	size_t start = at;
	bool left = false;

	if (at > size)
		return false;
	while (start >= PUSH_MOVE && !is_push_move(code + start - PUSH_MOVE) &&
	       !is_run_at_end(code, start))
		start--;
	if (start < PUSH_MOVE || !ZYAN_SUCCESS(ZydisDecoderInit(
				     &r.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return false;
	for (r.at = start; r.at < at; left = has_left(&r, left)) {
		if (!next(&r) || is_border(&r, &reach))
			return false;
	}
	return r.at == at && !left && !(reach.ended && at >= reach.end);
}

/* The target of a direct call, or 0. */
static uint64_t called(const struct reader *r, uint64_t addr)
{
	const ZydisDecodedOperand *o = &r->operands[0];

	if (r->insn.mnemonic != ZYDIS_MNEMONIC_CALL || o->type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	    !o->imm.is_relative)
		return 0;
	return addr + r->at + (uint64_t)o->imm.value.s;
}

/* How a function begins: 1 with a frame, 0 without, -1 it is only a way to another one. */
static int begins(const uint8_t *start)
{
	static const uint8_t endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	if (!memcmp(start, endbr, sizeof(endbr)))
		start += sizeof(endbr);
	if (start[0] == 0xe9 || start[0] == 0xff || start[0] == 0xf2)
		return -1;
	return is_push_move(start);
}

bool framecode_keeps_frames(int fd, const struct elf_segment *code)
{
	size_t size = code->size < SAMPLE_BYTES ? code->size : SAMPLE_BYTES;
	uint64_t skip = (code->size - size) / 2;
	_cleanup_free_ uint8_t *bytes = malloc(size ? size : 1);
	struct reader r = { .code = bytes };
	uint32_t calls = 0, frames = 0;
	ssize_t n = bytes ? elf_read_at(fd, bytes, size, code->offset + skip) : -1;

	if (n <= 0 || !ZYAN_SUCCESS(ZydisDecoderInit(&r.decoder, ZYDIS_MACHINE_MODE_LONG_64,
						     ZYDIS_STACK_WIDTH_64)))
		return false;
	for (r.size = (size_t)n; r.at < r.size && calls < CALLS_MAX;) {
		uint64_t target = next(&r) ? called(&r, code->addr + skip) : (r.at++, 0);
		uint8_t start[START_BYTES];

		if (target - code->addr >= code->size ||
		    elf_read_at(fd, start, sizeof(start), target - code->addr + code->offset) !=
			sizeof(start) ||
		    begins(start) < 0)
			continue;
		calls++;
		frames += begins(start) > 0;
	}
	return calls >= CALLS_MIN && frames >= calls / 100 * FRAMES_PCT;
}
