/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every map and global of the BPF side, declared; defined once in maps.bpf.c. */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "wire.h"

/* A BPF function of its own, with a stack frame of its own, in whatever file it may be needed. */
#define __subprog __attribute__((noinline, unused))

extern const volatile struct pb_config config;

/* Which stack a frame lies on. Whoever runs on one has left those behind it in this list. */
enum on_stack { ON_THREAD, ON_SIGNAL, ON_KERNEL };

/* A call in progress. */
struct span {
	__u64 start_ns;
	__u64 child_ns;  /* spent in traced callees */
	__u64 offcpu_ns; /* the thread's off-CPU total at entry */
	__u64 sp;        /* stack pointer at the function's first instruction */
	__u64 ret;       /* what it pointed to, its return address; 0: not read */
	__u32 path, node;
	__u16 folded;    /* so many direct repetitions of its node lie below: shares their path */
	__u8 stack;      /* enum on_stack */
	__u8 slice;      /* its index in the recorded trace + 1; 0: it is not recorded */
	__u8 kept : 1;   /* the kernel keeps a return probe for it */
	__u8 window : 1; /* its node is probed for moments */
	__u8 unseen : 1; /* its return will not be seen: more were pending than the kernel keeps */
	__u8 below;      /* an entry of a plugin: spans.plugin_top before it */
	__u16 plugin;    /* its index + 1; 0: no entry of a plugin */
};

struct goroutine_key {
	__u64 g; /* address of its runtime.g */
	__u32 pid, pad;
};

/* The last few paths that were looked up. */
#define PATH_CACHE 8
struct path_cache {
	__u32 parent, node, path;
};

/* An exception on its way: several while cleanup code throws and catches its own. */
#define RAISES_MAX 4
struct raise {
	__u32 depth; /* so many spans were open when it was raised */
	__u32 name;  /* an id of error_names */
	__u32 kind;  /* enum pb_error_kind */
};

/* The calls in progress of one thread or goroutine. */
struct spans {
	__u32 depth;
	__u32 over;    /* calls beyond the last that fits */
	__u32 pending; /* return probes that the kernel keeps */
	/* Exceptions on their way, the last one raised last. */
	struct raise raises[RAISES_MAX];
	__u8 raising;    /* so many */
	__u8 stale_kept; /* the kernel may keep return probes of calls that were jumped out of */
	__u8 why;        /* enum pb_why: the recorded trace is worth sending */
	__u8 timeline;   /* where the root is recorded + 1; 0: it is not */
	__u8 restarts;   /* the call that begins: its beginning may run again */
	__u8 flag;       /* for forget() */
	__u8 windows;    /* so many spans of nodes that are probed for moments */
	__u8 plugin_top; /* the innermost entry of a plugin that is open: its index + 1; 0: none */
	__u8 failed;     /* what the call that ends failed of: enum pb_error_kind … */
	__u32 why_path;
	__s64 failed_value;   /* … and its value */
	__u64 next_sample_ns; /* when to send a root for no other reason than its turn */
	__u64 record_window;  /* a window of 100 ms … */
	__u32 recorded;       /* … and the slices recorded in it */
	/*
	 * Keys under construction. Not on the stack: a program on a uprobe can be preempted, and
	 * one with 64 bytes of stack or more then shares it with the next task's run of it on that
	 * CPU ("private stack", Linux 6.13; seen to crash 7.2).
	 */
	struct pb_path_key path_key;
	__u32 new_path;
	__u64 now_ns, offcpu_ns; /* the time, and the thread's off-CPU total, of what is going on */
	__u64 ret;               /* the return address of the call that begins, or 0 */
	__u64 goid;              /* of a goroutine */
	struct path_cache cache[PATH_CACHE];
	/* Behind it, in one of these: */
};

struct thread_spans {
	struct spans spans;
	struct span room[PB_SPAN_DEPTH];
};

