/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two phases, for a tracer that is killed, comes late, leaves early, or stops the target. From
 * before "ready" two threads call free_top() as fast as they can, and one stands in held_inner();
 * "go" ends the load, and the held calls return. A line then starts -n exact rounds of
 * exact_top() in each of two threads, that flip their CPU when -flip is 1; then the truth.
 */
#include "tally.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_bool loaded = true;
static uint64_t rounds, flip;

NOIPA uint64_t free_leaf(uint64_t n)
{
	BARRIER();
	return n + 1;
}

NOIPA uint64_t free_top(uint64_t n)
{
	uint64_t ret = free_leaf(n) - free_leaf(n - 1);

	BARRIER();
	return ret;
}

NOIPA uint64_t exact_leaf(uint64_t n)
{
	tally_call("exact_leaf");
	return n + 1;
}

static void flip_cpu(uint64_t n)
{
	cpu_set_t set;

	if (!flip)
		return;
	CPU_ZERO(&set);
	CPU_SET(n % (uint64_t)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

NOIPA uint64_t exact_top(uint64_t n)
{
	uint64_t ret;

	tally_call("exact_top");
	flip_cpu(n);
	ret = exact_leaf(n) - exact_leaf(n - 1);
	flip_cpu(n + 1);
	BARRIER();
	return ret;
}

NOIPA uint64_t held_inner(void)
{
	while (loaded)
		usleep(1000);
	return 1;
}

NOIPA uint64_t held_outer(void)
{
	uint64_t ret = held_inner();

	BARRIER();
	return ret + 1;
}

static void *run_load(void *arg)
{
	uint64_t wrong = 0, n = 0;

	while (loaded)
		wrong += free_top(++n) != 1;
	*(uint64_t *)arg += wrong;
	return NULL;
}

static void *run_held(void *arg)
{
	*(uint64_t *)arg += held_outer() != 2;
	return NULL;
}

static void *run_exact(void *arg)
{
	for (uint64_t n = 0; n < rounds; n++)
		*(uint64_t *)arg += exact_top(n) != 1;
	return NULL;
}

int main(int argc, char **argv)
{
	void *(*const first[])(void *) = { run_load, run_load, run_held };
	uint64_t wrong[5] = {};
	pthread_t threads[5];

	rounds = workload_option(argc, argv, "-n", 1000);
	flip = workload_option(argc, argv, "-flip", 0);
	tally_init();
	for (int i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, first[i], &wrong[i]))
			workload_die("pthread_create");
	usleep(20000); /* the calls that are held have begun */
	workload_ready();
	loaded = false;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	workload_truth("{\"loaded\":%lu}", wrong[0] + wrong[1] + wrong[2]);
	workload_end();
	for (int i = 3; i < 5; i++)
		if (pthread_create(&threads[i], NULL, run_exact, &wrong[i]))
			workload_die("pthread_create");
	for (int i = 3; i < 5; i++)
		pthread_join(threads[i], NULL);
	tally_print(",\"wrong\":%lu", wrong[3] + wrong[4]);
	workload_end();
	return 0;
}
