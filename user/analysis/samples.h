/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The report's samples on and off the CPU as one list, each with the time that it stands for.
 *
 * The kernel accounts the CPU time of every target exactly; samples divide it. So a sample on the
 * CPU is worth its program's CPU time divided by its program's samples (a ratio estimator), which
 * is about 1/frequency, more where ticks were missed: the kernel switches tasks with interrupts
 * off. Processes of one program are one stratum, so that those too short to be hit count, too. A
 * sample off the CPU has its own time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "data/report.h"

struct sample {
	uint32_t target, stack, program;
	bool offcpu;
	bool blocked; /* off the CPU, not ready to run */
	uint64_t count, ns;
};

/* Processes with one name and one executable. */
struct program {
	const char *comm, *exe;
	uint64_t cpu_ns;  /* of all of them */
	uint64_t samples; /* on the CPU */
};

struct samples {
	VEC(struct sample) v; /* on the CPU first; of each kind, in the report's order */
	VEC(struct program) programs;
	uint64_t cpu_ns, offcpu_ns; /* all time: also what no sample stands for */
};

/* Samples whose stack or target does not exist are left out. 0 or -ENOMEM, with nothing to release.
 */
int samples_init(struct samples *s, const struct report *r);
void samples_done(struct samples *s);
