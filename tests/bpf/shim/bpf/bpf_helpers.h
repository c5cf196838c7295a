/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What surrounds BPF code in the kernel, for the host: helpers, maps, the ring, a user's memory.
 * Time, randomness, the current task and the probe's cookie are what a test writes into `shim`;
 * tests/unit/bpf_shim.c has the rest.
 */
#pragma once

#include <stddef.h>

#undef __always_inline
#define __always_inline    inline __attribute__((always_inline))
#define __uint(name, val)  int(*name)[val]
#define __type(name, val)  __typeof__(val) *name
#define __array(name, val) __typeof__(val) *name[]
#define SEC(name)
#define __weak __attribute__((weak))
#define __ksym

struct bpf_map;

struct shim_entry {
	struct shim_entry *next;
	void *key, *value; /* owned */
};

struct shim_map {
	const void *map;
	size_t type, key_size, value_size, max, n;
	struct shim_entry *entries; /* the newest first */
};

/* What was sent through the ring. */
struct shim_record {
	struct shim_record *next;
	void *data; /* owned */
	size_t size;
	bool submitted; /* of a reserved one */
};

#define SHIM_MAPS   40
#define SHIM_FRAMES 8
#define SHIM_SEQ    4096

struct shim {
	__u64 now_ns, cookie;
	struct task_struct *task;
	struct pt_regs *regs; /* the task's in user space */
	__u32 random;         /* seed, not 0 */
	__u64 func_ret;       /* what a kernel function returned */
	__u64 func_ip;        /* the probed function's address */
	bool no_fields;       /* what CO-RE asks for does not exist */
	bool ring_full;
	__u64 frames[SHIM_FRAMES]; /* of a stack of the user's */
	struct shim_map maps[SHIM_MAPS];
	struct shim_record *records; /* the oldest first */
	__u8 seq[SHIM_SEQ];          /* what was written for the iterator's reader */
	size_t seq_len;
};

extern struct shim shim;
extern int shim_preempt_count __asm__("__preempt_count"); /* the CPU's */

#define SHIM_NUMBER(field) (sizeof(*(field)) / sizeof(int))

/* Announces a map of at most `limit` entries. */
#define shim_map_limited(name, limit)                                                              \
	shim_map_init(&(name), SHIM_NUMBER((name).type), sizeof(*(name).key),                      \
		      sizeof(*(name).value), limit)
#define shim_map(name) shim_map_limited(name, SHIM_NUMBER((name).max_entries))

struct shim_map *shim_find(const void *map);
void shim_map_init(const void *map, size_t type, size_t key_size, size_t value_size, size_t max);
/* As at the beginning: no maps, no records, nothing in memory. */
void shim_reset(void);

/* The user's memory: what is between these addresses can be read and is 0. */
#define SHIM_USER_BEGIN 0x1000UL
#define SHIM_USER_END   0x100000UL
void shim_user_write(__u64 addr, const void *data, size_t size);
void shim_user_word(__u64 addr, __u64 value);

void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
long bpf_map_delete_elem(void *map, const void *key);
long bpf_map_push_elem(void *map, const void *value, __u64 flags);
long bpf_map_pop_elem(void *map, void *value);
void *bpf_task_storage_get(void *map, struct task_struct *task, void *value, __u64 flags);
long bpf_task_storage_delete(void *map, struct task_struct *task);
long bpf_seq_write(struct seq_file *seq, const void *data, __u32 size);

__u64 bpf_ktime_get_ns(void);
struct task_struct *bpf_get_current_task_btf(void);
__u64 bpf_get_current_pid_tgid(void);
__u64 bpf_get_func_ip(void *ctx);
long bpf_get_current_comm(void *to, __u32 size);
__u64 bpf_get_attach_cookie(void *ctx);
__u32 bpf_get_prandom_u32(void);
__u32 bpf_get_smp_processor_id(void);
long bpf_task_pt_regs(struct task_struct *task);
long bpf_get_stack(void *ctx, void *to, __u32 size, __u64 flags);
long bpf_get_task_stack(struct task_struct *task, void *to, __u32 size, __u64 flags);

long bpf_probe_read_kernel(void *to, __u32 size, const void *from);
long bpf_probe_read_kernel_str(void *to, __u32 size, const void *from);
long bpf_probe_read_user(void *to, __u32 size, const void *from);
long bpf_probe_read_user_str(void *to, __u32 size, const void *from);
long bpf_copy_from_user_task(void *to, __u32 size, const void *from, struct task_struct *task,
			     __u64 flags);

void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *record, __u64 flags);
/* Goes to the ring's records. */
long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags);
__u64 bpf_ringbuf_query(void *ring, __u64 flags);

/* What a test says of the CPU; a program's function has returned shim.func_ret. */
#define bpf_this_cpu_ptr(of) (of)
long bpf_get_func_ret(void *ctx, __u64 *value);

/* Entries seen. */
#define bpf_for_each_map_elem(map, step, arg, flags)                                               \
	({                                                                                         \
		long seen_ = 0;                                                                    \
		for (struct shim_entry *e_ = shim_find(map)->entries, *next_; e_; e_ = next_) {    \
			next_ = e_->next;                                                          \
			seen_++;                                                                   \
			if (step((struct bpf_map *)(map), e_->key, e_->value, arg))                \
				break;                                                             \
		}                                                                                  \
		seen_;                                                                             \
	})

/* Rounds made. */
#define bpf_loop(max, step, ctx, flags)                                                            \
	({                                                                                         \
		__u32 round_ = 0, max_ = (max);                                                    \
		while (round_ < max_ && !step(round_++, ctx))                                      \
			;                                                                          \
		(long)round_;                                                                      \
	})
