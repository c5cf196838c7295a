/* SPDX-License-Identifier: GPL-2.0-only */
/* What follows from a plugin's counts: worked out here once for every view. */
#pragma once

#include <stdint.h>

#include "data/report.h"

/* Times are ns, 0 where there was no execution (no load); shares are per cent, NAN of nothing. */
struct plugin_metrics {
	uint64_t executions, ok, failed; /* finished ones: failed and ok make up executions */
	uint64_t failures;               /* failed executions and failed loads */
	uint64_t total_ns, average_ns, min_ns, p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
	uint64_t longest_ns; /* max_ns, or that of an execution which has not ended */
	uint64_t load_average_ns;
	uint64_t memory_bytes; /* the larger of asked for and mapped: malloc() maps, too */
	double error_pct, success_pct;
	double cpu_pct;    /* of the targets' CPU time, while inside; NAN: not known */
	double sample_pct; /* of the CPU samples, those with a frame of it */
	double uptime_pct; /* of the time that processes which had it were traced */
};

void plugin_metrics(const struct report *r, const struct plugin *p, struct plugin_metrics *ret);

/* CPU time of all targets during the trace, in ns. */
double targets_cpu_ns(const struct report *r);

/* "loaded", "unloaded", "failed". */
const char *plugin_state_name(enum plugin_state state);
/* "plugin_load", "plugin_execute", "plugin_error", "plugin_unload". */
const char *plugin_event_name(enum plugin_event_kind kind);
/* What an event is about: a plugin's id, or the name that was asked for. */
const char *plugin_event_subject(const struct report *r, const struct plugin_event *e);
/* Was it a load that came to nothing? */
bool plugin_event_is_failed_load(const struct plugin_event *e);
