/* SPDX-License-Identifier: GPL-2.0-only */
/* -n short threads, eight at a time, that call functions at once and end. */
#include "tally.h"

#include <pthread.h>

#define AT_A_TIME 8

NOIPA long storm_leaf(long n)
{
	tally_call("storm_leaf");
	return n & 1;
}

NOIPA long storm_top(long n)
{
	long sum;

	tally_call("storm_top");
	sum = storm_leaf(n) + storm_leaf(n + 1);
	BARRIER();
	return sum;
}

NOIPA void *storm_main(void *arg)
{
	tally_call("storm_main");
	return (void *)storm_top((long)arg);
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 3000), sum = 0;
	pthread_t threads[AT_A_TIME];

	tally_init();
	workload_ready();
	for (uint64_t i = 0; i < rounds + AT_A_TIME; i++) {
		void *ret;

		if (i >= AT_A_TIME) {
			pthread_join(threads[i % AT_A_TIME], &ret);
			sum += (uint64_t)ret;
		}
		if (i < rounds &&
		    pthread_create(&threads[i % AT_A_TIME], NULL, storm_main, (void *)i))
			workload_die("pthread_create");
	}
	tally_print(",\"sum\":%lu", sum);
	workload_end();
	return 0;
}
