/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compiled with frame pointers and without unwind information. But the compiler leaves the frame
 * pointer out of leafless_leaf(), which calls nobody: rbp is leafless_caller()'s there, whom a walk
 * by rbp misses.
 */
#include "common.h"

NOIPA uint64_t leafless_leaf(uint64_t turns)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < turns; i++) {
		n += i ^ n >> 3;
		BARRIER();
	}
	return n;
}

NOIPA uint64_t leafless_caller(uint64_t turns)
{
	uint64_t n = leafless_leaf(turns);

	BARRIER();
	return n + 1;
}

int main(int argc, char **argv)
{
	uint64_t ms = workload_option(argc, argv, "-s", 500), n = 0, end;

	workload_ready();
	end = workload_cpu_ns() + ms * 1000000;
	while (workload_cpu_ns() < end)
		n += leafless_caller(200000);
	workload_truth("{\"n\":%lu}", n);
	workload_end();
	return 0;
}
