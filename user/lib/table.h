/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hash table from byte strings to 32-bit values: the index behind every "seen before?" of
 * the model. Keys are copied. Open addressing, grows at 2/3; nothing is ever removed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

struct table_entry {
	void *key; /* owned; NULL: empty slot */
	uint32_t key_len, value;
	uint64_t hash;
};

struct table {
	struct table_entry *slots; /* a power of two of them */
	size_t n, cap;
};

void table_done(struct table *t);
/* The value of a key, or TABLE_NONE. */
uint32_t table_find(const struct table *t, const void *key, size_t len);
/*
 * Enters key → value; 0, -EEXIST when the key is there already (nothing changes), or -ENOMEM.
 * `value` must not be TABLE_NONE.
 */
int table_add(struct table *t, const void *key, size_t len, uint32_t value);
/* A 64-bit hash of bytes (FNV-1a with a final mix); not for hostile key floods. */
uint64_t table_hash(const void *key, size_t len);
