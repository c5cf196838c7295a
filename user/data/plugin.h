/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plugins in the model: objects that the dynamic loader brought in at run time, what became of
 * them, and what they did. Strings belong to the report; times are nanoseconds, of events since
 * the trace began; sizes are bytes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"

/* error_counts_add() and struct call_stats: data/report.h, which includes this. */

enum plugin_state { PLUGIN_LOADED, PLUGIN_UNLOADED, PLUGIN_FAILED };

/*
 * One generation of a plugin over all targets: contents that changed under the same name (another
 * file, or build ID) are another one.
 */
struct plugin {
	const char *id;        /* file name; "name#2" for the second generation */
	const char *path;      /* as the target sees it */
	const char *build_id;  /* hex, or NULL */
	const char *needed_by; /* the id of the plugin that brought it along, or NULL */
	uint32_t object;       /* index into report.objects, or REPORT_NONE: it was never mapped */
	uint32_t generation;   /* 1, 2, … */
	enum plugin_state state;
	bool at_attach;             /* was loaded before the trace began */
	bool traced;                /* its executions are counted */
	uint32_t entries, unprobed; /* functions by which it is entered; those not counted */
	const char *untraced_why;   /* why it is not, or the first of the unprobed */
	uint64_t size;              /* of the file */

	uint64_t loads, load_errors, unloads; /* those that truly mapped, failed, truly unmapped */
	uint64_t reopens, closes;             /* that only counted references */
	uint64_t load_ns, load_max_ns;        /* sum and maximum of the loads' durations */
	uint64_t constructors_ns, destructors_ns; /* of these, in such functions */
	uint64_t gap_ns;    /* sum of times between being mapped and being probed */
	uint64_t waited_ns; /* sum of times that loads were held up for probing */

	struct call_stats *stats;   /* owned; executions: entries from outside. NULL: none */
	uint64_t ended;             /* executions, as the kernel counts them; stats.calls */
	uint64_t timed_out;         /* executions longer than the limit */
	uint64_t in_flight, peak;   /* executions open at the end of the trace; most at any time */
	uint64_t in_flight_ns;      /* how long the oldest of these has been running; 0: none */
	bool has_cpu;               /* the next two are known */
	uint64_t cpu_ns, offcpu_ns; /* while inside, of the outermost executions */
	uint64_t exceptions, crashes; /* executions that ended so; part of stats.errors */
	bool has_allocs;              /* the next two are known */
	uint64_t allocs, alloc_bytes; /* asked for by the plugin's own code, of any allocator */
	bool has_memory;              /* the next two are known */
	uint64_t mapped_bytes;        /* by mmap, mremap and brk while inside */
	uint64_t page_faults;         /* while inside */
	uint64_t samples;             /* CPU samples with a frame of it */

	uint64_t first_seen_ns, last_activity_ns;
	uint64_t up_ns;     /* how long it was loaded during the trace, summed over processes */
	uint64_t target_ns; /* how long these processes were traced: up_ns is a part of it */
};

enum plugin_event_kind { PLUGIN_LOAD, PLUGIN_EXECUTE, PLUGIN_ERROR, PLUGIN_UNLOAD };

enum plugin_during { PLUGIN_DURING_EXECUTION, PLUGIN_DURING_LOAD, PLUGIN_DURING_UNLOAD };

struct plugin_event {
	enum plugin_event_kind kind;
	uint32_t plugin;  /* index into report.plugins, or REPORT_NONE */
	uint64_t time_ns; /* when it began */
	uint32_t pid, tid;
	bool has_duration, failed;
	enum plugin_during during; /* PLUGIN_ERROR: what failed */
	uint64_t duration_ns;
	const char *name;  /* what was asked for, when no plugin came of it; or NULL */
	const char *error; /* the loader's own words, "exception std::runtime_error", …; or NULL */
	/* Metadata, each as far as it is known: */
	uint32_t stack;     /* who asked: index into report.stacks, or REPORT_NONE */
	uint32_t target;    /* of the stack's process: index into report.targets, or REPORT_NONE */
	int32_t flags;      /* of dlopen(), or -1 */
	const char *entry;  /* function that was executed, or NULL */
	const char *needed; /* names of dependencies that came along, comma-separated, or NULL */
	uint64_t constructors_ns, destructors_ns, waited_ns, gap_ns;
	bool at_attach, nodelete;
	/* PLUGIN_EXECUTE that stands for several, from time_ns on; 0 executions: for one. */
	uint64_t executions, failures, total_ns;
};

/*
 * What one thing did in one window of time; kept for plugins and for paths. Window k is from
 * report.windows_from_ns + k × report.window_ns to the next one, or to the trace's end; where
 * nothing ended there is no activity.
 */
struct activity {
	uint32_t plugin, path; /* one is an index, the other REPORT_NONE */
	uint64_t start_ns, end_ns;
	uint64_t calls, errors, total_ns; /* that ended in the window */
};

/* Limits by which findings are made; 0 turns a rule off. */
struct limits {
	double error_pct;      /* HIGH_ERROR_RATE: more than this share of calls failed */
	uint64_t slow_ns;      /* SLOW_EXECUTION: a call took longer */
	uint64_t memory_bytes; /* HIGH_MEMORY: asked for or mapped more */
	double cpu_pct;        /* HIGH_CPU: more than this share of the targets' CPU time */
	uint64_t failures;     /* UNRELIABLE: more failures */
	uint64_t min_calls;    /* of the most reliable: with fewer nothing is known */
	double trend_pct;      /* a change by more is a trend */
};

#define LIMITS_DEFAULT                                                                             \
	((struct limits){ .error_pct = 25,                                                         \
			  .slow_ns = 5000000000ULL,                                                \
			  .memory_bytes = 100ULL << 20,                                            \
			  .cpu_pct = 80,                                                           \
			  .failures = 100,                                                         \
			  .min_calls = 10,                                                         \
			  .trend_pct = 5 })

typedef VEC(struct plugin) plugin_vec;
typedef VEC(struct plugin_event) plugin_event_vec;
typedef VEC(struct activity) activity_vec;
