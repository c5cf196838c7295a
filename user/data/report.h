/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model: what one trace found out, with every name resolved. trace/ fills it, view/ renders
 * it; it does no I/O, reads no clock and knows nothing of the kernel. Everything is an index into
 * one of its arrays; every string belongs to `strings`.
 *
 * Times are nanoseconds (_ns); sizes are bytes. All counts are exact unless said otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "data/hist.h"
#include "data/plugin.h"
#include "lib/buf.h"
#include "lib/strpool.h"
#include "lib/table.h"
#include "lib/text.h"
#include "lib/vec.h"

#define REPORT_NONE UINT32_MAX

enum frame_kind {
	FRAME_USER,        /* native code of the process */
	FRAME_KERNEL,      /* [k] */
	FRAME_INLINED,     /* [i]: no frame of its own, known from debug information */
	FRAME_INTERPRETED, /* [p]: Python, JavaScript, … */
	FRAME_TRUNCATED,   /* the mark "[truncated]" where frames are missing: mostly at the root */
};

/* Whose language runtime a frame belongs to: one that it runs, or native code of its own making. */
enum language {
	LANGUAGE_NATIVE, /* none, or one that is not known */
	LANGUAGE_PYTHON,
	LANGUAGE_JAVASCRIPT,
	LANGUAGE_ERLANG,
};

/* A mapped file, or "[kernel]", "[vdso]"; known by device, inode and build ID where it was read. */
struct object {
	const char *path;     /* as the target sees it */
	const char *name;     /* its last component */
	const char *build_id; /* hex, or NULL */
};

struct frame {
	enum frame_kind kind;
	uint32_t object;  /* or REPORT_NONE: an address outside every mapping */
	uint64_t offset;  /* file offset in the object; an address for the kernel */
	const char *name; /* NULL: no symbol */
	const char *file; /* source file, or NULL */
	uint32_t line;    /* 0: unknown */
	enum language language;
	/* Without a symbol: the file offset where its function begins, by the unwind tables; 0: not
	 * known. */
	uint64_t start;
};

/* Frames from root to leaf, without the process name; an incomplete one has a FRAME_TRUNCATED. */
struct stack {
	const uint32_t *frames; /* indices into report.frames; owned by the report */
	uint32_t n;
	bool truncated;
};

enum target_end { TARGET_RUNS, TARGET_EXITED, TARGET_KILLED };

struct target {
	uint32_t pid, ppid; /* as seen where pathbpf runs */
	const char *comm;   /* process name: the first frame of its stacks */
	const char *exe;    /* path, or NULL */
	enum target_end end;
	int end_value;         /* exit code or signal number */
	uint32_t threads_seen; /* during the trace */
	/* The kernel's own accounting of all its threads between attach and detach: */
	uint64_t cpu_ns;     /* on a CPU */
	uint64_t runq_ns;    /* runnable, waiting for a CPU */
	uint64_t blocked_ns; /* off CPU, not runnable */
};

/* Why stacks are incomplete: by reason and by the last frame that is known. */
struct stack_cut {
	const char *why;    /* "its caller is kept where memory cannot be read" */
	uint32_t object;    /* of that frame, or REPORT_NONE */
	uint32_t frame;     /* or REPORT_NONE */
	uint64_t samples;   /* on the CPU */
	uint64_t offcpu_ns; /* time off it */
};

struct cpu_sample {
	uint32_t target, stack;
	uint64_t count;
};

enum offcpu_why { OFFCPU_BLOCKED, OFFCPU_PREEMPTED };

struct offcpu_sample {
	uint32_t target, stack;
	enum offcpu_why why;
	uint64_t count; /* estimated when stacks were sampled: see report.offcpu */
	uint64_t total_ns, max_ns;
};

enum node_kind {
	NODE_FUNCTION,
	NODE_KERNEL,
	NODE_USDT,
	NODE_SYSCALL,
	NODE_PYTHON, /* these are named "FUNCTION (FILE)" */
	NODE_JAVASCRIPT,
	NODE_ERLANG,
};

struct node {
	const char *name;
	uint32_t object; /* or REPORT_NONE */
	enum node_kind kind;
	uint64_t calls; /* finished ones */
};

struct error_count {
	const char *type; /* "EAGAIN", "ret=-1" */
	uint64_t count;
};

