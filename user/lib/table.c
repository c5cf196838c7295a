/* SPDX-License-Identifier: GPL-2.0-only */
/* A hash table from byte strings to 32-bit values. */
#include "lib/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->cap; i++)
		free(t->slots[i].key);
	free(t->slots);
	*t = (struct table){};
}

uint64_t table_hash(const void *key, size_t len)
{
	const unsigned char *p = key;
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	h ^= h >> 32;
	return h * 0x9e3779b97f4a7c15ull;
}

/* The slot that holds the key, or the empty one where it belongs. */
static struct table_entry *slot(const struct table *t, const void *key, size_t len, uint64_t hash)
{
	size_t i = hash >> 7 & (t->cap - 1);

	for (;; i = (i + 1) & (t->cap - 1)) {
		struct table_entry *e = &t->slots[i];

		if (!e->key)
			return e;
		if (e->hash == hash && e->key_len == len && !memcmp(e->key, key, len))
			return e;
	}
}

uint32_t table_find(const struct table *t, const void *key, size_t len)
{
	const struct table_entry *e;

	if (!t->cap)
		return TABLE_NONE;
	e = slot(t, key, len, table_hash(key, len));
	return e->key ? e->value : TABLE_NONE;
}

static int grow(struct table *t)
{
	struct table bigger = { .n = t->n, .cap = t->cap ? 2 * t->cap : 64 };

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->cap; i++) {
		struct table_entry *e = &t->slots[i];

		if (e->key)
			*slot(&bigger, e->key, e->key_len, e->hash) = *e;
	}
	free(t->slots);
	*t = bigger;
	return 0;
}

int table_add(struct table *t, const void *key, size_t len, uint32_t value)
{
	uint64_t hash = table_hash(key, len);
	struct table_entry *e;

	if (3 * (t->n + 1) > 2 * t->cap && grow(t))
		return -ENOMEM;
	e = slot(t, key, len, hash);
	if (e->key)
		return -EEXIST;
	e->key = malloc(len ? len : 1);
	if (!e->key)
		return -ENOMEM;
	memcpy(e->key, key, len);
	e->key_len = (uint32_t)len;
	e->hash = hash;
	e->value = value;
	t->n++;
	return 0;
}
