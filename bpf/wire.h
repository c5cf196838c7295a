/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The wire: records, map keys and values, configuration and limits shared by the BPF programs
 * and trace/. The only header that both sides include. Fixed-width types, explicit padding,
 * sizes asserted; kinds are append-only. All times are CLOCK_MONOTONIC in ns.
 *
 * The includer provides __u8 … __u64 (vmlinux.h, or <linux/types.h>).
 */
#pragma once

#define PB_FRAMES_MAX 127  /* frames of the kernel's side of a stack, or of any the kernel walks */
#define PB_USER_WORDS 2048 /* of the user's side that we unwind: a frame has one or two */
#define PB_HEAD_WORDS                                                                              \
	1024 /* of them, those at the leaf; the others are the last towards the root */
#define PB_WALK_MAX    4096 /* frames of native code that a walk passes */
#define PB_COMM_LEN    16
#define PB_PATH_LEN    256
#define PB_SPAN_DEPTH  128 /* open spans a thread; deeper ones are counted, not timed, or lost */
#define PB_GO_DEPTH    32  /* the same a goroutine */
#define PB_PENDING_MAX 64  /* return probes that the kernel keeps a thread (MAX_URETPROBE_DEPTH) */
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
	__u8 timelines;        /* record root spans whole */
	__u8 syscall_spans;    /* some system calls are nodes: see the map syscall_nodes */
	__u8 kernel_spans;     /* some kernel functions are nodes */
	__u8 unwind;           /* there are unwind tables: see unwind.bpf.h */
	__u8 hide_hosts;       /* native frames of a runtime itself are left out beside its own */
	__u8 plugins;          /* entries of plugins are followed */
	__u8 plugin_calls;     /* every execution is told, not only those that failed */
	__u8 rcu_preempt;      /* the kernel's readers of RCU can be preempted */
	__u8 pad[2];
	__u64 plugin_timeout_ns; /* 0: none */
	__u64 wait_ns;           /* a dlopen() is held up for probing so long at most; 0: never */
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
	PB_TIMELINE = 7,      /* struct pb_timeline */
	PB_PLUGIN = 8,        /* struct pb_plugin */
	PB_PLUGIN_OBJECT = 9, /* struct pb_plugin_object */
	PB_PLUGIN_CRASH = 10, /* struct pb_plugin_crash */
	PB_PLUGIN_CALL = 11,  /* struct pb_plugin_call */
};

struct pb_header {
	__u64 time_ns;
	__u32 kind; /* enum pb_kind */
	__u32 size; /* of the whole record */
	__u32 pid, tid;
};

/* Words at the top of the user stack: enough for what the C library's leaves put there. */
#define PB_TOP_WORDS 48

/* Why the user's side of a stack has no further frame. */
enum pb_end {
	PB_END_CHAIN,    /* the kernel followed frame pointers: nobody knows */
	PB_END_DONE,     /* nobody called: it is complete */
	PB_END_DEEP,     /* no room for more */
	PB_END_RULE,     /* the unwind information tells it in a way that is not followed */
	PB_END_REGISTER, /* in terms of a register whose value at that place is not known */
	PB_END_FAULT,    /* memory could not be read */
	PB_END_NO_TABLE, /* code without unwind information, and rbp points at no frame */
	PB_END_UNKNOWN,  /* the same outside every known mapping */
	PB_END_LOOP,     /* the caller's frame would not lie above */
	PB_END_SWITCH,   /* it goes on on another stack, but not where that should be */
	PB_ENDS
};

/* In an address of the user's side but the first: it is no return address. */
#define PB_IP_EXACT (1ULL << 63)

/* Languages whose functions have frames that only their runtime knows. */
enum pb_runtime {
	PB_RUNTIME_NONE,
	PB_RUNTIME_PYTHON, /* CPython */
	PB_RUNTIME_V8,
	PB_RUNTIME_BEAM, /* Erlang, Elixir */
	PB_RUNTIMES
};

/*
 * A frame of a runtime takes two words in place of an address: what runs (a code object, a
 * function: its address in the process) and where in it, with whatever else tells it from what
 * lies at the same address at another time. What the lower 56 bits of the second hold is between
 * a runtime's BPF code and its code in user space.
 */