typedef VEC(struct error_count) error_count_vec;

/* Calls, times and errors of one thing: a path, a system call. */
struct call_stats {
	uint64_t calls, errors;                     /* finished calls */
	uint64_t total_ns, self_ns, min_ns, max_ns; /* min and max are 0 without a call */
	struct hist *hist;                          /* owned; NULL without a call */
	error_count_vec error_types;
	/*
	 * Looked at for this part of the time only, because all of it would have cost too much: the
	 * figures above are those of the observed calls, scaled up. 0: all the time; they are
	 * exact.
	 */
	double seen;
	uint64_t observed; /* then: calls that were counted */
};

/*
 * How well the times of a sampled path are known. Its time off the CPU needs no interval: it was
 * measured, not sampled (but see report.offcpu.stacks_taken).
 */
struct path_estimate {
	uint64_t samples;                 /* on the CPU, behind path.cpu_ns */
	double measured;                  /* part of the trace in which its calls were counted */
	uint64_t cpu_low_ns, cpu_high_ns; /* the 95 % interval of path.cpu_ns */
	/* Calls, where there is a basis for an estimate (nobody sets it yet): */
	bool has_calls;
	uint64_t calls;
	/* The loop that waits for work: what waiting costs on the CPU, and what is in no request.
	 */
	bool loop;
};

struct path {
	uint32_t parent; /* index of the caller's path, or REPORT_NONE for a root */
	uint32_t node;
	/*
	 * Not counted but estimated from stacks (analysis/sampled.h). stats holds total_ns and
	 * self_ns, has_cpu is true; everything else is not known and 0. Under a path that was
	 * counted, it is a part of that one's self_ns.
	 */
	bool sampled;
	struct path_estimate estimate;
	uint64_t open;    /* running when the trace ended */
	uint64_t unwound; /* of the calls, left without a return: longjmp, exception, thread exit */
	uint64_t untimed; /* of the calls, those whose time is not known: not in total and hist */
	uint32_t
	    depth_max; /* most direct repetitions of the node that were open at once; 1: none */
	bool has_cpu;  /* the next two are known */
	uint64_t cpu_ns, offcpu_ns;
	struct call_stats stats;
	/*
	 * What went wrong while it was the innermost path, whether or not a call failed of it:
	 * "openat ENOENT", "python ValueError", "signal SIGSEGV".
	 */
	error_count_vec inside;
};

/* Where threads waited for work, which is nobody's time: "aeMain > epoll_wait". */
struct idle {
	const char *where;
	uint64_t count; /* times they waited */
	uint64_t total_ns;
};

/* A kind of time of the targets, all threads together, and how much of it is under which paths. */
struct time_share {
	uint64_t all_ns;
	uint64_t named_ns;   /* under paths with a name in them, counted or sampled */
	uint64_t unnamed_ns; /* under sampled paths without */
};

struct syscall {
	const char *name;
	struct call_stats stats;
};

/* One system call as made by one path (exact); path REPORT_NONE: outside every span. */
struct syscall_path {
	uint32_t syscall, path;
	uint64_t calls, errors, total_ns;
};

/* Where system calls came from, by sampled stacks. */
struct syscall_sample {
	uint32_t syscall, target, stack;
	const char *error; /* errno name, or NULL: success */
	uint64_t count;    /* estimated */
};

enum slice_kind {
	SLICE_SPAN,    /* a call of a node */
	SLICE_SYSCALL, /* a system call */
	SLICE_OFFCPU,  /* the thread was off CPU */
	SLICE_INSTANT, /* a static probe, an exception: no duration */
};

/* A piece of a recorded trace. */
struct slice {
	enum slice_kind kind;
	const char *name; /* the node's, the system call's, "blocked" or "preempted", the event's */
	uint32_t parent;  /* index of the slice around it, or REPORT_NONE for the root */
	uint32_t path;    /* SLICE_SPAN: index into report.paths, else REPORT_NONE */
	uint64_t start_ns; /* since the trace began */
	uint64_t duration_ns;
	bool open;         /* had not ended when the record was made */
	const char *error; /* "ret=-1", "EAGAIN", "exception std::runtime_error"; NULL: none */
	const char *args;  /* "fd=3, name=\"x\"", or NULL */
};

