/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The wire: records, map keys and values, configuration and limits shared by the BPF programs
 * and trace/. The only header that both sides include. Fixed-width types, explicit padding,
 * sizes asserted; kinds are append-only. All times are CLOCK_MONOTONIC in ns.
 *
 * The includer provides __u8 … __u64 (vmlinux.h, or <linux/types.h>).
 */
#pragma once

#define PB_FRAMES_MAX  127 /* frames of one side (kernel, user) of a stack */
#define PB_COMM_LEN    16
#define PB_PATH_LEN    256
#define PB_SPAN_DEPTH  64 /* open spans a thread; deeper ones are counted as lost */
#define PB_SYSCALL_MAX 1024

/* Histogram geometry: must equal user/data/hist.h (asserted in trace/). */
#define PB_HIST_SUB_BITS 3
#define PB_HIST_MAX_BITS 42
#define PB_HIST_BUCKETS                                                                            \
	(((PB_HIST_MAX_BITS - PB_HIST_SUB_BITS) << PB_HIST_SUB_BITS) + (1 << PB_HIST_SUB_BITS))

/* Which tasks are traced. */
enum pb_scope {
	PB_SCOPE_PIDS = 0, /* the processes in `targets`, also those that match comm_glob later */
	PB_SCOPE_CGROUP = 1,
	PB_SCOPE_ALL = 2,
};

/* Set once before load: the verifier prunes what is off. */
struct pb_config {
	__u32 scope;
	__u32 self_tgid; /* pathbpf itself, never traced */
	__u64 cgroup_id;
	__u64 offcpu_min_ns;
	__u8 follow, cpu, offcpu, syscalls, spans;
	__u8 switch_has_state; /* sched_switch passes prev_state (5.18, commit fa2c3254d7cf) */
	__u8 pad[2];
	char comm_glob[PB_COMM_LEN]; /* "" : none */
};

/* Records in the ring. */
enum pb_kind {
	PB_SAMPLE = 1, /* struct pb_stack: the CPU sampler's */
	PB_STACK = 2,  /* struct pb_stack: first sight of an interned stack */
	PB_FORK = 3,   /* struct pb_process */
	PB_EXEC = 4,
	PB_EXIT = 5,
	PB_MMAP = 6,
};

struct pb_header {
	__u64 time_ns;
	__u32 kind; /* enum pb_kind */
	__u32 size; /* of the whole record */
	__u32 pid, tid;
};

/* Words at the top of the user stack: enough for what the C library's leaves put there. */
#define PB_TOP_WORDS 48

struct pb_stack {
	struct pb_header h;
	__u64 id;                /* of an interned stack; 0 for samples */
	__u32 kernel, user;      /* frames: kernel's first, then the user's, leaf first */
	char comm[PB_COMM_LEN];  /* of the process (thread group leader) */
	__u64 sp, bp;            /* the user's registers; sp 0: `top` was not read */
	__u64 top[PB_TOP_WORDS]; /* the memory at sp */
	__u64 ips[2 * PB_FRAMES_MAX + 2];
};

struct pb_process {
	struct pb_header h;
	__u32 child;  /* fork: its PID */
	__s32 status; /* exit: as wait(2) gives it */
	__u64 addr;   /* mmap */
	char comm[PB_COMM_LEN];
	char file[PB_PATH_LEN]; /* exec */
};

/* targets: PID → */
enum pb_target_flags {
	PB_TARGET_TRACED = 1,
	PB_TARGET_AT_EXEC = 2, /* our own child: traced from its exec on */
};

/* What the threads of one process used between attach and detach; target_stats: PID → */
struct pb_target_stats {
	__u64 cpu_ns, runq_ns;          /* the scheduler's own figures */
	__u64 wall_ns;                  /* sum of the threads' lifetimes in the trace */
	__u64 blocked_ns, preempted_ns; /* measured at sched_switch */
	__u64 left_out_ns;              /* of these, intervals shorter than offcpu_min_ns */
	__u64 switches, stacks_taken;
	__u64 threads;
};

