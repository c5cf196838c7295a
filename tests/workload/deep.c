/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recursion deeper than the kernel keeps pending return probes for (64 a thread): -n ROUNDS of
 * -d calls inside of each other, with a plain call after each round.
 */
#include "common.h"

NOIPA uint64_t deep_d(uint64_t depth)
{
	uint64_t below = depth > 1 ? deep_d(depth - 1) : 0;

	BARRIER();
	return below + 1;
}

NOIPA uint64_t after_a(uint64_t n)
{
	BARRIER();
	return n;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 20);
	uint64_t depth = workload_option(argc, argv, "-d", 200), calls = 0;

	workload_ready();
	for (uint64_t i = 0; i < rounds; i++) {
		calls += deep_d(depth);
		after_a(i);
	}
	workload_truth("{\"rounds\":%lu,\"depth\":%lu,\"calls\":%lu}", rounds, depth, calls);
	workload_end();
	return 0;
}
