/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ELF files: any bytes are opened and asked about. What is found must agree with itself: symbols
 * cover what they were found for, lie in the file, and have readable names or none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sym/demangle.h"
#include "sym/symbols.h"

#define QUESTIONS 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct listing {
	const struct symbols *symbols;
	size_t size;
	uint64_t last;
};

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static int check(const struct symbol *sym, void *arg)
{
	struct listing *l = arg;

	require(sym->offset >= l->last && sym->offset < l->size && *sym->name);
	require(sym->size <= l->size - sym->offset);
	require(symbols_offset_of(l->symbols, sym->addr) != UINT64_MAX);
	require(!sym->size || symbols_find(l->symbols, sym->offset));
	l->last = sym->offset;
	free(demangle(sym->name));
	return 0;
}

static void ask(const struct symbols *s, uint64_t offset)
{
	const struct symbol *sym = symbols_find(s, offset);
	int frame = symbols_keeps_frame_pointer(s, offset);

	require(frame >= -1 && frame <= 1);
	require(!sym ||
		(sym->offset <= offset && (!sym->size || offset - sym->offset < sym->size)));
	symbols_is_stack_root(s, offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct listing l = { .size = size };
	struct symbols *s;

	if (symbols_open_memory(data, size, &s))
		return 0;
	l.symbols = s;
	symbols_each(s, check, &l);
	for (size_t i = 0; i <= QUESTIONS; i++)
		ask(s, size / QUESTIONS * i + i);
	ask(s, UINT64_MAX);
	ask(s, symbols_traits(s)->entry_offset);
	require(symbols_traits(s)->build_id_len <= BUILD_ID_MAX);
	require(symbols_memory(s) > 0);
	symbols_free(s);
	return 0;
}
