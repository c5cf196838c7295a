/* SPDX-License-Identifier: GPL-2.0-only */
/* A heap of V8 made by hand: objects in a piece of memory that begins at an address. */
#pragma once

#include <stdint.h>

#include "runtime/v8_heap.h"

#define V8_BASE  0x10000UL
#define V8_BYTES (64U << 10)

/* Types of the objects, in all layouts of v8_objects_layout(). */
enum v8_test_type {
	V8_ONE_BYTE = 40,
	V8_TWO_BYTES = 32,
	V8_CONS = 41,
	V8_EXTERNAL = 42,
	V8_UNCACHED = 58,
	V8_SLICED = 43,
	V8_THIN = 45,
	V8_MAP = 200,
	V8_SHARED,
	V8_SCRIPT,
	V8_SCOPE,
	V8_CODE,
	V8_BYTECODE,
	V8_INTERPRETER_DATA,
	V8_BYTE_ARRAY,
	V8_ARRAY,
	V8_WEAK_ARRAY,
	V8_WRAPPER,
	V8_ODDBALL,
};

struct v8_objects {
	uint8_t bytes[V8_BYTES];
	uint64_t used;
	uint64_t maps[256]; /* by type */
	struct v8_layout layout;
	struct v8_heap heap;
};

/* Of a version, with the types above and what a build would tell itself. */
void v8_objects_begin(struct v8_objects *o, uint32_t version);
/* Room for an object, aligned to 8 bytes; its tagged address. */
uint64_t v8_object(struct v8_objects *o, enum v8_test_type type, uint32_t bytes);
void v8_set(struct v8_objects *o, uint64_t object, int offset, uint64_t word);
void v8_set_bytes(struct v8_objects *o, uint64_t object, int offset, const void *v, uint32_t n);

static inline uint64_t v8_number(int32_t n)
{
	return (uint64_t)(uint32_t)n << 32;
}

uint64_t v8_one_byte(struct v8_objects *o, const char *s);
uint64_t v8_two_bytes(struct v8_objects *o, const uint16_t *s, uint32_t n);
uint64_t v8_cons(struct v8_objects *o, uint64_t first, uint64_t second, uint32_t length);
uint64_t v8_byte_array(struct v8_objects *o, const void *v, uint32_t n);
uint64_t v8_array(struct v8_objects *o, enum v8_test_type type, const uint64_t *v, uint32_t n);
uint64_t v8_script(struct v8_objects *o, const char *file, const char *source);
/* With a name (a string, or a scope) and data. */
uint64_t v8_shared(struct v8_objects *o, uint64_t name, uint64_t script, uint64_t data);
uint64_t v8_scope(struct v8_objects *o, uint32_t flags, uint32_t locals, const uint64_t *rest,
		  uint32_t n);

/* Packs a source position. */
uint64_t v8_packed(int32_t offset, int32_t inlining);
/* Appends a row to a table of positions: differences. Its new length. */
uint32_t v8_row(uint8_t *table, uint32_t n, uint32_t code, int64_t position);