#define PB_WORD_RUNTIME (1ULL << 62)
#define PB_WORD_SECOND  (1ULL << 61)
#define PB_WORD_SHIFT   56 /* of enum pb_runtime, in both words */
#define PB_WORD_PAYLOAD ((1ULL << PB_WORD_SHIFT) - 1)
#define PB_WORD_KIND(w) ((w) >> PB_WORD_SHIFT & 15)

struct pb_stack {
	struct pb_header h;
	__u64 id;                /* of an interned stack; 0 for samples */
	__u32 kernel, user;      /* words: kernel's frames first, then the user's, leaf first */
	char comm[PB_COMM_LEN];  /* of the process (thread group leader) */
	__u64 sp, bp;            /* the user's registers; sp 0: `top` was not read */
	__u64 top[PB_TOP_WORDS]; /* the memory at sp */
	__u16 end;               /* enum pb_end */
	__u16 by_rbp;            /* callers found by rbp, where no table tells of one */
	/*
	 * Words for which there was no room. The user's words from the PB_HEAD_WORDS'th on are a
	 * ring then, which begins at skipped % (PB_USER_WORDS - PB_HEAD_WORDS).
	 */
	__u32 skipped;
	__u64 ips[PB_FRAMES_MAX + PB_USER_WORDS + 1];
};

/*
 * Unwind tables. A process has an image: ranges of its address space, sorted. A range has rows of
 * a chunk, which may serve many processes; a row has a rule.
 */
#define PB_UNWIND_RANGES 32768 /* of all images together */
#define PB_UNWIND_RULES  16384
#define PB_UNWIND_CHUNKS 44 /* 16.5 MiB in all */
#define PB_CHUNK_ROWS    65536

/* unwind_images: PID → its ranges, and what its runtimes need. */
struct pb_unwind_image {
	__u32 first, n;
	__u16 runtime[PB_RUNTIMES]; /* key of runtime_images; 0: it has none of that kind */
	__u16 anon;                 /* enum pb_runtime of code without a file */
	__u16 pad[3];
};

/* Where the address of a thread's state is found: from the base of its thread-local storage on. */
enum pb_python_tls {
	PB_PYTHON_TLS_VALUE,   /* there */
	PB_PYTHON_TLS_POINTER, /* beyond a pointer that is there */
	PB_PYTHON_TLS_NONE,    /* unknown: the lists of threads are searched */
};

/* What tells the frames that one activation of CPython's eval loop runs from the next one's. */
enum pb_python_mode {
	PB_PYTHON_ONE,    /* 3.8, 3.9: it runs one */
	PB_PYTHON_CFRAME, /* 3.10 to 3.12: it has a CFrame on the native stack */
	PB_PYTHON_ENTRY,  /* 3.13 and later: it has an entry frame there */
};

#define PB_PYTHON_NONE 0xff

/* Offsets are of bytes; those called word_… of words of 8 bytes in what is read at once. */
struct pb_python_image {
	__u64 code_type;    /* the address of the type of code objects */
	__u64 interpreters; /* where the address of the newest interpreter is */
	__u64 main;         /* the first interpreter */
	__u32 tls_offset;   /* see enum pb_python_tls */
	__u32 tls_second;   /* from the pointer on */
	__u8 tls, mode;
	__u8 frame_size;                           /* what is read of a frame, at most 127 */
	__u8 word_code, word_previous, word_instr; /* in a frame */
	__u8 frame_end; /* the byte in it that says, if it is at least end_min, that it is the last
			 */
	__u8 end_min;
	__u8 skips_end;                          /* … which is no frame of the program */
	__u8 word_current, word_cframe_previous; /* in a CFrame; PB_PYTHON_NONE */
	__u8 instr_shift;                        /* of word_instr, if that is a number */
	__u8 code_size;                          /* what is read of a code object */
	__u8 word_type, word_name, word_qualname, word_file, word_table; /* in it */
	__u8 half_line;    /* co_firstlineno: in words of 4 bytes */
	__u16 code_instrs; /* from it on are the instructions; 0: word_instr is a number */
	__u16 thread_frame, thread_cframe, thread_id, thread_next; /* in a thread's state */
	__u16 thread_base; /* in it: the address of a frame that is none; 0: there is none */
	__u32 interp_next, interp_threads; /* in an interpreter */
};

