/* SPDX-License-Identifier: GPL-2.0-only */
/* Decoding of numbers of variable length, and what tables made of them tell. */
#include "runtime/v8_positions.h"

#define OFFSET_BITS   30
#define INLINING_BITS 16

/* Prefixes of a bytecode with operands of two and four bytes. */
#define WIDE       0
#define EXTRA_WIDE 1

struct cursor {
	const uint8_t *p, *end;
};

/* Seven bits a byte, the lowest first; bit 7: there are more. */
static bool take_unsigned(struct cursor *c, uint64_t *ret)
{
	uint64_t value = 0;

	for (uint32_t shift = 0; shift < 64 && c->p < c->end; shift += 7) {
		uint8_t byte = *c->p++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static bool take_signed(struct cursor *c, int64_t *ret)
{
	uint64_t value;

	if (!take_unsigned(c, &value))
		return false;
	*ret = (int64_t)(value >> 1 ^ (0 - (value & 1)));
	return true;
}

/* From bit 0: external (of a C++ file), offset + 1, inlining + 1. */
struct v8_position v8_position_unpack(uint64_t packed)
{
	struct v8_position p = { -1, -1 };

	if (packed & 1)
		return p;
	p.offset = (int32_t)(packed >> 1 & ((1U << OFFSET_BITS) - 1)) - 1;
	p.inlining = (int32_t)(packed >> (1 + OFFSET_BITS) & ((1U << INLINING_BITS) - 1)) - 1;
	return p;
}

bool v8_position_find(const uint8_t *table, size_t n, uint32_t flags, uint32_t offset,
		      uint32_t size, struct v8_position *ret)
{
	struct cursor c = { table, table + n };
	uint64_t packed = 0, best = 0, at = 0, code;
	bool found = false;
	int64_t delta;

	while (c.p < c.end) {
		if (!take_unsigned(&c, &code) || !take_signed(&c, &delta))
			return false;
		at += code >> flags;
		packed += (uint64_t)delta;
		if (code > UINT32_MAX || at > size)
			return false;
		if (at > offset)
			continue;
		best = packed;
		found = true;
	}
	if (found)
		*ret = v8_position_unpack(best);
	return found;
}

/* How long the bytecode at an offset is, with its prefix; 0: damaged. */
static size_t bytecode_length(const uint8_t *bytecode, size_t n, size_t at, const uint8_t *lengths,
			      uint32_t kinds)
{
	uint32_t scale = 0, prefix = 0;

	if (at < n && bytecode[at] <= EXTRA_WIDE) {
		scale = bytecode[at] == WIDE ? 1 : 2;
		prefix = 1;
		at++;
	}
	if (at >= n || bytecode[at] >= kinds || !lengths[scale * kinds + bytecode[at]])
		return 0;
	return prefix + lengths[scale * kinds + bytecode[at]];
}

int32_t v8_bytecode_at(const uint8_t *table, size_t n, uint32_t pc_offset, const uint8_t *bytecode,
		       size_t bytecode_n, const uint8_t *lengths, uint32_t kinds)
{
	struct cursor c = { table, table + n };
	uint64_t end, delta;
	size_t at = 0;

	if (!take_unsigned(&c, &end) || pc_offset < end)
		return -1; /* the function's beginning */
	while (at < bytecode_n && take_unsigned(&c, &delta)) {
		size_t length = bytecode_length(bytecode, bytecode_n, at, lengths, kinds);

		if (delta > UINT32_MAX)
			return -1;
		end += delta;
		if (pc_offset < end)
			return (int32_t)at;
		if (!length)
			return -1;
		at += length;
	}
	return -1;
}
