/* SPDX-License-Identifier: GPL-2.0-only */
/* What the meter's counts are as units of work. */
#pragma once

#include <stdbool.h>

#include "analysis/workblocks.h"
#include "trace/work.h"

/* How samples are read. */
struct work_reading {
	int named_nr; /* WORK_NAMED is this system call; -1: the meter's function */
	bool on_cpu;  /* CPU time is time on CPU, not the scheduler's account */
};

/* What happened between two samples; tracer_cpu_ns is left 0. */
struct work_block work_between(const struct work_sample *before, const struct work_sample *after,
			       const struct work_reading *how);