struct goroutine_spans {
	struct spans spans;
	struct span room[PB_GO_DEPTH];
};

/* The outermost span is 0. */
static __always_inline struct span *span_at(struct spans *s, __u32 i)
{
	return (struct span *)(s + 1) + i;
}

/* What we know of one traced thread; dies with it. */
struct thread {
	__u32 pid;       /* its process, as user space names it */
	__u8 traced;     /* 0: ignore it, for instance after the trace's end */
	__u8 forked;     /* has not made a system call of its own yet */
	__u8 trampoline; /* is in a system call of the kernel's own making */
	__u8 loading; /* has called the dynamic loader; from where will be seen at a system call */
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
	__u32 syscall_epoch; /* in which that was */
	__u32 window_epoch;  /* of the spans that are of moments */

	__u32 syscall_node; /* the call in progress is a span of this node + 1 */
	__u32 last_signal;  /* that was delivered to it */

	/* Who woke it last, while in a span. */
	__u64 cause_ns, cause_root_ns;
	__u32 cause_tid;
	__u8 cause, cause_why; /* enum pb_cause, enum pb_why */
	__u8 has_goroutines;   /* has run Go code that is traced */
	__u8 counted;          /* before a pause: among its process's threads */
	__u8 held;             /* so many programs are changing `spans` */
	__u64 kernel_word;     /* of programs on kernel functions, for a moment */
	__u64 brk;             /* before a brk() inside a plugin */

	/* An exception's name under construction: not on the stack, as above. */
	struct pb_error_name raise_name;
	struct pb_error_text raise_text;
	__u64 words[4];
	struct goroutine_key goroutine;

	struct spans spans;
	struct span room[PB_SPAN_DEPTH]; /* of spans */
};

/* Linux 7 gives task storage that is larger to nobody: it comes from caches of 8 KiB at most. */
_Static_assert(sizeof(struct thread) <= 8000, "struct thread fits a kernel cache");

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
	__uint(max_entries, 65536);
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

/* The rule that was found for an address: services pass the same ones again and again. */
struct unwind_found {
	__u64 addr;
	__u32 generation; /* of all tables */
	__u16 image;      /* the first range of the process */
	__u16 rule;
};

/* A walk up the user's stack: see unwind.bpf.h. */
#define UNWIND_WINDOW 64
#define UNWIND_FOUND  256
struct unwind {
	__u64 ip, sp, bp, bx; /* of the frame at hand */
	__u64 bp_at, bx_at;   /* where they were saved, unless 0; read when they are needed */
	__u64 regs;           /* the kernel's copy of all registers, while they are the frame's */
	__u64 word;           /* what was read */
	__u64 trampoline;     /* where functions with a return probe return to; 0: none has */
	__u64 return_probes;  /* the kernel's list of them, from the frame at hand on */
	__u64 window_at;      /* a piece of the stack */
	__u64 window[UNWIND_WINDOW];
	struct unwind_found found[UNWIND_FOUND];
	__u32 generation;           /* of the tables, when the walk began */
	__u32 first_range, ranges;  /* of the process */
	__u32 range;                /* the one that the last frame was in */
	__u8 is_return;             /* ip is a return address: the call stands before it */
	__u8 known;                 /* ip lies in a range */
	__u8 lost_bp, lost_bx;      /* their values are not known */
	__u32 words;                /* of the user's side that were put, also over others */
	__u16 runtime[PB_RUNTIMES]; /* as in struct pb_unwind_image */
	__u16 anon;
	__u16 mark;    /* enum pb_runtime: whose code the frame at hand is */
	__u8 is_host;  /* it is code of a runtime's own object */
	__u8 told;     /* frames of a runtime were put */
	__u64 fs_base; /* of the thread: where its thread-local storage ends */
	__u64 at[10];  /* a runtime's own: how far its frames were told; 0 at the leaf */
	union {
		__u8 bytes[256]; /* a runtime's own: what was read */
		__u64 read[32];
	};
	__u64 go_callback; /* rsp of the thread's stack, when C was called last; 0: not known */
	__u64 go_switches; /* from stack to stack */
};