/*
 * In the second word of a frame of Python: the number of the instruction and 1 (0: none ran yet)
 * in the lower bits, and above them what tells the code object from others at its address.
 */
#define PB_PYTHON_INSTR_BITS 24

static inline __u32 pb_python_check(__u32 line, __u64 name, __u64 qualname, __u64 file, __u64 table)
{
	__u64 sum = line + name * 0x9e3779b97f4a7c15ULL;

	sum = (sum ^ sum >> 29) * 0xbf58476d1ce4e5b9ULL + qualname;
	sum = (sum ^ sum >> 31) * 0x94d049bb133111ebULL + file;
	sum = (sum ^ sum >> 30) * 0xd6e8feb86659fd93ULL + table;
	sum = (sum ^ sum >> 32) * 0x9e3779b97f4a7c15ULL;
	return (__u32)(sum >> 32);
}
/*
 * V8: how its objects lie. A frame's first word holds the address of its SharedFunctionInfo without
 * the lower three bits, the second where in its code it is, a kind, and whether that is a return
 * address; what is left of both, bits by which the function is known again.
 */
struct pb_v8_image {
	__u32 function_shared;                         /* offset in a JSFunction */
	__u32 shared_data, shared_name, shared_script; /* words in a SharedFunctionInfo */
	__u32 map_type;                                /* offset in a Map */
	__u32 type_bytecode;                           /* of a BytecodeArray's map */
	__u32 bytecode_data;                           /* offset in a BytecodeArray */
	__u32 frame_wasm;                              /* a type of frame */
	__s32 frame_bytecode; /* from rbp: the BytecodeArray; the offset lies below */
	__u32 pad;
};

enum pb_v8_kind {
	PB_V8_INTERPRETED, /* at: offset of a bytecode */
	PB_V8_COMPILED,    /* at: an address */
	PB_V8_STUB,        /* the callee has no frame; at: perhaps a return address; or 0 */
	PB_V8_ENTERED,     /* perhaps this function has no frame yet; at: an address */
};

#define PB_V8_WASM       1 /* first word of a frame of WebAssembly */
#define PB_V8_SHARED_ALL 44
#define PB_V8_AT_ALL     47
#define PB_V8_LOW_BITS   12 /* of the check: in the first word */
#define PB_V8_CHECK(name, script)                                                                  \
	((((name) >> 3) * 0x9e3779b97f4a7c15ULL ^ ((script) >> 3) * 0xff51afd7ed558ccdULL) >> 46)
#define PB_V8_SHARED(what)     (((what) & ((1ULL << PB_V8_SHARED_ALL) - 1)) << 3 | 1)
#define PB_V8_AT(where)        ((where) & ((1ULL << PB_V8_AT_ALL) - 1))
#define PB_V8_KIND(where)      ((where) >> PB_V8_AT_ALL & 3)
#define PB_V8_IS_RETURN(where) ((where) >> (PB_V8_AT_ALL + 2) & 1)
#define PB_V8_CHECK_OF(what, where)                                                                \
	((what) >> PB_V8_SHARED_ALL | (where) >> (PB_V8_AT_ALL + 3) << PB_V8_LOW_BITS)

/* The BEAM with its just-in-time compiler: see user/runtime/beam.c. */
struct pb_beam_image {
	__u64 normal_exit; /* the return address that every process's stack begins with */
	/* The fragment process_main, all that is shared by modules, and where the former returns
	 * to. */
	__u64 main, shared, main_return;
	__u32 main_size, shared_size;
	__u32 main_slot;         /* the lowest place of main_return, from rsp in process_main */
	__s32 registers;         /* rbx minus rsp in process_main */
	__u32 scheduler;         /* where a thread has its scheduler, from fs_base; 0: not known */
	__u32 scheduler_rsp;     /* rsp in process_main, in a scheduler; */
	__u32 scheduler_process; /* the process that it runs: */
	__u32 stop;              /* the stack pointer in a process, and */
	__u32 hend;              /* where its stack begins; 0: not known */
	__u32 pad;
};

