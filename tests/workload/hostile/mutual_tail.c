/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tail calls that the compiler (clang) must make: even_t() and odd_t() jump to each other for 0 to
 * 20 rounds, and once for -d; three_a/b/c() in a ring; a jump by pointer, and one that is taken
 * in every second call only.
 */
#include "tally.h"

#define TAIL __attribute__((musttail)) return
#undef NOIPA
#define NOIPA __attribute__((noinline))

static uint64_t sum;

NOIPA uint64_t odd_t(uint64_t n);

NOIPA uint64_t even_t(uint64_t n)
{
	tally_call("even_t");
	if (!n)
		return 1;
	TAIL odd_t(n - 1);
}

NOIPA uint64_t odd_t(uint64_t n)
{
	tally_call("odd_t");
	if (!n)
		return 0;
	TAIL even_t(n - 1);
}

NOIPA uint64_t three_a(uint64_t n);

NOIPA uint64_t three_c(uint64_t n)
{
	tally_call("three_c");
	if (n < 3)
		return n;
	TAIL three_a(n - 3);
}

NOIPA uint64_t three_b(uint64_t n)
{
	tally_call("three_b");
	TAIL three_c(n);
}

NOIPA uint64_t three_a(uint64_t n)
{
	tally_call("three_a");
	TAIL three_b(n);
}

static uint64_t (*volatile target)(uint64_t) = three_b;

NOIPA uint64_t by_pointer(uint64_t n)
{
	tally_call("by_pointer");
	TAIL target(n);
}

NOIPA uint64_t sometimes(uint64_t n)
{
	tally_call("sometimes");
	if (n & 1)
		return n * 3;
	TAIL even_t(n % 4);
}

NOIPA uint64_t caller(uint64_t n)
{
	uint64_t ret;

	tally_call("caller");
	ret = even_t(n % 21) + three_a(n % 21) + by_pointer(n % 21) + sometimes(n);
	BARRIER();
	return ret;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 500);
	uint64_t depth = workload_option(argc, argv, "-d", 0);

	tally_init();
	workload_ready();
	for (uint64_t n = 0; n < rounds; n++)
		sum += caller(n);
	if (depth)
		sum += even_t(depth);
	tally_print(",\"sum\":%lu", sum);
	workload_end();
	return 0;
}
