/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tall stack without frame pointers: -d calls inside of each other, with work for -s milliseconds
 * of the thread's CPU time at the end of them.
 */
#include "common.h"

NOIPA uint64_t climb_top(uint64_t ms)
{
	uint64_t end = workload_cpu_ns() + ms * 1000000, n = 0;

	while (workload_cpu_ns() < end)
		n++;
	return n;
}

NOIPA uint64_t climb_step(uint64_t left, uint64_t ms)
{
	uint64_t n = left > 1 ? climb_step(left - 1, ms) : climb_top(ms);

	BARRIER();
	return n + left;
}

int main(int argc, char **argv)
{
	uint64_t depth = workload_option(argc, argv, "-d", 100);
	uint64_t ms = workload_option(argc, argv, "-s", 500);

	workload_ready();
	climb_step(depth, ms);
	workload_truth("{\"depth\":%lu}", depth);
	workload_end();
	return 0;
}