/* What BPF must know of one runtime in a process, by enum pb_runtime. */
union pb_runtime_image {
	__u64 words[32];
	struct pb_python_image python;
	struct pb_v8_image v8;
	struct pb_beam_image beam;
};

#define PB_RUNTIME_IMAGES 2048

struct pb_unwind_range {
	__u64 start;
	__u64 base;  /* address that rows count from */
	__u32 size;  /* of the range in bytes */
	__u32 first; /* row */
	__u32 n;     /* rows; 0: there is no unwind information: rbp is followed */
	__u16 chunk;
	__u16 mark; /* enum pb_runtime: of code without rows */
};

/* As struct cfi_rule, with registers by their places in struct pt_regs. */
struct pb_unwind_rule {
	__u8 base, reg, rbp, ra_reg;
	__s32 offset;
	__s16 add, rbp_words, rbx_words;
	__u8 mark; /* enum pb_runtime: whose frames begin in this code; PB_MARK_HOST */
	__u8 pad;
};

#define PB_MARK_HOST 0x80 /* code of a runtime's own object, which may be hidden */

struct pb_unwind_chunk {
	__u32 addr[PB_CHUNK_ROWS];
	__u16 rule[PB_CHUNK_ROWS];
};

struct pb_process {
	struct pb_header h;
	__u32 child;  /* fork: its PID */
	__s32 status; /* exit: as wait(2) gives it */
	__u64 addr;   /* mmap */
	char comm[PB_COMM_LEN];
	char file[PB_PATH_LEN]; /* exec */
};

#include "wire_plugin.h"
#include "wire_work.h"

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

/*
 * Calls of one thing; path_stats and syscall_stats hold one a CPU. Few fields are touched a call:
 * calls = the histogram's sum + untimed; self time = total_ns + folded_ns - child_ns.
 */
struct pb_call_stats {
	__u64 total_ns;  /* of timed calls that are no direct repetition of their caller's node */
	__u64 folded_ns; /* of those that are */
	__u64 child_ns;  /* of it, in traced callees */
	__u64 min_ns, max_ns;
	__u64 offcpu_ns;
	__u64 errors;
	__u64 untimed; /* ended calls whose beginning or end was not seen at its time */
	__u64 open, unwound;
	__u64 depth_max;   /* of direct repetition; 0: there was none */
	__u64 slow_ns;     /* the slowest recorded of the window below */
	__u32 slow_window; /* time_ns >> PB_WINDOW_SHIFT */
	__u32 failures;    /* of that window, sent as exemplars */
	__u64 hist[PB_HIST_BUCKETS];
};

/* A window of exemplars: 8.6 s. */
#define PB_WINDOW_SHIFT    33
#define PB_WINDOW_FAILURES 4 /* failed calls a path, CPU and window that travel whole */

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

/* What kind of thing `value` is. */
enum pb_error_kind {
	PB_ERROR_NONE = 0,
	PB_ERROR_RETURN,    /* a return value */
	PB_ERROR_ERRNO,     /* an errno, of a system call or kernel function that is a node */
	PB_ERROR_EXCEPTION, /* a C++ exception: an id of error_names */
	PB_ERROR_PANIC,     /* a Go or Rust panic */
	PB_ERROR_FOREIGN,   /* an exception of a language that we do not know */
	PB_ERROR_SIGNAL,    /* death by a signal: its number */
	PB_ERROR_GO,        /* a Go error: the address of the interface's type word (itab) */
	/* What happens inside a path without failing a call: */
	PB_ERROR_PYTHON, /* an exception was raised: an id of error_names */
};

/* path_errors: → how often */
struct pb_path_error_key {
	__s64 value;
	__u32 path, kind; /* enum pb_error_kind */
};

#define PB_NAME_LEN 56
#define PB_WHAT_LEN 72

/* error_names: types of exceptions → id and an example. */
struct pb_error_name {
	char type[PB_NAME_LEN];
	__u32 kind, pad;
};

struct pb_error_text {
	__u32 id, pad;
	char what[PB_WHAT_LEN]; /* what() of the first, "" */
};

/* What makes a return value an error; nodes: node id → */
enum pb_pred {
	PB_PRED_NONE = 0,
	PB_PRED_LT,
	PB_PRED_EQ,
	PB_PRED_NE,
	PB_PRED_ERR_PTR = 5, /* a kernel pointer: NULL or -errno */
};

