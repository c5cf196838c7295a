/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of `overhead`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/workblocks.h"
#include "lib/parse.h"

struct overhead_options {
	u32_vec pids;
	const char *name_glob; /* NULL: none */
	bool no_follow;
	uint64_t duration_ns;
	uint64_t block_ns;       /* 0: by the duration */
	enum work_unit unit;     /* WORK_UNITS: chosen */
	int unit_nr;             /* WORK_NAMED: a system call; -1: a function */
	const char *function;    /* then: -t's words for it; else NULL */
	const char *unit_arg;    /* as given; NULL: chosen */
	double max_overhead_pct; /* NAN: none */
	bool has_seed;
	uint64_t seed;
	bool has_clock, on_cpu; /* CPU time is time on CPU; without has_clock the kernel decides */
	bool json;
	int verbosity;
	char **record; /* options for `record`, NULL-terminated */
	int record_n;
	char why[256]; /* of a setter that failed */
};

/* As record_options_parse(). */
int overhead_options_parse(struct overhead_options *o, int argc, char **argv);
void overhead_options_done(struct overhead_options *o);
