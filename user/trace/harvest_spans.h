/* SPDX-License-Identifier: GPL-2.0-only */
/* Nodes, paths and their errors: the kernel's statistics become the report's. */
#pragma once

#include <stdint.h>

struct collect;
struct error_names;
struct live_sums;
struct path_table;
struct pathbpf;
struct plan;
struct report;
struct resolver;

struct pb_call_stats;
struct call_stats;

/* What the harvest of spans needs at hand. */
struct span_harvest {
	struct session *session;
	struct pathbpf *skel;
	struct collect *collect;
	struct plan *plan;
	struct resolver *resolver;
	struct report *report;
	struct path_table *paths;
	struct error_names *errors;
	const struct live_sums *live; /* NULL unless it is a snapshot */
};

/* 0 or a negative errno. */
int harvest_spans(struct span_harvest *h);
/* Recorded traces. 0 or a negative errno. */
int harvest_traces(struct span_harvest *h, uint64_t begin_ns);
/*
 * Adds up the CPUs' shares: out gets calls, errors, times and a histogram (on the heap), *sum the
 * rest. 0 or -ENOMEM.
 */
int harvest_sum(const struct pb_call_stats *per_cpu, struct pb_call_stats *sum,
		struct call_stats *out);