/* Why a trace was kept. */
enum trace_why { TRACE_SLOW = 1, TRACE_FAILED = 2, TRACE_SAMPLED = 4, TRACE_LINKED = 8 };

/* One call of a root node on one thread, whole: an exemplar. */
struct trace {
	uint32_t pid, tid;
	const char *thread;       /* its name, or NULL */
	uint32_t why;             /* enum trace_why, or-ed */
	uint32_t path;            /* the path that it is the slowest or a failed example of */
	VEC(struct slice) slices; /* the root first, parents before children, by start */
	uint64_t slices_lost;     /* pieces for which there was no room */
	/* Another trace whose thread woke this one or created it, before it began: its work goes
	 * on. */
	uint32_t cause;         /* index into report.traces, or REPORT_NONE */
	uint64_t cause_ns;      /* when, since the trace began */
	const char *cause_kind; /* "wakeup", "clone"; NULL: no cause */
};

enum event_kind { EVENT_FORK, EVENT_EXEC, EVENT_EXIT, EVENT_MMAP };

/* Process lifecycle, oldest first. */
struct event {
	enum event_kind kind;
	uint64_t time_ns; /* since the trace began */
	uint32_t pid, tid;
	uint32_t value;   /* fork: the child's PID; exit: code; mmap: unused */
	int signal;       /* exit: fatal signal or 0 */
	const char *text; /* exec: file; mmap: object; or NULL */
};

struct named_why {
	const char *what, *why;
};

/* Everything was turned off for a while, or a part of it is tried again, or all is on. */
struct breaker_change {
	uint64_t time_ns;  /* since the trace began */
	const char *state; /* "open", "half-open", "closed" */
	const char *why;
};

struct unused {
	const char *name, *object; /* object may be NULL */
};

struct report {
	struct strpool strings;

	const char *version, *kernel, *arch;
	uint32_t cpus;
	uint64_t started_ns; /* wall clock, since the epoch */
	uint64_t duration_ns;
	uint64_t paused_ns;  /* of it, in which nothing was traced, on request */
	uint32_t pauses;     /* in so many pieces */
	const char *command; /* "pathbpf -p 123 …" as it was called */

	VEC(struct target) targets;
	VEC(struct object) objects;
	VEC(struct frame) frames;
	VEC(struct stack) stacks;
	struct table frame_index, stack_index, object_index; /* used by report_add_*() */

	bool has_cpu, has_offcpu, has_syscalls, has_spans; /* which signals were traced */

	struct {
		uint32_t frequency_hz;
		uint64_t samples;   /* of the targets, in `samples` below */
		uint64_t truncated; /* of them */
		uint64_t fired;     /* all timer ticks on all CPUs that the kernel delivered */
		uint64_t other;     /* of those, not in a target */
	} cpu;
	VEC(struct cpu_sample) cpu_samples;
	VEC(struct stack_cut) cuts; /* the most frequent first */

	struct {
		uint64_t total_ns;                 /* all off-CPU time of the targets, exact */
		uint64_t blocked_ns, preempted_ns; /* its parts */
		uint64_t truncated_ns;             /* of it, under incomplete stacks */
		uint64_t switches;                 /* times a target left a CPU */
		uint64_t stacks_taken; /* of them with a stack; fewer than switches: sampled */
		uint64_t min_ns;       /* shorter ones were left out on request; 0: none */
		uint64_t left_out_ns;  /* their sum */
	} offcpu;
	VEC(struct offcpu_sample) offcpu_samples;

	VEC(struct node) nodes;
	VEC(struct path) paths; /* a parent stands before its children */
	VEC(struct unused) unused;

	/*
	 * Paths are looked for in the stacks, too; what these add up to. Of the time off the CPU
	 * that is waiting for work stands apart: all time is cpu.all_ns + offcpu.all_ns +
	 * idle_ns, and what neither path has is attributed to none.
	 */
	bool paths_auto;
	struct {
		struct time_share cpu, offcpu;
		uint64_t idle_ns;
	} attributed;
	VEC(struct idle) idle; /* the longest first */

	VEC(struct trace) traces; /* by start */

	/* What was asked for by -t, all kinds together. */
	struct {
		uint64_t matched; /* functions that a SPEC names */
		uint64_t probed;  /* of them; the others are in `skipped` */
		uint64_t
		    emulated; /* of the probed, those at an instruction that the kernel emulates */
		uint64_t
		    sites; /* of the probed, those whose returns are seen without return probe */
	} coverage;

