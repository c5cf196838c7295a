/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers and maps for BPF code that is compiled on the host. A test defines the maps that its
 * code uses and announces each by shim_map(); time, randomness, the current task and the probe's
 * cookie are what it writes into `shim`.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef __always_inline
#define __always_inline   inline __attribute__((always_inline))
#define __uint(name, val) int(*name)[val]
#define __type(name, val) __typeof__(val) *name
/* Several tests may define the same map: each runs in a process of its own. */
#define SEC(name) __attribute__((weak))

struct shim_entry {
	struct shim_entry *next;
	void *key, *value; /* owned; released by shim_reset() or with the process */
};

struct shim_map {
	const void *map;
	size_t type, key_size, value_size, max, n;
	struct shim_entry *entries;
};

static struct {
	__u64 now_ns, cookie;
	struct task_struct *task;
	__u32 random; /* seed, not 0 */
	struct shim_map maps[16];
} shim;

#define SHIM_NUMBER(field) (sizeof(*(field)) / sizeof(int))

/* Announces a map of at most `limit` entries. */
#define shim_map_limited(name, limit)                                                              \
	shim_map_init(&(name), SHIM_NUMBER((name).type), sizeof(*(name).key),                      \
		      sizeof(*(name).value), limit)
#define shim_map(name) shim_map_limited(name, SHIM_NUMBER((name).max_entries))
#define shim_task_storage(name)                                                                    \
	shim_map_init(&(name), BPF_MAP_TYPE_TASK_STORAGE, sizeof(void *), sizeof(*(name).value), 64)

static inline struct shim_map *shim_find(const void *map)
{
	for (size_t i = 0; i < sizeof(shim.maps) / sizeof(shim.maps[0]); i++)
		if (shim.maps[i].map == map)
			return &shim.maps[i];
	fprintf(stderr, "a map that the test has not announced\n");
	abort();
}

static inline void shim_map_init(const void *map, size_t type, size_t key_size, size_t value_size,
				 size_t max)
{
	*shim_find(NULL) = (struct shim_map){
		.map = map, .type = type, .key_size = key_size, .value_size = value_size, .max = max
	};
}

static inline struct shim_entry *shim_entry_of(const struct shim_map *m, const void *key)
{
	struct shim_entry *e = m->entries;

	while (e && memcmp(e->key, key, m->key_size) != 0)
		e = e->next;
	return e;
}

static inline struct shim_entry *shim_enter(struct shim_map *m, const void *key)
{
	struct shim_entry *e;

	if (m->n >= m->max)
		return NULL;
	e = calloc(1, sizeof(*e));
	e->key = malloc(m->key_size);
	memcpy(e->key, key, m->key_size);
	e->value = calloc(1, m->value_size);
	e->next = m->entries;
	m->entries = e;
	m->n++;
	return e;
}

/* As at the beginning: no maps, nothing in them. */
static inline void shim_reset(void)
{
	for (size_t i = 0; i < sizeof(shim.maps) / sizeof(shim.maps[0]); i++) {
		for (struct shim_entry *e = shim.maps[i].entries, *next; e; e = next) {
			next = e->next;
			free(e->key);
			free(e->value);
			free(e);
		}
	}
	memset(&shim, 0, sizeof(shim));
}

static inline void *bpf_map_lookup_elem(void *map, const void *key)
{
	struct shim_map *m = shim_find(map);
	struct shim_entry *e = shim_entry_of(m, key);
	__u32 index;

	if (!e && (m->type == BPF_MAP_TYPE_ARRAY || m->type == BPF_MAP_TYPE_PERCPU_ARRAY)) {
		memcpy(&index, key, sizeof(index));
		if (index < m->max)
			e = shim_enter(m, key);
	}
	return e ? e->value : NULL;
}

static inline long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	struct shim_map *m = shim_find(map);
	struct shim_entry *e = shim_entry_of(m, key);

	if (e && flags == BPF_NOEXIST)
		return -17; /* EEXIST */
	if (!e)
		e = shim_enter(m, key);
	if (!e)
		return -7; /* E2BIG */
	memcpy(e->value, value, m->value_size);
	return 0;
}

static inline void *bpf_task_storage_get(void *map, struct task_struct *task, void *value,
					 __u64 flags)
{
	struct shim_map *m = shim_find(map);
	struct shim_entry *e = shim_entry_of(m, &task);

	(void)value;
	if (!e && flags & BPF_LOCAL_STORAGE_GET_F_CREATE)
		e = shim_enter(m, &task);
	return e ? e->value : NULL;
}

static inline __u64 bpf_ktime_get_ns(void)
{
	return shim.now_ns;
}

static inline struct task_struct *bpf_get_current_task_btf(void)
{
	return shim.task;
}

static inline __u64 bpf_get_attach_cookie(void *ctx)
{
	(void)ctx;
	return shim.cookie;
}

/* Marsaglia's xorshift, "Xorshift RNGs" (2003). */
static inline __u32 bpf_get_prandom_u32(void)
{
	shim.random ^= shim.random << 13;
	shim.random ^= shim.random >> 17;
	shim.random ^= shim.random << 5;
	return shim.random;
}

static inline long bpf_loop(__u32 n, long (*step)(__u32, void *), void *ctx, __u64 flags)
{
	(void)flags;
	for (__u32 i = 0; i < n; i++)
		if (step(i, ctx))
			return i + 1;
	return n;
}

static inline long bpf_probe_read_kernel_str(void *to, __u32 size, const void *from)
{
	size_t len = strnlen(from, size - 1);

	memcpy(to, from, len);
	((char *)to)[len] = '\0';
	return (long)len + 1;
}

/* Named by code that no test runs. */
void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *record, __u64 flags);
__u64 bpf_ringbuf_query(void *ring, __u64 flags);
