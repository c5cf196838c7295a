/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recursion to -d, -n times each: direct (dive_d), mutual (ping_m, pong_m), and direct with a
 * longjmp() from the bottom to the top (fall_f). plain_after() follows each.
 */
#include "tally.h"

#include <setjmp.h>

static jmp_buf top;
static volatile int falls = 1; /* always: the compiler need not know */

NOIPA uint64_t dive_d(uint64_t depth)
{
	uint64_t below;

	tally_call("dive_d");
	below = depth > 1 ? dive_d(depth - 1) : 0;
	BARRIER();
	return below + 1;
}

NOIPA uint64_t pong_m(uint64_t depth);

NOIPA uint64_t ping_m(uint64_t depth)
{
	uint64_t below;

	tally_call("ping_m");
	below = depth > 1 ? pong_m(depth - 1) : 0;
	BARRIER();
	return below + 1;
}

NOIPA uint64_t pong_m(uint64_t depth)
{
	uint64_t below;

	tally_call("pong_m");
	below = depth > 1 ? ping_m(depth - 1) : 0;
	BARRIER();
	return below + 1;
}

NOIPA uint64_t fall_f(uint64_t depth)
{
	uint64_t below;

	tally_call("fall_f");
	tally_unwound("fall_f");
	if (depth <= 1)
		longjmp(top, 1);
	below = falls ? fall_f(depth - 1) : 0;
	BARRIER();
	return below + 1;
}

NOIPA uint64_t plain_after(uint64_t n)
{
	tally_call("plain_after");
	return n;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 2);
	uint64_t depth = workload_option(argc, argv, "-d", 10000);
	volatile uint64_t sum = 0;

	tally_init();
	workload_ready();
	for (volatile uint64_t n = 0; n < rounds; n++) {
		sum += dive_d(depth);
		plain_after(n);
		sum += ping_m(depth);
		plain_after(n);
		if (!setjmp(top))
			fall_f(depth);
		plain_after(n);
	}
	tally_print(",\"sum\":%lu,\"depth\":%lu", sum, depth);
	workload_end();
	return 0;
}
