/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU time in known shares: -t THREADS, together -s MILLISECONDS of CPU time each, 70 % of it
 * below spin_heavy() and 30 % below spin_light(), in slices of uneven length, so that no
 * sampling rate can lock on to them. -c CHILDREN are forked after "go" and do the same.
 * With -x 1 the process exits by itself when it is done, with status 7.
 */
#include "common.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_THREADS 64

struct worker {
	pthread_t thread;
	uint32_t seed;
	uint64_t budget_ns, heavy_ns, light_ns;
};

NOIPA void spin_heavy_inner(uint64_t ns)
{
	workload_spin(ns);
	BARRIER();
}

NOIPA void spin_heavy(uint64_t ns)
{
	spin_heavy_inner(ns);
	BARRIER();
}

NOIPA void spin_light(uint64_t ns)
{
	workload_spin(ns);
	BARRIER();
}

/* A slice of 0.5 to 1.5 times its mean. */
static uint64_t slice_ns(uint32_t *seed, uint64_t mean_ns)
{
	*seed = *seed * 1664525 + 1013904223;
	return mean_ns / 2 + (uint64_t)(*seed >> 12) * mean_ns / (1 << 20);
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	while (w->heavy_ns + w->light_ns < w->budget_ns) {
		uint64_t t0 = workload_thread_cpu_ns(), t1, t2;

		spin_heavy(slice_ns(&w->seed, 3500000));
		t1 = workload_thread_cpu_ns();
		spin_light(slice_ns(&w->seed, 1500000));
		t2 = workload_thread_cpu_ns();
		w->heavy_ns += t1 - t0;
		w->light_ns += t2 - t1;
	}
	return NULL;
}

static void work(struct worker *workers, uint64_t threads, uint64_t budget_ns)
{
	for (uint64_t i = 0; i < threads; i++) {
		workers[i] = (struct worker){ .seed = (uint32_t)i + 1, .budget_ns = budget_ns };
		if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]))
			workload_die("pthread_create");
	}
	for (uint64_t i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
}

int main(int argc, char **argv)
{
	uint64_t threads = workload_option(argc, argv, "-t", 1);
	uint64_t budget_ns = workload_option(argc, argv, "-s", 1000) * 1000000;
	uint64_t children = workload_option(argc, argv, "-c", 0);
	uint64_t heavy_ns = 0, light_ns = 0, before;
	static struct worker workers[MAX_THREADS];

	if (threads > MAX_THREADS)
		workload_die("too many threads");
	workload_ready();
	before = workload_cpu_ns();
	for (uint64_t i = 0; i < children; i++) {
		if (fork() == 0) {
			work(workers, threads, budget_ns);
			_exit(0);
		}
	}
	work(workers, threads, budget_ns);
	while (children && wait(NULL) > 0)
		;
	for (uint64_t i = 0; i < threads; i++) {
		heavy_ns += workers[i].heavy_ns;
		light_ns += workers[i].light_ns;
	}
	workload_truth(
	    "{\"threads\":%lu,\"heavy_ns\":%lu,\"light_ns\":%lu,\"cpu_ns\":%lu,\"pid\":%d}",
	    threads, heavy_ns, light_ns, workload_cpu_ns() - before, getpid());
	if (workload_option(argc, argv, "-x", 0))
		return 7;
	workload_end();
	return 0;
}
