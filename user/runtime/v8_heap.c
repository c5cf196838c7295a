/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading a heap's objects, and strings of all kinds. */
#include "runtime/v8_heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

#define KIND_MASK  7 /* of a string: as premises of v8_layout.c */
#define KIND_SEQ   0
#define KIND_CONS  1
#define KIND_EXT   2
#define KIND_SLICE 3
#define KIND_THIN  5
#define ONE_BYTE   8
#define UNCACHED   16 /* an external string that does not keep its characters' address */

#define ARRAY_LENGTH 8
#define ARRAY_DATA   16
#define EXT_DATA     24 /* behind the resource */

#define STEPS_MAX  16 /* from a string to the one that it stands for */
#define PIECES_MAX 64 /* of a string that was concatenated */

bool v8_field(const struct v8_heap *h, uint64_t object, int offset, uint64_t *ret)
{
	return v8_is_object(object) && offset >= 0 &&
	       !h->read(h->arg, object - 1 + (uint64_t)offset, ret, sizeof(*ret));
}

bool v8_small_field(const struct v8_heap *h, uint64_t object, int offset, int32_t *ret)
{
	uint64_t word;

	if (!v8_field(h, object, offset, &word) || !v8_is_small(word))
		return false;
	*ret = v8_small(word);
	return true;
}

int v8_type(const struct v8_heap *h, uint64_t object)
{
	uint64_t map;
	uint16_t type;

	if (!v8_field(h, object, 0, &map) || !v8_is_object(map) ||
	    h->read(h->arg, map - 1 + (uint64_t)h->layout->map_type, &type, sizeof(type)))
		return -1;
	return type;
}

static bool is_array(const struct v8_layout *l, int type)
{
	return type >= 0 && (type == l->type_array || type == l->type_weak_array ||
			     type == l->type_trusted_array || type == l->type_protected_array ||
			     type == l->type_trusted_weak_array);
}

bool v8_element(const struct v8_heap *h, uint64_t array, int i, uint64_t *ret)
{
	int32_t length;
	uint64_t word;

	if (i < 0 || !is_array(h->layout, v8_type(h, array)) ||
	    !v8_small_field(h, array, ARRAY_LENGTH, &length) || i >= length ||
	    !v8_field(h, array, ARRAY_DATA + 8 * i, &word))
		return false;
	*ret = (word & 3) == 3 ? word & ~2ULL : word;
	return true;
}

int v8_bytes(const struct v8_heap *h, uint64_t array, uint8_t *ret, size_t max)
{
	int type = v8_type(h, array);
	int32_t length;
	int err;

	if (type < 0 || (type != h->layout->type_bytes && type != h->layout->type_trusted_bytes) ||
	    !v8_small_field(h, array, ARRAY_LENGTH, &length) || length < 0 || (size_t)length > max)
		return -EINVAL;
	err = h->read(h->arg, array - 1 + ARRAY_DATA, ret, (size_t)length);
	return err ? err : length;
}

/* What kind of string; -1: none. */
static int string_kind(const struct v8_heap *h, uint64_t string)
{
	int type = v8_type(h, string);

	return type < 0 || type >= h->layout->first_nonstring ? -1 : type;
}

static bool string_length(const struct v8_heap *h, uint64_t string, uint32_t *ret)
{
	uint64_t addr = string - 1 + (uint64_t)h->layout->string_length;
	uint32_t length;

	if (h->read(h->arg, addr, &length, sizeof(length)) || length >= 1U << 30)
		return false;
	*ret = length;
	return true;
}

/* The characters of a string that has some of its own. */
static bool own_text(const struct v8_heap *h, uint64_t string, int kind, struct v8_text *t)
{
	if ((kind & KIND_MASK) == KIND_SEQ)
		t->addr = string - 1 + (uint64_t)h->layout->string_chars;
	else if ((kind & KIND_MASK) != KIND_EXT || kind & UNCACHED ||
		 !v8_field(h, string, EXT_DATA, &t->addr))
		return false;
	t->two_bytes = !(kind & ONE_BYTE);
	return string_length(h, string, &t->length);
}

