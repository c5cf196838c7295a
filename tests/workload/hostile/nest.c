/* SPDX-License-Identifier: GPL-2.0-only */
/* A hundred different functions inside of each other, nest_00 to nest_99: -n calls from -from on.
 */
#include "tally.h"

#define NEST(here, below)                                                                          \
	NOIPA uint64_t nest_##below(uint64_t n);                                                   \
	NOIPA uint64_t nest_##here(uint64_t n)                                                     \
	{                                                                                          \
		uint64_t ret;                                                                      \
                                                                                                   \
		tally_call("nest_" #here);                                                         \
		ret = nest_##below(n);                                                             \
		BARRIER();                                                                         \
		return ret + 1;                                                                    \
	}

/* clang-format off */
#define NEST_TEN(t, next)                                                                          \
	NEST(t##0, t##1) NEST(t##1, t##2) NEST(t##2, t##3) NEST(t##3, t##4) NEST(t##4, t##5)       \
	NEST(t##5, t##6) NEST(t##6, t##7) NEST(t##7, t##8) NEST(t##8, t##9) NEST(t##9, next##0)

NEST_TEN(0, 1) NEST_TEN(1, 2) NEST_TEN(2, 3) NEST_TEN(3, 4) NEST_TEN(4, 5)
NEST_TEN(5, 6) NEST_TEN(6, 7) NEST_TEN(7, 8) NEST_TEN(8, 9) NEST_TEN(9, end)
    /* clang-format on */

    NOIPA uint64_t nest_end0(uint64_t n)
{
	tally_call("nest_end0");
	return n;
}

int main(int argc, char **argv)
{
	uint64_t (*const begins[])(uint64_t) = { nest_00, nest_40, nest_70 };
	uint64_t rounds = workload_option(argc, argv, "-n", 50);
	uint64_t from = workload_option(argc, argv, "-from", 0), sum = 0;

	if (from > 2)
		workload_die("-from");
	tally_init();
	workload_ready();
	for (uint64_t n = 0; n < rounds; n++)
		sum += begins[from](n);
	tally_print(",\"sum\":%lu", sum);
	workload_end();
	return 0;
}
