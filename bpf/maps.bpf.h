/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every map and global of the BPF side, declared; defined once in maps.bpf.c. */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "wire.h"

extern const volatile struct pb_config config;

/* A call in progress. */
struct span {
	__u64 start_ns;
	__u64 child_ns;  /* spent in traced callees */
	__u64 offcpu_ns; /* the thread's off-CPU total at entry */
	__u64 sp;        /* stack pointer at the function's first instruction */
	__u32 path, node;
	__u8 folded;   /* a direct repetition of its parent's node: shares its path */
	__u8 altstack; /* runs on the signal stack */
	__u8 pad[6];
};

/* What we know of one traced thread; dies with it. */
struct thread {
	__u32 pid;   /* its process, as user space names it */
	__u8 traced; /* 0: ignore it, for instance after the trace's end */
	__u8 forked; /* has not made a system call of its own yet */
	__u8 pad[2];
	__u64 start_ns, base_cpu_ns, base_runq_ns;

	__u64 off_ns; /* since when it is off CPU; 0: it runs */
	__u64 off_stack;
	__u32 off_why;
	__s32 off_shift; /* its stack stands for 2^shift intervals; -1: no stack was taken */
	__u64 blocked_ns, preempted_ns, left_out_ns;
	__u64 switches, stacks_taken;
	__u64 switch_window_ns, syscall_window_ns; /* sampling windows: see sampling.bpf.h */
	__u32 switch_n, syscall_n;

	__u64 syscall_ns; /* when the call in progress began; 0: not seen */
	__u32 syscall_nr;

	/*
	 * Keys under construction. Not on the stack: a program on a uprobe can be preempted, and
	 * one with 64 bytes of stack or more then shares it with the next task's run of it on that
	 * CPU ("private stack", Linux 6.13; seen to crash 7.2).
	 */
	struct pb_path_key path_key;
	struct pb_path_error_key error_key;
	__u32 new_path;

	__u32 depth;
	struct span spans[PB_SPAN_DEPTH];
};

/* thread → its state. Written by every program; bound: the number of traced threads. */
struct threads_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
};
extern struct threads_map threads SEC(".maps");

/* PID → enum pb_target_flags. Written by user space, fork, exec and exit; read at fork and exec. */
struct targets_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
};
extern struct targets_map targets SEC(".maps");

/* PID → struct pb_target_stats. Added to when a thread ends; read by user space at the end. */
struct target_stats_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct pb_target_stats);
};
extern struct target_stats_map target_stats SEC(".maps");

/* All records for user space, in order. Size set at load. */
struct records_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
};
extern struct records_map records SEC(".maps");

/* enum pb_counter → count, one a CPU. */
struct counters_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PB_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
};
extern struct counters_map counters SEC(".maps");

/* Where a stack is put together, one a context that may interrupt another: enum scratch. */
enum scratch { SCRATCH_TICK, SCRATCH_SWITCH, SCRATCH_SYSCALL, SCRATCH_SLOTS };
struct stack_scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct pb_stack);
};
extern struct stack_scratch_map stack_scratch SEC(".maps");

/* The same for the thread iterator, which only user space runs, one at a time. */
struct iter_scratch_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pb_stack);
};
extern struct iter_scratch_map iter_scratch SEC(".maps");

/* Hash of a stack → sent already. */
struct stacks_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u8);
};
extern struct stacks_map stacks SEC(".maps");

struct offcpu_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pb_offcpu_key);
	__type(value, struct pb_offcpu_value);
};
extern struct offcpu_map offcpu SEC(".maps");

struct syscall_stats_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pb_syscall_key);
	__type(value, struct pb_call_stats);
};
extern struct syscall_stats_map syscall_stats SEC(".maps");

struct syscall_errors_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct pb_syscall_error_key);
	__type(value, __u64);
};
extern struct syscall_errors_map syscall_errors SEC(".maps");

struct syscall_stacks_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pb_syscall_stack_key);
	__type(value, __u64);
};
extern struct syscall_stacks_map syscall_stacks SEC(".maps");

/* node id → what counts as an error. Written by user space before the probes are live. */
struct nodes_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set at load */
	__type(key, __u32);
	__type(value, struct pb_node);
};
extern struct nodes_map nodes SEC(".maps");

struct path_ids_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pb_path_key);
	__type(value, __u32);
};
extern struct path_ids_map path_ids SEC(".maps");

struct path_stats_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct pb_call_stats);
};
extern struct path_stats_map path_stats SEC(".maps");

struct path_errors_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct pb_path_error_key);
	__type(value, __u64);
};
extern struct path_errors_map path_errors SEC(".maps");

/* What a new entry of the two statistics maps starts as: everything 0 but min_ns. */
extern const struct pb_call_stats no_calls;
extern const __u64 zero;
/* 0, 1, 2, …: keys of `counters`, which need no stack. */
extern const __u32 counter_keys[PB_COUNTERS];

/*
 * pathbpf's own level of PID namespaces: 0 on the host. Set by the thread iterator, which runs
 * in pathbpf's context, before any thread is traced.
 */
extern __u32 pidns_level;

/*
 * Set by user space when the trace ends, before the iterator counts what is open: from then on
 * spans neither begin nor end, for all functions at the same moment.
 */
extern __u32 closing;
