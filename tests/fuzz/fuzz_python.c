/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a process that claims to run Python: its bytes are the input, at an address; nothing
 * else is mapped. The first bytes say which version is looked for, and where.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/python_image.h"
#include "runtime/python_lines.h"

#define BASE 0x1000

struct input {
	const uint8_t *data;
	size_t size;
};

static int read_input(void *arg, uint64_t addr, void *ret, size_t size)
{
	const struct input *in = arg;

	if (addr < BASE || addr - BASE > in->size || size > in->size - (addr - BASE))
		return -14;
	memcpy(ret, in->data + (addr - BASE), size);
	return 0;
}

static void read_code(const struct python_memory *m, const struct python_layout *l,
		      struct python_types *types, uint64_t at)
{
	struct python_code c;

	if (python_code_read(m, l, types, at, &c))
		return;
	if (c.name[strlen(c.name)] || (c.file && c.file[strlen(c.file)]))
		abort();
	for (uint32_t i = 0; i < 64; i++)
		python_line(l->lines, c.table, c.table_size, c.line, i);
	python_code_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct python_memory m = { read_input, &in };
	struct python_layout told;
	struct python_process p = { .memory = &m };
	struct pb_python_image image;
	const char *why;
	uint32_t minor;
	bool free_threaded;

	if (size < 8)
		return 0;
	p.layout = python_layout_of(8 + data[0] % 5);
	p.runtime = BASE + 8ULL * data[1];
	p.types.code = BASE + 8ULL * data[2];
	if (data[3] & 1 && !python_layout_read(&m, p.runtime, &told, &minor, &free_threaded))
		p.layout = &told;
	python_line((enum python_lines)(data[3] >> 1 & 1), data, size, data[4], data[5]);
	python_line(PYTHON_LOCATIONS, data, size, data[4], data[5]);
	if (!python_process_check(&p, &why))
		python_image_make(&p, &image);
	read_code(&m, p.layout, &p.types, BASE + 8ULL * data[6]);
	return 0;
}