	VEC(struct syscall) syscalls;
	VEC(struct syscall_path) syscall_paths;
	VEC(struct syscall_sample) syscall_samples;

	VEC(struct event) events;

	bool has_plugins; /* they were looked for */
	plugin_vec plugins;
	plugin_event_vec plugin_events; /* by time; the latest ones */
	uint64_t plugin_events_dropped; /* older ones that made room */
	uint64_t plugin_timeout_ns;     /* of `timed_out`; 0: none */
	activity_vec activities;        /* by start; the latest windows */
	uint64_t window_ns;             /* their length; 0: there are none */
	uint64_t windows_from_ns;       /* when the oldest one began: older ones made room */
	struct limits limits;

	VEC(struct named_why) missing; /* signals that this kernel cannot give */
	VEC(struct named_why) skipped; /* functions that were asked for and not probed */
	VEC(const char *) notes; /* one-line remarks about quality, e.g. hidden kernel symbols */

	struct {
		/* Of the targets' CPU time: by system calls, switches and ticks; by function
		 * probes, as events × what one costs on this machine. */
		uint64_t bpf_ns, traps_ns;
		/* The cost of a function probe's trap, as measured here; all 0: it was not. */
		uint64_t trap_emulated_ns, trap_stepped_ns, trap_return_ns;
		uint64_t self_cpu_ns; /* CPU time of pathbpf itself */
		uint64_t self_rss;    /* bytes, peak */
		uint64_t bpf_memory;  /* bytes of BPF maps */
		uint64_t attach_ns;   /* from start to the last probe live */
		double target_pct;    /* bpf_ns and traps in per cent of the targets' CPU time */
		double budget_pct;
		VEC(struct named_why) detached;
		VEC(struct breaker_change) breaker; /* oldest first */
	} overhead;

	struct {
		uint64_t samples, spans, events, paths, stacks;
	} lost;
};

/* An empty report on the heap, with LIMITS_DEFAULT; or NULL. */
struct report *report_new(void);
void report_free(struct report *r);

/* How long was really traced. */
static inline uint64_t report_traced_ns(const struct report *r)
{
	return r->duration_ns > r->paused_ns ? r->duration_ns - r->paused_ns : 0;
}

/* Interned text; see strpool_add(). */
const char *report_str(struct report *r, const char *s);

/*
 * These intern: the same content gives the same index. They return REPORT_NONE when out of
 * memory. Strings are copied.
 */
uint32_t report_add_object(struct report *r, const char *path, const char *build_id);
uint32_t report_add_frame(struct report *r, const struct frame *f);
uint32_t report_add_stack(struct report *r, const uint32_t *frames, uint32_t n);

/* Adds to the count of an error type, entering it when new; 0 or -ENOMEM. */
int error_counts_add(struct report *r, error_count_vec *v, const char *type, uint64_t count);

/* Scales up what was seen in a part of the time; see call_stats.seen. 0 < seen < 1. */
void call_stats_scale(struct call_stats *s, double seen);

/* A name of the target without what separates frames in a folded line. */
void name_format(struct buf *b, const char *name);
/*
 * A frame as the folded format writes it: NAME, NAME_[k], NAME_[i], NAME (FILE)_[p],
 * [object+0xOFFSET], [unknown], [truncated]. Bytes that would break the format (';', control
 * characters) are replaced.
 */
void frame_format(struct buf *b, const struct report *r, uint32_t frame);
/* A target's process name as the first frame of a stack; "[unknown]" when it has none. */
void comm_format(struct buf *b, const struct report *r, uint32_t target);
/* "COMM;root;…;leaf"; "COMM;[unknown]" for a stack without frames. */
void stack_format(struct buf *b, const struct report *r, uint32_t target, uint32_t stack);
/* "a;b;c": a path's node names from root to leaf, joined by sep. */
void path_format(struct buf *b, const struct report *r, uint32_t path, const char *sep);
/* Depth of a path: 1 for a root. */
uint32_t path_depth(const struct report *r, uint32_t path);

/* "SIGSEGV" for 11, "SIG42" for unknown ones: static or in buf (16 bytes at least). */
const char *signal_name(int sig, char buf[16]);
