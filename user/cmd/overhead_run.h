/* SPDX-License-Identifier: GPL-2.0-only */
/* The experiment of `overhead`: blocks with and without the tracer, in turn. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/workblocks.h"
#include "cmd/overhead_options.h"
#include "cmd/tracer.h"
#include "target/proc.h"
#include "trace/work_units.h"

struct work_meter;

struct overhead_run {
	const struct overhead_options *opt;
	struct work_meter *meter;
	struct work_reading reading;
	struct tracer tracer;
	int signals; /* readable when the user asks for the end */
	uint64_t seed;
	pid_vec members; /* processes of the target that live, as of the last sample */

	work_pair_vec pairs;
	work_change_vec changes;
	uint64_t began_ns, ended_ns, block_ns, settle_ns;
	bool interrupted; /* by the user */
	bool target_gone; /* before the time was over */
};

/* Takes over Ctrl-C and its kin. 0 or a negative errno. */
int overhead_run_init(struct overhead_run *r, const struct overhead_options *opt);
void overhead_run_done(struct overhead_run *r);
/*
 * Runs until the time is over, the user asks for the end, or the target has ended. The meter must
 * be open. Returns -1 to go on with what there is, or the exit status after an error, which has
 * been reported.
 */
int overhead_run(struct overhead_run *r);
