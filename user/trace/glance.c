/* SPDX-License-Identifier: GPL-2.0-only */
/* What may speak against a return probe, at a glance. */
#include "trace/glance.h"

#include <string.h>

#define RET_IMM16 0xc2
#define JMP_REL8  0xeb
#define JMP_REL32 0xe9
#define TWO_BYTES 0x0f
#define POP_MAX   0x1000 /* more than this no function takes as arguments */

/* Does a displacement that ends before byte `end` lead to byte 0? */
static bool leads_home(const uint8_t *displacement, size_t width, size_t end)
{
	int32_t distance;

	if (width == 4)
		memcpy(&distance, displacement, sizeof(distance));
	else
		distance = *displacement < 0x80 ? *displacement : *displacement - 0x100;
	return (int64_t)end + distance == 0;
}

static bool is_jump_home(const uint8_t *code, size_t size, size_t i)
{
	bool rel8 = code[i] == JMP_REL8 || (code[i] & 0xf0) == 0x70;
	bool two = code[i] == TWO_BYTES && i + 1 < size && (code[i + 1] & 0xf0) == 0x80;
	size_t at = i + 1 + two, width = rel8 ? 1 : 4;

	if (!rel8 && !two && code[i] != JMP_REL32)
		return false;
	return at + width <= size && leads_home(code + at, width, at + width);
}

static bool is_ret_imm(const uint8_t *code, size_t size, size_t i)
{
	uint16_t bytes;

	if (code[i] != RET_IMM16 || i + 3 > size)
		return false;
	memcpy(&bytes, code + i + 1, sizeof(bytes));
	return bytes && bytes <= POP_MAX && bytes % 8 == 0;
}

bool glance_is_odd(const uint8_t *code, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (is_ret_imm(code, size, i) || is_jump_home(code, size, i))
			return true;
	}
	return false;
}
