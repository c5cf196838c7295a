/* SPDX-License-Identifier: GPL-2.0-only */
/* A heap of V8 made by hand. */
#include "v8_objects.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static int read_objects(void *arg, uint64_t addr, void *ret, size_t size)
{
	const struct v8_objects *o = arg;

	if (addr < V8_BASE || addr - V8_BASE > V8_BYTES || size > V8_BYTES - (addr - V8_BASE))
		return -EFAULT;
	memcpy(ret, o->bytes + (addr - V8_BASE), size);
	return 0;
}

static void set_types(struct v8_layout *l)
{
	l->first_nonstring = 128;
	l->type_map = V8_MAP;
	l->type_shared = V8_SHARED;
	l->type_script = V8_SCRIPT;
	l->type_scope = V8_SCOPE;
	l->type_code = V8_CODE;
	l->type_bytecode = V8_BYTECODE;
	l->type_interpreter_data = V8_INTERPRETER_DATA;
	l->type_bytes = V8_BYTE_ARRAY;
	l->type_array = V8_ARRAY;
	l->type_weak_array = V8_WEAK_ARRAY;
	l->type_shared_wrapper = V8_WRAPPER;
}

void v8_objects_begin(struct v8_objects *o, uint32_t version)
{
	struct v8_layout *l = &o->layout;

	memset(o, 0, sizeof(*o));
	cr_assert_eq(v8_layout_of_version(version, l), 0);
	set_types(l);
	l->shared_name = 16;
	l->shared_script = 32;
	l->string_length = 12;
	l->string_chars = 16;
	l->string_first = 16;
	l->string_second = 24;
	l->string_offset = 24;
	if (l->code_stream < 0)
		l->code_start = 64;
	else
		l->stream_start = 32;
	o->heap = (struct v8_heap){ l, read_objects, o };
	v8_object(o, V8_MAP, 16);
}

static uint64_t room(struct v8_objects *o, uint32_t bytes)
{
	uint64_t addr = V8_BASE + o->used;

	o->used += (bytes + 7) & ~7U;
	cr_assert_leq(o->used, V8_BYTES);
	return addr + 1;
}

static uint64_t map_of(struct v8_objects *o, enum v8_test_type type)
{
	uint16_t t = (uint16_t)type;

	if (!o->maps[type]) {
		o->maps[type] = room(o, 16);
		v8_set_bytes(o, o->maps[type], 12, &t, sizeof(t));
		v8_set(o, o->maps[type], 0, map_of(o, V8_MAP));
	}
	return o->maps[type];
}

uint64_t v8_object(struct v8_objects *o, enum v8_test_type type, uint32_t bytes)
{
	uint64_t map = map_of(o, type), object = room(o, bytes);

	v8_set(o, object, 0, map);
	return object;
}

void v8_set(struct v8_objects *o, uint64_t object, int offset, uint64_t word)
{
	v8_set_bytes(o, object, offset, &word, sizeof(word));
}

void v8_set_bytes(struct v8_objects *o, uint64_t object, int offset, const void *v, uint32_t n)
{
	uint64_t at = object - 1 - V8_BASE + (uint64_t)offset;

	cr_assert_leq(at + n, V8_BYTES);
	memcpy(o->bytes + at, v, n);
}

static uint64_t string(struct v8_objects *o, enum v8_test_type type, uint32_t bytes,
		       uint32_t length)
{
	uint64_t s = v8_object(o, type, 16 + bytes);

	v8_set_bytes(o, s, 12, &length, sizeof(length));
	return s;
}

uint64_t v8_one_byte(struct v8_objects *o, const char *s)
{
	uint32_t n = (uint32_t)strlen(s);
	uint64_t ret = string(o, V8_ONE_BYTE, n, n);

	v8_set_bytes(o, ret, 16, s, n);
	return ret;
}

uint64_t v8_two_bytes(struct v8_objects *o, const uint16_t *s, uint32_t n)
{
	uint64_t ret = string(o, V8_TWO_BYTES, 2 * n, n);

	v8_set_bytes(o, ret, 16, s, 2 * n);
	return ret;
}

uint64_t v8_cons(struct v8_objects *o, uint64_t first, uint64_t second, uint32_t length)
{
	uint64_t ret = string(o, V8_CONS, 16, length);

	v8_set(o, ret, 16, first);
	v8_set(o, ret, 24, second);
	return ret;
}

uint64_t v8_byte_array(struct v8_objects *o, const void *v, uint32_t n)
{
	uint64_t ret = v8_object(o, V8_BYTE_ARRAY, 16 + n);

	v8_set(o, ret, 8, v8_number((int32_t)n));
	v8_set_bytes(o, ret, 16, v, n);
	return ret;
}

uint64_t v8_array(struct v8_objects *o, enum v8_test_type type, const uint64_t *v, uint32_t n)
{
	uint64_t ret = v8_object(o, type, 16 + 8 * n);

	v8_set(o, ret, 8, v8_number((int32_t)n));
	for (uint32_t i = 0; i < n; i++)
		v8_set(o, ret, 16 + 8 * (int)i, v[i]);
	return ret;
}

uint64_t v8_script(struct v8_objects *o, const char *file, const char *source)
{
	uint64_t ret = v8_object(o, V8_SCRIPT, 96);

	v8_set(o, ret, o->layout.script_name, v8_one_byte(o, file));
	v8_set(o, ret, o->layout.script_source, v8_one_byte(o, source));
	v8_set(o, ret, o->layout.script_id, v8_number(7));
	return ret;
}

uint64_t v8_shared(struct v8_objects *o, uint64_t name, uint64_t script, uint64_t data)
{
	uint64_t ret = v8_object(o, V8_SHARED, 64);

	v8_set(o, ret, o->layout.shared_name, name);
	v8_set(o, ret, o->layout.shared_script, script);
	v8_set(o, ret, o->layout.shared_data, data);
	return ret;
}

uint64_t v8_scope(struct v8_objects *o, uint32_t flags, uint32_t locals, const uint64_t *rest,
		  uint32_t n)
{
	const struct v8_layout *l = &o->layout;
	uint64_t ret = v8_object(o, V8_SCOPE, (uint32_t)l->scope_names + 16 * locals + 8 * n);
	uint64_t word = l->version < V8_VERSION(12, 9) ? v8_number((int32_t)flags) : flags;
	int at = l->scope_names;

	v8_set(o, ret, l->scope_flags, word);
	v8_set(o, ret, l->scope_locals, v8_number((int32_t)locals));
	for (uint32_t i = 0; i < locals; i++, at += 8)
		v8_set(o, ret, at, v8_one_byte(o, "variable"));
	for (uint32_t i = 0; i < locals; i++, at += 8)
		v8_set(o, ret, at, v8_number(1));
	for (uint32_t i = 0; i < n; i++, at += 8)
		v8_set(o, ret, at, rest[i]);
	return ret;
}

uint64_t v8_packed(int32_t offset, int32_t inlining)
{
	return (uint64_t)(uint32_t)(offset + 1) << 1 | (uint64_t)(uint32_t)(inlining + 1) << 31;
}

static uint32_t number(uint8_t *table, uint32_t n, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		table[n++] = (uint8_t)(v | 0x80);
	table[n++] = (uint8_t)v;
	return n;
}

uint32_t v8_row(uint8_t *table, uint32_t n, uint32_t code, int64_t position)
{
	n = number(table, n, (uint64_t)code << 1);
	return number(table, n, (uint64_t)position << 1 ^ (uint64_t)(position >> 63));
}
