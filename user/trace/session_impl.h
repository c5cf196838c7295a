/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of a session share: see session.h. Nobody else includes this. */
#pragma once

#include <linux/types.h>

#include "bpf/wire.h"
#include "lib/vec.h"
#include "pathbpf.skel.h"
#include "trace/session.h"
#include "trace/uprobe.h"

struct allocs;
struct costs;
struct governor;
struct hits;
struct kprobes;
struct loaders;
struct ring_buffer;
struct sampler;
struct textwatch;
struct trap_trial;
struct unwinder;
struct windows;

struct session {
	struct session_options opt;
	struct plan *plan;
	struct collect *collect;
	struct pathbpf *skel;
	struct ring_buffer *ring;
	uint64_t drain_until_ns; /* a turn takes no more of it from then on */
	struct sampler *sampler;
	struct hits *hits; /* NULL: no functions are traced */
	struct costs *costs;
	struct governor *governor;
	struct trap_trial *trial; /* a child on which traps are measured; NULL: that is over */
	bool traps_known;
	VEC(struct governed_node) governed;
	uint64_t auto_next_ns, auto_wait_ns; /* when functions are chosen next */
	struct uprobes *uprobes;
	bool unwinds;            /* stacks are walked by unwind tables */
	struct kprobes *kprobes; /* NULL: no kernel functions are asked for, or can be had */
	struct windows *windows; /* NULL: without */
	struct loaders *loaders; /* NULL: no plugins are looked for */
	struct allocs *allocs;   /* calls of allocators in plugins; NULL: as above */
	struct textwatch *watch;
	struct unwinder *unwinder;
	uint64_t begin_ns, end_ns;
	struct gate_time began, ended; /* the same by the clocks of the targets */
	uint64_t allocs_tick_ns;       /* when the cost of allocations' probes was looked at */
	uint32_t hot_paths;            /* paths below this number are in path_stats_hot */
	uint32_t paths_made;           /* entries of path_stats: for paths 1 … paths_made */
	uint64_t gap_ns;               /* without function probes, while they were attached anew */
	uint64_t paused_at_ns;         /* since when nothing is attached; 0: it is not paused */
	uint64_t paused_ns;            /* in all pauses before */
	uint32_t pauses;
	VEC(struct session_missing) missing;
	bool stopped;
};

void session_add_missing(struct session *s, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* session_setup.c: before load, everything that the programs and maps shall be. */
struct uprobe_programs session_programs(const struct pathbpf *skel);
void session_configure(struct session *s);
void session_configure_kernel(struct session *s);

/* session_maps.c: what the programs read from maps. 0 or a negative errno. */
int session_set_targets(struct session *s);
int session_set_nodes(struct session *s);
/* Nodes from `first` on only. */
int session_set_nodes_from(struct session *s, size_t first);
int session_set_timelines(struct session *s);
/* Makes statistics of paths that may come up next. */
void session_make_paths(struct session *s);

/* session.c: attaches what can be attached and is not yet. */
int session_attach_functions(struct session *s);
/* Removes all probes on files. */
void session_detach_objects(struct session *s);

/* session.c: at the end, what has no unwind table. */
void session_tell_left_out(struct session *s);
/* All but function probes and loaders. 0 or a negative errno: of the scheduler's tracepoints. */
int session_attach_events(struct session *s);
/* Tells BPF's unwinder of what is new. */
void session_update_unwinder(struct session *s);

/* session_plugins.c */
/* Looks for the loaders, before processes are listed. 0 or a negative errno. */
int session_plugins_open(struct session *s);
/* The trace begins: plugins that are there are probed. */
int session_plugins_begin(struct session *s);
/* Records were taken: probes what came, leaves alone what went, or costs too much. */
int session_plugins_update(struct session *s);

/* session_governor.c */
/* Attaches the tracepoints of system calls, or detaches them. 0 or a negative errno. */
int session_set_syscalls(void *arg, bool open);
/* Before anything is attached. 0 or a negative errno. */
int session_govern_prepare(struct session *s);
/* Before functions are probed: from now on nothing costs more than it may. */
int session_govern_begin(struct session *s);
/* All is attached: measures what traps cost. */
void session_govern_measure(struct session *s);
/* Nodes that are about to be attached; those that were not, after all. */
void session_govern_nodes(struct session *s);
void session_govern_refused(struct session *s);
/* Every 100 ms: does what the governor wants. 0 or a negative errno. */
int session_govern_tick(struct session *s);

/* session_auto.c */
/* Every 100 ms: chooses functions when it is time. 0 or a negative errno. */
int session_auto_tick(struct session *s);
