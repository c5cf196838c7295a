/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the encodings of DWARF and .eh_frame. */
#include "sym/cursor.h"

#include <dwarf.h>
#include <string.h>

uint64_t cursor_bytes(struct cursor *c, size_t n)
{
	uint64_t v = 0;

	if ((size_t)(c->end - c->p) < n) {
		c->bad = true;
		c->p = c->end;
		return 0;
	}
	memcpy(&v, c->p, n);
	c->p += n;
	return v;
}

uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_bytes(c, 1);
}

void cursor_skip(struct cursor *c, uint64_t n)
{
	if (n > (size_t)(c->end - c->p)) {
		c->bad = true;
		n = (size_t)(c->end - c->p);
	}
	c->p += n;
}

/* LEB128; *sign is bit 6 of the last byte, *bits how many bits were read. */
static uint64_t read_leb(struct cursor *c, bool *sign, unsigned int *bits)
{
	uint64_t v = 0;
	uint8_t byte;

	*bits = 0;
	do {
		byte = cursor_u8(c);
		if (*bits < 64)
			v |= (uint64_t)(byte & 0x7f) << *bits;
		*bits += 7;
	} while (byte & 0x80 && !c->bad && *bits < 140);
	if (byte & 0x80)
		c->bad = true;
	*sign = byte & 0x40;
	return v;
}

uint64_t cursor_uleb(struct cursor *c)
{
	unsigned int bits;
	bool sign;

	return read_leb(c, &sign, &bits);
}

int64_t cursor_sleb(struct cursor *c)
{
	unsigned int bits;
	bool sign;
	uint64_t v = read_leb(c, &sign, &bits);

	if (sign && bits < 64)
		v |= UINT64_MAX << bits;
	return (int64_t)v;
}

uint64_t cursor_pointer(struct cursor *c, uint8_t encoding, uint64_t addr)
{
	uint64_t v;

	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		v = cursor_bytes(c, 8);
		break;
	case DW_EH_PE_udata4:
		v = cursor_bytes(c, 4);
		break;
	case DW_EH_PE_sdata4:
		v = (uint64_t)(int64_t)(int32_t)cursor_bytes(c, 4);
		break;
	case DW_EH_PE_udata2:
		v = cursor_bytes(c, 2);
		break;
	case DW_EH_PE_sdata2:
		v = (uint64_t)(int64_t)(int16_t)cursor_bytes(c, 2);
		break;
	case DW_EH_PE_uleb128:
		v = cursor_uleb(c);
		break;
	case DW_EH_PE_sleb128:
		v = (uint64_t)cursor_sleb(c);
		break;
	default:
		v = 0;
		c->bad = true;
	}
	switch (encoding & 0xf0) {
	case DW_EH_PE_absptr:
		return v;
	case DW_EH_PE_pcrel:
		return v + addr;
	default: /* relative to what linkers of x86-64 do not use, or indirect */
		c->bad = true;
		return 0;
	}
}
