/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The targets' plugins: objects that their dynamic loader brought in at run time. Knows, of each
 * process, which objects the program itself consists of and which came later; turns the records of
 * bpf/loader.bpf.c into loads, unloads and errors. Times are CLOCK_MONOTONIC.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/plugin.h"
#include "lib/cleanup.h"

struct collect;
struct plugins;
struct process;

struct plugins_options {
	const char *const *globs; /* see glob_lists_match(): of paths or file names; n 0: all */
	size_t globs_n;
	uint32_t max_events;
	uint64_t timeout_ns;     /* executions that take longer are counted; 0: none */
	bool calls;              /* each execution is an event; otherwise those that failed */
	double max_overhead_pct; /* entries that cost the targets more are detached */
	/*
	 * Called for each event as it happens; NULL: nobody cares. The plugin is NULL if there is
	 * none; the event's indices of stacks and targets are REPORT_NONE, its time is since the
	 * trace began. Both are valid during the call.
	 */
	void (*on_event)(const struct plugin_event *e, const struct plugin *plugin, void *arg);
	void *arg;
};

#define PLUGIN_EVENTS_DEFAULT 10000

/* 0 or -ENOMEM; opt is copied, its globs must outlive the plugins. */
int plugins_new(const struct plugins_options *opt, struct plugins **ret);
void plugins_free(struct plugins *p);
DEFINE_CLEANUP(struct plugins *, plugins_free)

/* See the option of that name. NULL-safe. */
void plugins_set_max_overhead(struct plugins *p, double pct);
/* The trace begins: what the processes have loaded by now was there before. NULL-safe. */
void plugins_begin(struct plugins *p, struct collect *c, uint64_t now_ns);
/* A record PB_PLUGIN_…; false: it is broken. NULL-safe. */
bool plugins_record(struct plugins *p, struct collect *c, const void *data, size_t size);
/* What happens to processes, after the collection has heard of it. NULL-safe. */
void plugins_forked(struct plugins *p, uint32_t parent, uint32_t child, uint64_t time_ns);
void plugins_executed(struct plugins *p, uint32_t pid, uint64_t time_ns);
void plugins_ended(struct plugins *p, uint32_t pid, uint64_t time_ns);
/* The trace has ended: sums up. NULL-safe. */
void plugins_end(struct plugins *p, uint64_t now_ns);
