/* SPDX-License-Identifier: GPL-2.0-only */
/* Pairs of blocks made by hand. */
#include "work_sample.h"

static struct work_block block(double send_ns)
{
	struct work_block b = { .wall_ns = 1000000000, .cpu_ns = (uint64_t)(1000 * send_ns) };

	b.units[WORK_SENDS] = 1000;
	b.units[WORK_RECEIVES] = 1000;
	b.units[WORK_CALLS] = 5000;
	b.units[WORK_SWITCHES] = 900;
	b.units[WORK_TIME] = b.wall_ns;
	return b;
}

struct work_pair work_sample_pair(size_t i, double more, double wobble)
{
	static const double steps[] = { 0.3, -0.8, 1, -0.2, 0.7, -1, 0.1, 0.5 };
	double send_ns = 100000 * (1 + wobble * steps[i % 8]);
	struct work_pair p = { .off = block(send_ns),
			       /* a little of the pair's own, so that there is an interval */
			       .on = block(send_ns * more * (1 + 0.001 * steps[(i + 3) % 8])),
			       .on_first = i % 2 };

	p.on.tracer_cpu_ns = 5000000;
	return p;
}