struct pb_node {
	__s64 value;
	__u8 pred, width; /* width of the return value in bytes: 4 or 8 */
	__u8 reg;         /* which of Go's result registers; 0: the first, rax */
	__u8 kind;        /* enum pb_error_kind of its errors */
	__u32 args;       /* key of node_args: what is recorded; 0: nothing */
	/* An entry of a plugin: its index + 1, and where its code lies: from so far before the
	 * probe. */
	__u32 plugin, before, size;
	__u16 later; /* its probes have PB_COOKIE_LATER; others are being removed */
	__u8 inner;  /* probed for moments: it is never the outermost of the traced ones */
	__u8 named;  /* by a SPEC, or chosen: all its calls are spans */
};

/* Where an argument lies when a probe fires. */
enum pb_arg_place { PB_ARG_REG, PB_ARG_MEMORY, PB_ARG_CONST };

/* Whose string it is. */
enum pb_string { PB_STRING_NONE, PB_STRING_USER, PB_STRING_ANY };

#define PB_ARGS_MAX 6

struct pb_arg {
	__s64 value;     /* PB_ARG_MEMORY: displacement; PB_ARG_CONST: itself */
	__u8 place;      /* enum pb_arg_place */
	__u8 reg, index; /* offset in struct pt_regs / 8; index 255: none */
	__u8 shift;      /* of index */
	__s8 size;       /* ±1, ±2, ±4, ±8: bytes, negative: signed */
	__u8 is_string;  /* enum pb_string: it points to one */
	__u8 pad[2];
};

struct pb_args {
	__u32 n, pad;
	struct pb_arg arg[PB_ARGS_MAX];
};

/*
 * A recorded trace of a root span: its slices, parents before children. Sent up to the last slice.
 */
enum pb_slice_kind { PB_SLICE_SPAN, PB_SLICE_SYSCALL, PB_SLICE_OFFCPU, PB_SLICE_POINT };

#define PB_SLICES_MAX     128
#define PB_TIMELINES      128 /* roots that are recorded at the same time */
#define PB_ARG_STRING_LEN 64
#define PB_ARG_BYTES      1024

struct pb_slice {
	__u64 start_ns, end_ns; /* end 0: open */
	__s64 value;            /* of the error */
	__u32 what;             /* path, system call number, enum pb_offcpu_why, node */
	__u16 args, args_len;   /* bytes in pb_timeline.args; length 0: none */
	__u8 parent;            /* index; the root's is 255 */
	__u8 kind;              /* enum pb_slice_kind */
	__u8 error;             /* enum pb_error_kind */
	__u8 pad[5];
};

enum pb_why { PB_WHY_SLOW = 1, PB_WHY_FAILED = 2, PB_WHY_SAMPLED = 4, PB_WHY_LINKED = 8 };
enum pb_cause { PB_CAUSE_NONE, PB_CAUSE_WAKEUP, PB_CAUSE_CLONE };

struct pb_timeline {
	struct pb_header h;
	char comm[PB_COMM_LEN]; /* of the thread */
	__u64 cause_ns;         /* when another thread woke or made this one */
	__u64 cause_root_ns;    /* when that thread's root span had begun */
	__u32 cause_tid;
	__u32 path; /* that it is an example of */
	__u32 n;    /* slices */
	__u32 lost; /* slices for which there was no room */
	__u16 args_len;
	__u8 cause; /* enum pb_cause */
	__u8 why;   /* enum pb_why, or-ed */
	__u8 pad[4];
	char args[PB_ARG_BYTES]; /* values: 8 bytes each, or a string of PB_ARG_STRING_LEN */
	struct pb_slice slices[PB_SLICES_MAX];
};

/*
 * Cookies of function probes: the node id in the lower half, and
 */
