/* SPDX-License-Identifier: GPL-2.0-only */
/* Line numbers of CPython's code objects. */
#include "runtime/python_lines.h"

#define NO_LINE -128 /* 3.10: as a difference */

/* Kinds of entries since 3.11. */
enum location {
	LOCATION_ONE_LINE = 10, /* and the next two; those below: the line is the last one's */
	LOCATION_NO_COLUMNS = 13,
	LOCATION_LONG = 14,
	LOCATION_NONE = 15,
};

static uint32_t sane(int64_t line)
{
	return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

/* Pairs: so many bytes of code on, so many lines on. */
static uint32_t line_of_lnotab(const uint8_t *table, size_t size, uint32_t first, uint32_t instr)
{
	uint64_t at = 0, target = 2 * (uint64_t)instr;
	int64_t line = first;

	for (size_t i = 0; i + 1 < size; i += 2) {
		at += table[i];
		if (at > target)
			break;
		line += (int8_t)table[i + 1];
	}
	return sane(line);
}

/* Pairs: the line so many lines on has the following so many bytes of code. */
static uint32_t line_of_linetable(const uint8_t *table, size_t size, uint32_t first, uint32_t instr)
{
	uint64_t at = 0, target = 2 * (uint64_t)instr;
	int64_t line = first;

	for (size_t i = 0; i + 1 < size; i += 2) {
		int8_t step = (int8_t)table[i + 1];

		if (step != NO_LINE)
			line += step;
		at += table[i];
		if (target < at)
			return step == NO_LINE ? 0 : sane(line);
	}
	return 0;
}

/* Six bits a byte, the lowest ones first; bit 6: there are more. Then bit 0 is the sign. */
static int64_t signed_number(const uint8_t *table, size_t size, size_t at)
{
	uint64_t n = 0;

	for (uint32_t shift = 0; at < size && shift < 36; shift += 6) {
		n |= (uint64_t)(table[at] & 63) << shift;
		if (!(table[at++] & 64))
			break;
	}
	return n & 1 ? -(int64_t)(n >> 1) : (int64_t)(n >> 1);
}

/* Entries, which begin with a byte that has bit 7 set, and so end where the next one begins. */
static uint32_t line_of_locations(const uint8_t *table, size_t size, uint32_t first, uint32_t instr)
{
	int64_t line = first;
	uint64_t at = 0;

	for (size_t i = 0; i < size;) {
		uint32_t kind = table[i] >> 3 & 15;

		if (!(table[i] & 128))
			return 0;
		at += (table[i] & 7) + 1;
		if (kind == LOCATION_NO_COLUMNS || kind == LOCATION_LONG)
			line += signed_number(table, size, i + 1);
		else if (kind >= LOCATION_ONE_LINE && kind < LOCATION_NO_COLUMNS)
			line += kind - LOCATION_ONE_LINE;
		if (instr < at)
			return kind == LOCATION_NONE ? 0 : sane(line);
		do {
			i++;
		} while (i < size && !(table[i] & 128));
	}
	return 0;
}

uint32_t python_line(enum python_lines kind, const uint8_t *table, size_t size, uint32_t first,
		     uint32_t instr)
{
	switch (kind) {
	case PYTHON_LNOTAB:
		return line_of_lnotab(table, size, first, instr);
	case PYTHON_LINETABLE:
		return line_of_linetable(table, size, first, instr);
	case PYTHON_LOCATIONS:
		return line_of_locations(table, size, first, instr);
	}
	return 0;
}
