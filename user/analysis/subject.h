/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A plugin or a path, as rules and lists see them: the same questions are asked of both. What is
 * not known of a path (memory, loads) is 0 there, and breaks no rule.
 */
#pragma once

#include "data/report.h"

struct subject {
	uint32_t plugin, path; /* one is an index, the other REPORT_NONE */
	uint64_t calls, errors;
	uint64_t load_errors, failures; /* failures: of calls and of loads */
	uint64_t longest_ns;            /* the longest call, ended or not */
	uint64_t running_ns;            /* where that has not ended: its time so far, else 0 */
	uint64_t average_ns;
	uint64_t memory_bytes;
	uint64_t cpu_ns, offcpu_ns;     /* 0 when not known */
	double error_pct;               /* NAN without calls */
	double cpu_pct;                 /* of the targets' CPU time; NAN: not known */
	bool cpu_by_samples;            /* that is a share of the CPU samples */
	const struct call_stats *stats; /* NULL: there were no calls */
};

void subject_of_plugin(const struct report *r, uint32_t plugin, struct subject *ret);
void subject_of_path(const struct report *r, uint32_t path, struct subject *ret);

/* Appends its name, cleaned: a plugin's id, or "a > b > c". */
void subject_format(struct buf *b, const struct report *r, uint32_t plugin, uint32_t path);