/* One step towards the characters of a string that has none; moves `at` by where a slice begins. */
static bool stand_in(const struct v8_heap *h, uint64_t *string, int kind, uint64_t *at)
{
	const struct v8_layout *l = h->layout;
	uint32_t length;
	int32_t offset;
	uint64_t rest;

	if ((kind & KIND_MASK) == KIND_SLICE) {
		if (!v8_small_field(h, *string, l->string_offset, &offset) || offset < 0)
			return false;
		*at += (uint64_t)offset;
	} else if ((kind & KIND_MASK) == KIND_CONS) {
		if (!v8_field(h, *string, l->string_second, &rest) || !v8_is_object(rest) ||
		    !string_length(h, rest, &length) || length)
			return false;
	} else if ((kind & KIND_MASK) != KIND_THIN) {
		return false;
	}
	return v8_field(h, *string, l->string_first, string);
}

bool v8_text_of(const struct v8_heap *h, uint64_t string, struct v8_text *ret)
{
	struct v8_text t;
	uint32_t length;
	uint64_t at = 0;

	if (string_kind(h, string) < 0 || !string_length(h, string, &length))
		return false;
	for (int i = 0; i < STEPS_MAX; i++) {
		int kind = string_kind(h, string);

		if (kind < 0)
			return false;
		if (own_text(h, string, kind, &t)) {
			if (at > t.length || length > t.length - at)
				return false;
			t.addr += t.two_bytes ? 2 * at : at;
			t.length = length;
			*ret = t;
			return true;
		}
		if (!stand_in(h, &string, kind, &at))
			return false;
	}
	return false;
}

/* UTF-16 under construction. */
struct units {
	uint16_t v[V8_NAME_MAX];
	uint32_t n;
};

static bool add_text(const struct v8_heap *h, const struct v8_text *t, struct units *u)
{
	uint32_t n = t->length < V8_NAME_MAX - u->n ? t->length : V8_NAME_MAX - u->n;
	uint8_t bytes[V8_NAME_MAX];

	if (!n)
		return true;
	if (t->two_bytes) {
		if (h->read(h->arg, t->addr, u->v + u->n, 2 * (size_t)n))
			return false;
	} else {
		if (h->read(h->arg, t->addr, bytes, n))
			return false;
		for (uint32_t i = 0; i < n; i++)
			u->v[u->n + i] = bytes[i];
	}
	u->n += n;
	return true;
}

/* The pieces of a string from left to right; those that are left over wait on a stack. */
static bool gather(const struct v8_heap *h, uint64_t string, struct units *u)
{
	uint64_t waiting[PIECES_MAX], first, second;
	uint32_t n = 0;

	waiting[n++] = string;
	for (int steps = 0; n && u->n < V8_NAME_MAX; steps++) {
		struct v8_text t;
		int kind;

		if (steps >= 2 * PIECES_MAX)
			return false;
		string = waiting[--n];
		if (v8_text_of(h, string, &t)) {
			if (!add_text(h, &t, u))
				return false;
			continue;
		}
		kind = string_kind(h, string);
		if (kind < 0 || (kind & KIND_MASK) != KIND_CONS || n + 2 > PIECES_MAX ||
		    !v8_field(h, string, h->layout->string_first, &first) ||
		    !v8_field(h, string, h->layout->string_second, &second))
			return false;
		waiting[n++] = second;
		waiting[n++] = first;
	}
	return true;
}

static uint32_t next_character(const struct units *u, uint32_t *i)
{
	uint32_t c = u->v[(*i)++];

	if (c < 0xd800 || c > 0xdfff)
		return c < ' ' || c == 0x7f ? ' ' : c;
	if (c < 0xdc00 && *i < u->n && u->v[*i] >= 0xdc00 && u->v[*i] <= 0xdfff)
		return 0x10000 + ((c - 0xd800) << 10) + (u->v[(*i)++] - 0xdc00U);
	return 0xfffd;
}

static char *put_character(char *p, uint32_t c)
{
	int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const uint8_t heads[] = { 0, 0xc0, 0xe0, 0xf0 };

	*p++ = (char)(heads[more] | c >> 6 * more);
	for (int i = more - 1; i >= 0; i--)
		*p++ = (char)(0x80 | (c >> 6 * i & 0x3f));
	return p;
}

char *v8_string(const struct v8_heap *h, uint64_t string)
{
	struct units u = {};
	char *ret, *p;

	if (!v8_is_object(string) || !gather(h, string, &u))
		return NULL;
	ret = p = malloc(4 * (size_t)u.n + 1);
	if (!ret)
		return NULL;
	for (uint32_t i = 0; i < u.n;)
		p = put_character(p, next_character(&u, &i));
	*p = '\0';
	return ret;
}