struct stack_work {
	struct pb_stack s;
	struct unwind u;
};

/* Where a stack is put together, one a context that may interrupt another: enum scratch. */
enum scratch { SCRATCH_TICK, SCRATCH_SWITCH, SCRATCH_SYSCALL, SCRATCH_SLOTS };
struct stack_scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct stack_work);
};
extern struct stack_scratch_map stack_scratch SEC(".maps");

/* The same for the thread iterator, which only user space runs, one at a time. */
struct iter_scratch_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_work);
};
extern struct iter_scratch_map iter_scratch SEC(".maps");

/*
 * Unwind tables, written by user space (trace/unwinder.c). Of images, fork, exec and exit also
 * copy and delete some. Not allocated on demand: read on a timer tick, which Linux before 6.1
 * does not allow otherwise.
 */
struct unwind_images_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct pb_unwind_image);
};
extern struct unwind_images_map unwind_images SEC(".maps");

struct unwind_ranges_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PB_UNWIND_RANGES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct pb_unwind_range);
};
extern struct unwind_ranges_map unwind_ranges SEC(".maps");

struct unwind_rules_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PB_UNWIND_RULES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct pb_unwind_rule);
};
extern struct unwind_rules_map unwind_rules SEC(".maps");

/* Of arrays of one struct pb_unwind_chunk, whose kind user space tells before load. */
struct unwind_chunks_map {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, PB_UNWIND_CHUNKS);
	__type(key, __u32);
	__type(value, __u32);
};
extern struct unwind_chunks_map unwind_chunks SEC(".maps");

/* Of the targets' language runtimes, written by user space (trace/runtimes.c); 0 is nobody's. */
struct runtime_images_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PB_RUNTIME_IMAGES);
	__type(key, __u32);
	__type(value, union pb_runtime_image);
};
extern struct runtime_images_map runtime_images SEC(".maps");

/* Hash of a stack → sent already. */
struct stacks_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u8);
};
extern struct stacks_map stacks SEC(".maps");

struct offcpu_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
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

/*
 * The same for rows that the kernel had no per-CPU memory for at that moment, which a busy machine
 * runs out of for milliseconds: shared by all CPUs.
 */
struct syscall_stats_spare_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pb_syscall_key);
	__type(value, struct pb_call_stats);
};
extern struct syscall_stats_spare_map syscall_stats_spare SEC(".maps");

/* Of calls outside of any path, which are most of them: by number. min_ns 0: none was timed. */
struct syscall_stats_hot_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1); /* set at load: see hot_syscalls */
	__type(key, __u32);
	__type(value, struct pb_call_stats);
};
extern struct syscall_stats_hot_map syscall_stats_hot SEC(".maps");

struct syscall_errors_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pb_syscall_error_key);
	__type(value, __u64);
};
extern struct syscall_errors_map syscall_errors SEC(".maps");

struct syscall_stacks_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
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

/* The first paths' statistics, which are the most frequent ones': an array is faster. */
struct path_stats_hot_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1); /* set at load: see hot_paths */
	__type(key, __u32);
	__type(value, struct pb_call_stats);
};
extern struct path_stats_hot_map path_stats_hot SEC(".maps");

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
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pb_path_error_key);
	__type(value, __u64);
};
extern struct path_errors_map path_errors SEC(".maps");

/* A set of recorded arguments, from 1. Written by user space before the probes are live. */
struct node_args_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct pb_args);
};
extern struct node_args_map node_args SEC(".maps");

/* system call number → node id + 1. Written by user space before the probes are live. */
struct syscall_nodes_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PB_SYSCALL_MAX);
	__type(key, __u32);
	__type(value, __u32);
};
extern struct syscall_nodes_map syscall_nodes SEC(".maps");