#define PB_COOKIE_SITE     (1ULL << 32) /* where the function ends: the return address is there */
#define PB_COOKIE_NO_VALUE (1ULL << 33) /* a tail jump: the return register says nothing yet */
/* The same bit of an entry: probed for moments only. */
#define PB_COOKIE_WINDOW   (1ULL << 33)
#define PB_COOKIE_SITES    (1ULL << 34) /* its entry: its ends are seen by such sites */
#define PB_COOKIE_RESTARTS (1ULL << 35) /* its beginning may run again within a call */
#define PB_COOKIE_LATER    (1ULL << 36) /* of a plugin: see pb_node.later */
#define PB_COOKIE_CLASS    37           /* shift: what a call costs: key of guard_costs */
#define PB_COOKIE_MOVED    40           /* shift: bytes that rsp lies below its value at entry */
#define PB_COOKIE_ARGS     40           /* shift: of a static probe: key of node_args */

/*
 * Classes of function probes by what a call costs: a bit for an entry that is single-stepped, and
 * above it how the return is seen.
 */
#define PB_COST_STEPPED       1
#define PB_COST_RETURN_PROBE  2
#define PB_COST_SITE_STEPPED  4
#define PB_COST_SITE_EMULATED 6
#define PB_COST_CLASSES       8

#define PB_NODES_MAX       16384
#define PB_HIT_STRIPES_MAX 16

/* counters: one a CPU */
enum pb_counter {
	PB_COUNT_FIRED,   /* timer ticks */
	PB_COUNT_OTHER,   /* of them, outside the targets */
	PB_COUNT_SAMPLES, /* of them, sent */
	PB_LOST_SAMPLES,  /* ring full */
	PB_LOST_EVENTS,
	PB_LOST_STACKS,          /* stack table or aggregate full */
	PB_LOST_PATHS,           /* path or error tables full */
	PB_LOST_SPANS,           /* deeper than PB_SPAN_DEPTH, or no room for a goroutine */
	PB_MISSED_RETURNS,       /* a return without its entry */
	PB_LOST_THREADS,         /* no memory for a thread's state */
	PB_LOST_TIMELINES,       /* ring full */
	PB_COUNT_SYSCALLS,       /* of the targets, that were seen to end */
	PB_COUNT_SWITCHES,       /* of the targets, off a CPU and on again: two each time */
	PB_COUNT_SYSCALL_STACKS, /* taken at these */
	PB_COUNT_SWITCH_STACKS,
	PB_COUNTERS
};

#include "wire_live.h"

_Static_assert(sizeof(struct pb_header) == 24, "pb_header");
_Static_assert(sizeof(struct pb_stack) == 24 + 8 + 8 + 16 + 16 + 8 * PB_TOP_WORDS + 8 + 8 * 2176,
	       "pb_stack");
_Static_assert(PB_UNWIND_RANGES <= 1 << 16, "a range's number fits 16 bits");
_Static_assert(sizeof(struct pb_unwind_image) == 24, "pb_unwind_image");
_Static_assert(sizeof(struct pb_unwind_range) == 32, "pb_unwind_range");
_Static_assert(sizeof(union pb_runtime_image) == 256, "pb_runtime_image");
_Static_assert(sizeof(struct pb_unwind_rule) == 16, "pb_unwind_rule");
_Static_assert(sizeof(struct pb_unwind_chunk) == 6 * PB_CHUNK_ROWS, "pb_unwind_chunk");
_Static_assert(sizeof(struct pb_process) == 24 + 16 + 16 + 256, "pb_process");
_Static_assert(sizeof(struct pb_config) == 72, "pb_config");
_Static_assert(sizeof(struct pb_target_stats) == 72, "pb_target_stats");
_Static_assert(sizeof(struct pb_offcpu_key) == 16, "pb_offcpu_key");
_Static_assert(sizeof(struct pb_call_stats) == 104 + 8 * PB_HIST_BUCKETS, "pb_call_stats");
_Static_assert(sizeof(struct pb_path_error_key) == 16, "pb_path_error_key");
_Static_assert(sizeof(struct pb_error_name) == 64, "pb_error_name");
_Static_assert(sizeof(struct pb_arg) == 16, "pb_arg");
_Static_assert(sizeof(struct pb_slice) == 40, "pb_slice");
_Static_assert(sizeof(struct pb_timeline) == 80 + PB_ARG_BYTES + 40 * PB_SLICES_MAX, "pb_timeline");
_Static_assert(sizeof(struct pb_syscall_stack_key) == 24, "pb_syscall_stack_key");
_Static_assert(sizeof(struct pb_node) == 32, "pb_node");
