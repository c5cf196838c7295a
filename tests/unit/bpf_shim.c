/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel as BPF code sees it, on the host: maps, helpers, the ring, a user's memory, and the
 * maps and globals of bpf/maps.bpf.c themselves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_calls.h"

/* The tests write what the BPF side may only read. */
#define config       config_as_shipped
#define hot_paths    hot_paths_as_shipped
#define hot_syscalls hot_syscalls_as_shipped
#include "bpf/maps.bpf.c"
#undef config
#undef hot_paths
#undef hot_syscalls
struct pb_config written_config;
__u32 written_hot_paths = 1, written_hot_syscalls;
extern const volatile struct pb_config config __attribute__((alias("written_config")));
extern const volatile __u32 hot_paths __attribute__((alias("written_hot_paths")));
extern const volatile __u32 hot_syscalls __attribute__((alias("written_hot_syscalls")));

#define EEXIST_ERROR -17
#define E2BIG_ERROR  -7
#define ENOENT_ERROR -2
#define EFAULT_ERROR -14
#define EINVAL_ERROR -22

struct shim shim;
int shim_preempt_count;
static __u8 *user_memory; /* from address 0 on */

struct shim_map *shim_find(const void *map)
{
	for (size_t i = 0; i < SHIM_MAPS; i++)
		if (shim.maps[i].map == map)
			return &shim.maps[i];
	fprintf(stderr, "a map that the test has not announced\n");
	abort();
}

void shim_map_init(const void *map, size_t type, size_t key_size, size_t value_size, size_t max)
{
	*shim_find(NULL) = (struct shim_map){
		.map = map, .type = type, .key_size = key_size, .value_size = value_size, .max = max
	};
}

static void entries_free(struct shim_entry *e)
{
	for (struct shim_entry *next; e; e = next) {
		next = e->next;
		free(e->key);
		free(e->value);
		free(e);
	}
}

void shim_reset(void)
{
	for (size_t i = 0; i < SHIM_MAPS; i++)
		entries_free(shim.maps[i].entries);
	for (struct shim_record *r = shim.records, *next; r; r = next) {
		next = r->next;
		free(r->data);
		free(r);
	}
	free(user_memory);
	user_memory = NULL;
	memset(&shim, 0, sizeof(shim));
	memset(&written_config, 0, sizeof(written_config));
	pidns_level = closing = inert = last_path = 0;
	iter_kind = PB_ITER_END;
	shim_preempt_count = 0;
	written_hot_paths = 1;
	written_hot_syscalls = 0;
}

static struct shim_entry **entry_place(struct shim_map *m, const void *key)
{
	struct shim_entry **e = &m->entries;

	while (*e && memcmp((*e)->key, key, m->key_size) != 0)
		e = &(*e)->next;
	return e;
}

static struct shim_entry *enter(struct shim_map *m, const void *key)
{
	struct shim_entry *e;

	if (m->n >= m->max)
		return NULL;
	e = calloc(1, sizeof(*e));
	e->key = malloc(m->key_size + !m->key_size);
	if (m->key_size)
		memcpy(e->key, key, m->key_size);
	e->value = calloc(1, m->value_size);
	e->next = m->entries;
	m->entries = e;
	m->n++;
	return e;
}

static bool is_array(const struct shim_map *m)
{
	return m->type == BPF_MAP_TYPE_ARRAY || m->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
	struct shim_map *m = shim_find(map);
	struct shim_entry *e = *entry_place(m, key);
	__u32 index;

	if (!e && is_array(m)) {
		memcpy(&index, key, sizeof(index));
		if (index < m->max)
			e = enter(m, key);
	}
	return e ? e->value : NULL;
}

long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	struct shim_map *m = shim_find(map);
	struct shim_entry *e = *entry_place(m, key);

	if (e && flags == BPF_NOEXIST)
		return EEXIST_ERROR;
	if (!e)
		e = enter(m, key);
	if (!e)
		return E2BIG_ERROR;
	memcpy(e->value, value, m->value_size);
	return 0;
}

long bpf_map_delete_elem(void *map, const void *key)
{
	struct shim_map *m = shim_find(map);
	struct shim_entry **place = entry_place(m, key), *e = *place;

	if (is_array(m))
		return EINVAL_ERROR;
	if (!e)
		return ENOENT_ERROR;
	*place = e->next;
	e->next = NULL;
	entries_free(e);
	m->n--;
	return 0;
}

long bpf_map_push_elem(void *map, const void *value, __u64 flags)
{
	struct shim_map *m = shim_find(map);
	struct shim_entry *e = enter(m, NULL);

	(void)flags;
	if (!e)
		return E2BIG_ERROR;
	memcpy(e->value, value, m->value_size);
	return 0;
}

long bpf_map_pop_elem(void *map, void *value)
{
	struct shim_map *m = shim_find(map);
	struct shim_entry *e = m->entries;

	memset(value, 0, m->value_size);
	if (!e)
		return ENOENT_ERROR;
	memcpy(value, e->value, m->value_size);
	m->entries = e->next;
	e->next = NULL;
	entries_free(e);
	m->n--;
	return 0;
}

void *bpf_task_storage_get(void *map, struct task_struct *task, void *value, __u64 flags)
{
	struct shim_map *m = shim_find(map);
	struct shim_entry *e = *entry_place(m, &task);

	if (!e && flags & BPF_LOCAL_STORAGE_GET_F_CREATE) {
		e = enter(m, &task);
		if (e && value)
			memcpy(e->value, value, m->value_size);
	}
	return e ? e->value : NULL;
}

