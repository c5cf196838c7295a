/* SPDX-License-Identifier: GPL-2.0-only */
/* What `pathbpf overhead` found, for people and for programs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/workblocks.h"

struct overhead_view {
	const char *version;
	const char *target;   /* "process 123 (redis-server)" */
	const char *record;   /* options of the traced runs; "" for none */
	const char *unit_arg; /* what the user named: "sys:futex", "path:f"; NULL: nothing */
	const work_pair_vec *pairs;
	const work_change_vec *changes;
	const struct work_costs *costs; /* with a unit */
	uint64_t duration_ns, block_ns, seed;
	double budget_pct; /* NAN: none */
	bool on_cpu;       /* CPU time is time on CPU: it has interrupts in it */
	bool function;     /* a function's calls are counted, by a probe */
	bool interrupted, target_gone;
	uint64_t lost; /* threads that were not counted */
};

/* 0 or -ENOMEM; whether it could be written is seen on the stream. */
int overhead_text(const struct overhead_view *v, FILE *out);
int overhead_json(const struct overhead_view *v, FILE *out);
