/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a process that claims to run V8: its bytes are the input, at an address and followed by
 * zeros; nothing else is mapped. The first bytes say which version is looked for, and where.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/v8_code.h"
#include "runtime/v8_function.h"
#include "runtime/v8_lines.h"
#include "runtime/v8_positions.h"

#define BASE 0x1000
#define SIZE 0x2000

struct input {
	uint8_t bytes[SIZE];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static int read_input(void *arg, uint64_t addr, void *ret, size_t size)
{
	const struct input *in = arg;

	if (addr < BASE || addr - BASE > SIZE || size > SIZE - (addr - BASE))
		return -14;
	memcpy(ret, in->bytes + (addr - BASE), size);
	return 0;
}

/* Types of one byte, so that they are met. */
static void make_layout(uint8_t version, struct v8_layout *l)
{
	static const uint32_t versions[] = { V8_VERSION(8, 4),  V8_VERSION(9, 4),
					     V8_VERSION(11, 3), V8_VERSION(11, 8),
					     V8_VERSION(12, 4), V8_VERSION(14, 1) };

	require(!v8_layout_of_version(versions[version % 6], l));
	l->first_nonstring = 64;
	l->type_shared = 65;
	l->type_script = 66;
	l->type_scope = 67;
	l->type_code = 68;
	l->type_bytecode = 69;
	l->type_interpreter_data = 70;
	l->type_bytes = 71;
	l->type_array = 72;
	l->type_shared_wrapper = 73;
	l->shared_name = 16;
	l->shared_script = 32;
	l->string_length = 12;
	l->string_chars = l->string_first = 16;
	l->string_second = l->string_offset = 24;
	l->stream_start = 32;
	if (l->code_stream < 0)
		l->code_start = 64;
	l->bytecodes = 85;
}

static void read_function(const struct v8_heap *h, uint64_t shared)
{
	struct v8_lines *lines;
	struct v8_function f;
	uint32_t check;

	if (v8_function_check(h, shared, &check))
		require(check < 1U << 18);
	if (v8_function_read(h, shared, &f))
		return;
	require(*f.name && strlen(f.name) <= 3UL * V8_NAME_MAX);
	require(!f.file || *f.file);
	if (f.script && !v8_lines_new(&lines)) {
		v8_line(lines, h, f.script, f.start);
		v8_line(lines, h, f.script, 1000);
		v8_lines_free(lines);
	}
	v8_bytecode_position(h, v8_bytecode_of(h, f.data), 3);
	v8_function_done(&f);
}

static void read_code(const struct v8_heap *h, uint64_t pc, const uint8_t *lengths)
{
	struct v8_inlined inlined[V8_INLINED_MAX];
	struct v8_code code;
	int n;

	if (!v8_code_find(h, pc, &code))
		return;
	require(pc - code.start < code.size);
	require((code.kind == V8_CODE_OPTIMIZED) == (code.shared != 0));
	if (code.kind == V8_CODE_OPTIMIZED) {
		n = v8_code_functions(h, &code, (uint32_t)(pc - code.start), inlined);
		require(n >= 0 && n <= V8_INLINED_MAX);
		require(!n || inlined[n - 1].shared == code.shared);
	}
	v8_code_baseline(h, &code, v8_bytecode_of(h, code.data), (uint32_t)(pc - code.start),
			 lengths);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input in; /* too large for a stack */
	struct v8_layout l;
	struct v8_heap h = { &l, read_input, &in };
	struct v8_position p;
	int32_t at;

	if (size < 8)
		return 0;
	memset(&in, 0, sizeof(in));
	memcpy(in.bytes, data, size < SIZE ? size : SIZE);
	make_layout(data[0], &l);
	read_function(&h, BASE + 8ULL * data[1] + 1);
	read_code(&h, BASE + 16ULL * data[2], in.bytes + 256);
	free(v8_string(&h, BASE + 8ULL * data[3] + 1));
	v8_position_find(data, size, 1 + (data[4] & 1), data[5], data[6], &p);
	at = v8_bytecode_at(data, size, data[5], in.bytes, sizeof(in.bytes), in.bytes + 256, 85);
	require(at >= -1 && at < SIZE);
	return 0;
}
