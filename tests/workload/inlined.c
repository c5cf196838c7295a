/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU time in functions that the compiler inlines: -s MILLISECONDS in order(), which contains
 * price(), which contains tax(), where all of the time goes. Compiled with -O2. The truth names
 * the line in tax() that runs, and those of the calls.
 */
#include "common.h"

#define INLINE static inline __attribute__((always_inline))

enum { LOOP = 16, TAX = 25, PRICE = 32 }; /* lines below */

INLINE uint64_t tax(uint64_t seed)
{
	/* One line: that of LOOP. */
	for (int i = 0; i < 100000; i++) { seed = seed * 6364136223846793005ull + 1; BARRIER(); }
	return seed;
}

/* Between them, so that lines differ by more than one. */

INLINE uint64_t price(uint64_t seed)
{
	seed += 3;
	return tax(seed) + 1; /* TAX */
}

static volatile uint64_t result;

NOIPA void order(void)
{
	result = price(result); /* PRICE */
	BARRIER();
}

int main(int argc, char **argv)
{
	uint64_t budget_ns = workload_option(argc, argv, "-s", 500) * 1000000;

	workload_ready();
	while (workload_thread_cpu_ns() < budget_ns)
		order();
	workload_truth("{\"loop\": %d, \"tax\": %d, \"price\": %d}", LOOP, TAX, PRICE);
	workload_end();
	return 0;
}
