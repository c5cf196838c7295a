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
struct kprobes;
struct loaders;
struct ring_buffer;
struct sampler;
struct selfcost;
struct textwatch;
struct unwinder;
struct windows;

struct session {
	struct session_options opt;
	struct plan *plan;
	struct collect *collect;
	struct pathbpf *skel;
	struct ring_buffer *ring;
	struct sampler *sampler;
	struct selfcost *selfcost;
	struct uprobes *uprobes;
	bool unwinds;            /* stacks are walked by unwind tables */
	struct kprobes *kprobes; /* NULL: no kernel functions are asked for, or can be had */
	struct windows *windows; /* NULL: without */
	struct loaders *loaders; /* NULL: no plugins are looked for */
	struct allocs *allocs;   /* calls of allocators in plugins; NULL: as above */
	struct textwatch *watch;
	struct unwinder *unwinder;
	uint64_t begin_ns, end_ns;
	struct plugin_budget *budget; /* of plugins' entries; NULL: none is probed yet */
	uint32_t hot_paths;           /* paths below this number are in path_stats_hot */
	uint32_t paths_made;          /* entries of path_stats: for paths 1 … paths_made */
	uint64_t gap_ns;              /* without function probes, while they were attached anew */
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

/* session_plugins.c */
struct plugin_budget;
/* Looks for the loaders, before processes are listed. 0 or a negative errno. */
int session_plugins_open(struct session *s);
/* The trace begins: plugins that are there are probed. */
int session_plugins_begin(struct session *s);
/* Records were taken: probes what came, leaves alone what went, or costs too much. */
int session_plugins_update(struct session *s);