/* Exception types → their id. */
struct error_names_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pb_error_name);
	__type(value, struct pb_error_text);
};
extern struct error_names_map error_names SEC(".maps");

/* A goroutine's calls in progress. Entered with its root span and deleted at its end. */
struct goroutine {
	struct spans spans;
	struct span room[PB_GO_DEPTH];
	__u32 window_epoch, pad; /* as in struct thread */
};
struct goroutines_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct goroutine_key);
	__type(value, struct goroutine);
};
extern struct goroutines_map goroutines SEC(".maps");

/* Traces under construction, and the numbers of those that nobody uses. */
struct timelines_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PB_TIMELINES);
	__type(key, __u32);
	__type(value, struct pb_timeline);
};
extern struct timelines_map timelines SEC(".maps");

struct timelines_free_map {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, PB_TIMELINES);
	__type(value, __u32);
};
extern struct timelines_free_map timelines_free SEC(".maps");

/*
 * How often a node's entry was hit, in targets or not: stripe × PB_NODES_MAX + node, with a stripe
 * a CPU, as far as they go. Mapped by user space, which looks every 100 ms.
 */
struct node_hits_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set at load */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
};
extern struct node_hits_map node_hits SEC(".maps");

/* What function probes may still cost on this CPU at this moment: see guard.bpf.h. */
struct guard {
	__s64 left_ns;
	__u64 filled_ns; /* when it was filled up last */
};
struct guards_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guard);
};
extern struct guards_map guards SEC(".maps");

/* Wakes user space when that is used up. */
struct alarms_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};
extern struct alarms_map alarms SEC(".maps");

extern const __u64 no_goroutine[sizeof(struct goroutine) / sizeof(__u64)];

/* What a new entry of the two statistics maps starts as: everything 0 but min_ns. */
extern const struct pb_call_stats no_calls;
extern const __u64 zero;
/* 0, 1, 2, …: keys of `counters`, which need no stack. */
extern const __u32 counter_keys[PB_COUNTERS];

/* Paths below this number are in path_stats_hot, which it is the size of. */
extern const volatile __u32 hot_paths;
/* System calls below this number, outside of paths, are in syscall_stats_hot. */
extern const volatile __u32 hot_syscalls;

/* Counts changes of the unwind tables; written by user space after each. */
extern __u32 unwind_generation;

/* How many paths there are. */
extern __u32 last_path;

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

/*
 * Set by user space, from whatever thread: every program returns at once from then on, the thread
 * iterator excepted, which only user space runs. An emergency stop, and a pause.
 */
extern __u32 inert;

/* What the iterator is run for, enum pb_iter. Written by user space before. */
extern __u32 iter_kind;

/* Of struct goroutine, for user space. */
extern const volatile struct pb_goroutine_layout goroutine_layout;

/* Set by user space at load: stripes of node_hits less 1, a power of two less 1. */
extern const volatile __u32 hit_stripes;
/*
 * The guard, written by user space: so many 1,048,576ths of each nanosecond may be spent on probes,
 * saved up to a limit; what a call costs by class, in ns. An alarm is given once until user space
 * has dealt with it. A limit of 0: no guard.
 */
extern __u32 guard_share, guard_alarm;
extern __u64 guard_burst_ns;
extern __u32 guard_costs[PB_COST_CLASSES];

/* How much coarser stacks of switches and system calls are sampled: see sampling.bpf.h. */
extern __u32 switch_level, syscall_level;
/* So many system calls of a thread in 100 ms are a storm, of which guard_alarm tells; 0: none. */
extern __u32 syscall_storm;
/* Counts how often the tracepoints of system calls were attached. */
extern __u32 syscall_epoch;
/* Counts the moments in which nodes are probed that cannot be all the time; 1: one is beginning. */
extern __u32 window_epoch, window_opening;
/* Context switches are not looked at for now. */
extern __u32 switches_off;

#include "maps_plugin.bpf.h"