long bpf_task_storage_delete(void *map, struct task_struct *task)
{
	return bpf_map_delete_elem(map, &task);
}

long bpf_seq_write(struct seq_file *seq, const void *data, __u32 size)
{
	(void)seq;
	if (size > SHIM_SEQ - shim.seq_len)
		return E2BIG_ERROR;
	memcpy(shim.seq + shim.seq_len, data, size);
	shim.seq_len += size;
	return 0;
}

__u64 bpf_ktime_get_ns(void)
{
	return shim.now_ns;
}

__u64 bpf_get_func_ip(void *ctx)
{
	(void)ctx;
	return shim.func_ip;
}

__u64 bpf_get_current_pid_tgid(void)
{
	return (__u64)shim.task->tgid << 32 | (__u32)shim.task->pid;
}

struct task_struct *bpf_get_current_task_btf(void)
{
	return shim.task;
}

long bpf_get_current_comm(void *to, __u32 size)
{
	return bpf_probe_read_kernel_str(to, size, shim.task->comm) < 0;
}

__u64 bpf_get_attach_cookie(void *ctx)
{
	(void)ctx;
	return shim.cookie;
}

/* Marsaglia's xorshift, "Xorshift RNGs" (2003). */
__u32 bpf_get_prandom_u32(void)
{
	shim.random ^= shim.random << 13;
	shim.random ^= shim.random >> 17;
	shim.random ^= shim.random << 5;
	return shim.random;
}

long bpf_task_pt_regs(struct task_struct *task)
{
	static struct pt_regs none;

	(void)task;
	return (long)(shim.regs ? shim.regs : &none);
}

/* The user's frames up to the first 0; the kernel has none. */
long bpf_get_stack(void *ctx, void *to, __u32 size, __u64 flags)
{
	__u32 n = 0;

	(void)ctx;
	if (!(flags & BPF_F_USER_STACK))
		return EFAULT_ERROR;
	while (n < SHIM_FRAMES && (n + 1) * sizeof(__u64) <= size && shim.frames[n])
		n++;
	memcpy(to, shim.frames, n * sizeof(__u64));
	return (long)(n * sizeof(__u64));
}

long bpf_get_task_stack(struct task_struct *task, void *to, __u32 size, __u64 flags)
{
	return bpf_get_stack(task, to, size, flags);
}

long bpf_probe_read_kernel(void *to, __u32 size, const void *from)
{
	memcpy(to, from, size);
	return 0;
}

long bpf_probe_read_kernel_str(void *to, __u32 size, const void *from)
{
	size_t len = strnlen(from, size - 1);

	memcpy(to, from, len);
	((char *)to)[len] = '\0';
	return (long)len + 1;
}

static bool user_can_read(__u64 addr, size_t size)
{
	return addr >= SHIM_USER_BEGIN && addr < SHIM_USER_END && size <= SHIM_USER_END - addr;
}

void shim_user_write(__u64 addr, const void *data, size_t size)
{
	if (!user_can_read(addr, size)) {
		fprintf(stderr, "the user has no memory at %#llx\n", addr);
		abort();
	}
	if (!user_memory)
		user_memory = calloc(1, SHIM_USER_END);
	memcpy(user_memory + addr, data, size);
}

void shim_user_word(__u64 addr, __u64 value)
{
	shim_user_write(addr, &value, sizeof(value));
}

long bpf_probe_read_user(void *to, __u32 size, const void *from)
{
	bool can = user_can_read((__u64)from, size);

	memset(to, 0, size);
	if (can && user_memory)
		memcpy(to, user_memory + (__u64)from, size);
	return can ? 0 : EFAULT_ERROR;
}

/* What lies behind the string's end in the buffer stays as it was. */
long bpf_probe_read_user_str(void *to, __u32 size, const void *from)
{
	char *text = to;

	for (__u32 i = 0; i < size; i++) {
		if (bpf_probe_read_user(&text[i], 1, (const char *)from + i)) {
			memset(to, 0, size);
			return EFAULT_ERROR;
		}
		if (!text[i])
			return (long)i + 1;
	}
	text[size - 1] = '\0';
	return (long)size;
}

long bpf_copy_from_user_task(void *to, __u32 size, const void *from, struct task_struct *task,
			     __u64 flags)
{
	(void)task;
	(void)flags;
	return bpf_probe_read_user(to, size, from);
}

long bpf_get_func_ret(void *ctx, __u64 *value)
{
	(void)ctx;
	*value = shim.func_ret;
	return 0;
}

void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags)
{
	struct shim_record **last = &shim.records, *r;

	(void)ring;
	(void)flags;
	if (shim.ring_full)
		return NULL;
	while (*last)
		last = &(*last)->next;
	*last = r = calloc(1, sizeof(*r));
	r->size = size;
	r->data = malloc(size);
	memset(r->data, 0xaa, size); /* as old records leave it */
	return r->data;
}

void bpf_ringbuf_submit(void *record, __u64 flags)
{
	(void)flags;
	for (struct shim_record *r = shim.records; r; r = r->next)
		r->submitted |= r->data == record;
}

long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags)
{
	void *to = bpf_ringbuf_reserve(ring, size, 0);

	if (!to)
		return E2BIG_ERROR;
	memcpy(to, data, size);
	bpf_ringbuf_submit(to, flags);
	return 0;
}

__u64 bpf_ringbuf_query(void *ring, __u64 flags)
{
	(void)ring;
	(void)flags;
	return 0;
}

__u32 bpf_get_smp_processor_id(void)
{
	return 0;
}
