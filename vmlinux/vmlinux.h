/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel types that our BPF programs touch, field by field: CO-RE relocates every access to
 * the running kernel's layout, so that only names matter here, not offsets or completeness.
 * Enumerators and flags are kernel ABI (include/uapi/linux/bpf.h) and carry their values.
 */
#pragma once

#define __VMLINUX_H__ 1 /* makes libbpf use the kernel's own field names */

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef _Bool bool;
enum { false = 0, true = 1 };

/* Map types and flags. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_STACK = 23,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

#define BPF_ANY			      0
#define BPF_NOEXIST		      1
#define BPF_F_NO_PREALLOC	      1
#define BPF_F_USER_STACK	      (1ULL << 8)
#define BPF_F_MMAPABLE		      (1U << 10)
#define BPF_RB_NO_WAKEUP	      1
#define BPF_RB_FORCE_WAKEUP	      2
#define BPF_RB_AVAIL_DATA	      0
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

struct bpf_map;
struct kernel_siginfo;
struct k_sigaction;
struct bpf_perf_event_data;

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	unsigned int level;
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct kernfs_node {
	__u64 id;
};

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
};

struct sched_entity {
	__u64 sum_exec_runtime;
};

struct rq {
	__u64 prev_irq_time;
};

struct sched_info {
	unsigned long long run_delay;
};

struct return_instance {
	unsigned long stack;
	unsigned long orig_ret_vaddr;
	struct return_instance *next;
};

struct uprobe_task {
	unsigned int depth;
	struct return_instance *return_instances;
	unsigned long vaddr, xol_vaddr;
};

struct xol_area {
	unsigned long vaddr;
};

struct uprobes_state {
	struct xol_area *xol_area;
};

struct mm_struct {
	unsigned long brk;
	struct uprobes_state uprobes_state;
};

struct thread_struct {
	unsigned long fsbase;
};

struct task_struct {
	unsigned int __state;
	unsigned int flags;
	int on_cpu;
	void *stack;
	int pid, tgid;
	int exit_state;
	int exit_code;
	unsigned long nvcsw;
	struct task_struct *real_parent, *group_leader;
	struct mm_struct *mm;
	struct signal_struct *signal;
	struct sched_entity se;
	struct sched_info sched_info;
	struct pid *thread_pid;
	struct css_set *cgroups;
	__u64 self_exec_id;
	struct uprobe_task *utask;
	struct thread_struct thread;
	unsigned long sas_ss_sp;
	unsigned long sas_ss_size;
	char comm[16];
};

struct linux_binprm {
	const char *filename;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop
