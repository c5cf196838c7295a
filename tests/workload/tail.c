/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tail calls (compiled with -O2): tail_first() jumps to tail_second(), which jumps to
 * tail_third(); only the last one returns, to the caller of the first. tail_maybe() jumps away in
 * every second call only. -n rounds.
 */
#include "common.h"

NOIPA long tail_third(long n)
{
	BARRIER();
	return n % 7 ? n : -1;
}

NOIPA long tail_second(long n)
{
	BARRIER();
	return tail_third(n + 1);
}

NOIPA long tail_first(long n)
{
	BARRIER();
	return tail_second(n + 1);
}

/* Two ways out: a jump away, or a return of its own. */
NOIPA long tail_maybe(long n)
{
	BARRIER();
	if (n % 2)
		return tail_third(n);
	return n;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 2000), failed = 0;

	workload_ready();
	for (uint64_t n = 0; n < rounds; n++) {
		failed += tail_first((long)n) < 0;
		tail_maybe((long)n);
	}
	workload_truth("{\"calls\":%lu,\"failed\":%lu}", rounds, failed);
	workload_end();
	return 0;
}