enum pb_offcpu_why { PB_BLOCKED = 0, PB_PREEMPTED = 1 };

/* offcpu: key → value. Weights make sampled stacks unbiased: see bpf/sampling.bpf.h. */
struct pb_offcpu_key {
	__u64 stack;
	__u32 pid, why;
};

struct pb_offcpu_value {
	__u64 count, total_ns, max_ns;
	__u64 exact_ns; /* of the total: intervals that stand for themselves only */
};

/* Calls of one thing; path_stats and syscall_stats hold one a CPU. */
struct pb_call_stats {
	__u64 calls, errors;
	__u64 timed; /* calls whose beginning was seen: those in total, min, max, hist */
	__u64 total_ns, self_ns, min_ns, max_ns;
	__u64 offcpu_ns;
	__u64 open, unwound;
	__u64 hist[PB_HIST_BUCKETS];
};

struct pb_syscall_key {
	__u32 nr, path;
};

struct pb_syscall_error_key {
	__u32 nr, path, error, pad;
};

struct pb_syscall_stack_key {
	__u64 stack;
	__u32 pid, nr, error, pad;
};

/* path_ids: (parent path, node) → path. Path 0 is "no span". */
struct pb_path_key {
	__u32 parent, node;
};

struct pb_path_error_key {
	__s64 value; /* the return value */
	__u32 path, pad;
};

/* What makes a return value an error; nodes: node id → */
enum pb_pred { PB_PRED_NONE = 0, PB_PRED_LT, PB_PRED_EQ, PB_PRED_NE };

struct pb_node {
	__s64 value;
	__u8 pred, width; /* width of the return value in bytes: 4 or 8 */
	__u8 pad[6];
};

/*
 * Cookies of function probes: the node id in the lower half, and for probes on the place where a
 * function ends (rather than return probes):
 */
#define PB_COOKIE_SITE     (1ULL << 32) /* the return address is still on the stack */
#define PB_COOKIE_NO_VALUE (1ULL << 33) /* a tail jump: the return register says nothing yet */

/* counters: one a CPU */
enum pb_counter {
	PB_COUNT_FIRED,   /* timer ticks */
	PB_COUNT_OTHER,   /* of them, outside the targets */
	PB_COUNT_SAMPLES, /* of them, sent */
	PB_LOST_SAMPLES,  /* ring full */
	PB_LOST_EVENTS,
	PB_LOST_STACKS,    /* stack table or aggregate full */
	PB_LOST_PATHS,     /* path or error tables full */
	PB_LOST_SPANS,     /* deeper than PB_SPAN_DEPTH */
	PB_MISSED_RETURNS, /* a return without its entry */
	PB_LOST_THREADS,   /* no memory for a thread's state */
	PB_UPROBE_HITS,
	PB_COUNTERS
};

_Static_assert(sizeof(struct pb_header) == 24, "pb_header");
_Static_assert(sizeof(struct pb_stack) == 24 + 8 + 8 + 16 + 16 + 8 * PB_TOP_WORDS + 8 * 256,
	       "pb_stack");
_Static_assert(sizeof(struct pb_process) == 24 + 16 + 16 + 256, "pb_process");
_Static_assert(sizeof(struct pb_config) == 48, "pb_config");
_Static_assert(sizeof(struct pb_target_stats) == 72, "pb_target_stats");
_Static_assert(sizeof(struct pb_offcpu_key) == 16, "pb_offcpu_key");
_Static_assert(sizeof(struct pb_call_stats) == 80 + 8 * PB_HIST_BUCKETS, "pb_call_stats");
_Static_assert(sizeof(struct pb_syscall_stack_key) == 24, "pb_syscall_stack_key");
_Static_assert(sizeof(struct pb_node) == 16, "pb_node");
