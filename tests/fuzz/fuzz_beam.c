/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BEAM's debug information and code: the bytes are its memory from address 0 on, which begins
 * with the descriptor. Whatever is found lies in that memory.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/beam_code.h"
#include "runtime/beam_symbols.h"

struct memory {
	const uint8_t *data;
	size_t size;
};

static int read_memory(void *arg, uint64_t addr, void *ret, size_t size)
{
	const struct memory *m = arg;

	if (addr > m->size || size > m->size - addr)
		return -EFAULT;
	memcpy(ret, m->data + addr, size);
	return 0;
}

static void look_up(const struct beam_symbols *s, uint64_t addr, const struct memory *m)
{
	struct beam_place place;

	if (!beam_symbols_find(s, addr, &place))
		return;
	if (!memmem(m->data, m->size, place.name, strlen(place.name) + 1))
		abort();
	if (place.file && !memmem(m->data, m->size, place.file, strlen(place.file) + 1))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = { data, size };
	struct beam_memory memory = { read_memory, &m };
	struct beam_symbols *s = NULL;
	struct beam_main main;
	uint64_t addr;
	uint32_t type;

	beam_code_main(data, size, &main);
	beam_code_key(data, size, 0, &addr);
	beam_code_type(data, size, &type);
	if (beam_symbols_new(&memory, 0, &s))
		return 0;
	beam_symbols_read(s);
	beam_symbols_changed(s);
	beam_symbols_read(s);
	for (addr = 1; addr; addr <<= 1) {
		look_up(s, addr, &m);
		look_up(s, addr - 1, &m);
	}
	for (addr = 0; addr < size && addr < 256; addr++)
		look_up(s, addr, &m);
	beam_symbols_free(s);
	return 0;
}
