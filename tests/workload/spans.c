/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls with exact counts, for spans: -t THREADS each run the tree below -n ROUNDS times.
 *
 *   round_trip ── outer_a ── middle_b ×2 ── leaf_c ×3   leaf_c returns -1 once in five calls
 *              ── other_x ── leaf_c                      the same leaf on another path
 *              ── find_p                                 returns NULL once in three calls
 *              ── code_e                                 returns round % 4
 *              ── fail_errno                             returns -EAGAIN once in two calls
 *              ── wide_w                                 -1 as long; its low 32 bits alone are 0
 *              ── recurse_r (five deep)
 *              ── static_s
 *              ── slow_d                                 (once in 64 rounds) CPU and sleep, timed
 *
 * held_h() is entered before "ready" and left after "go": its call cannot be counted.
 * open_o() is entered after the truth and left after "end": open when the trace ends before.
 * With -l 1 the tree runs in a loop from before "ready" until "end": for attaching in mid-run.
 */
#include "common.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define MAX_THREADS 64

struct tally {
	uint64_t leaf_calls, leaf_failed, find_failed, codes[4], errno_failed, slow_calls;
	struct bounds wall, cpu;
};

struct worker {
	pthread_t thread;
	uint64_t rounds;
	struct tally tally;
};

static atomic_bool stop;

NOIPA int leaf_c(uint64_t n)
{
	BARRIER();
	return n % 5 == 0 ? -1 : (int)(n & 0xff);
}

NOIPA int middle_b(uint64_t n, struct tally *t)
{
	int failed = 0;

	for (uint64_t i = 0; i < 3; i++)
		failed += leaf_c(n + i) < 0;
	t->leaf_calls += 3;
	t->leaf_failed += (uint64_t)failed;
	return failed;
}

NOIPA int outer_a(uint64_t n, struct tally *t)
{
	int failed = middle_b(n, t);

	failed += middle_b(n + 1, t);
	return failed;
}

NOIPA int other_x(uint64_t n, struct tally *t)
{
	int ret = leaf_c(n);

	t->leaf_calls++;
	t->leaf_failed += ret < 0;
	return ret;
}

NOIPA void *find_p(uint64_t n)
{
	static int there;

	BARRIER();
	return n % 3 == 0 ? NULL : &there;
}

NOIPA int code_e(uint64_t n)
{
	BARRIER();
	return (int)(n % 4);
}

NOIPA int fail_errno(uint64_t n)
{
	BARRIER();
	return n % 2 ? -EAGAIN : 0;
}

/* Negative as a long in every other round; never negative as an int. */
NOIPA long wide_w(uint64_t n)
{
	BARRIER();
	return n % 2 ? -(1L << 40) : 1;
}

NOIPA uint64_t recurse_r(uint64_t depth)
{
	uint64_t below = depth > 1 ? recurse_r(depth - 1) : 0;

	BARRIER();
	return below + 1;
}

static NOIPA int static_s(uint64_t n)
{
	BARRIER();
	return (int)(n & 1);
}

NOIPA int never_called(int n)
{
	BARRIER();
	return n + 1;
}

/* Half a millisecond of CPU time and half of sleep; measured from inside. */
NOIPA void slow_d(struct tally *t)
{
	struct timespec nap = { .tv_nsec = 500000 };
	uint64_t wall = workload_wall_ns(), cpu = workload_thread_cpu_ns();

	workload_spin(500000);
	nanosleep(&nap, NULL);
	t->cpu.inner_ns += workload_thread_cpu_ns() - cpu;
	t->wall.inner_ns += workload_wall_ns() - wall;
	t->slow_calls++;
}

static void slow_timed(struct tally *t)
{
	uint64_t wall = workload_wall_ns(), cpu = workload_thread_cpu_ns();

	slow_d(t);
	t->cpu.outer_ns += workload_thread_cpu_ns() - cpu;
	t->wall.outer_ns += workload_wall_ns() - wall;
}

NOIPA void round_trip(uint64_t n, struct tally *t)
{
	outer_a(n, t);
	other_x(n, t);
	t->find_failed += find_p(n) == NULL;
	t->codes[code_e(n)]++;
	t->errno_failed += fail_errno(n) < 0;
	wide_w(n);
	recurse_r(5);
	static_s(n);
	if (n % 64 == 0)
		slow_timed(t);
	BARRIER();
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	for (uint64_t n = 0; n < w->rounds && !stop; n++)
		round_trip(n, &w->tally);
	return NULL;
}

NOIPA void held_h(void)
{
	workload_ready();
	BARRIER();
}

NOIPA void open_o(void)
{
	workload_end();
	BARRIER();
}

static void bounds_add(struct bounds *b, const struct bounds *more)
{
	b->inner_ns += more->inner_ns;
	b->outer_ns += more->outer_ns;
}

static void tally_add(struct tally *t, const struct tally *more)
{
	t->leaf_calls += more->leaf_calls;
	t->leaf_failed += more->leaf_failed;
	t->find_failed += more->find_failed;
	for (int i = 0; i < 4; i++)
		t->codes[i] += more->codes[i];
	t->errno_failed += more->errno_failed;
	t->slow_calls += more->slow_calls;
	bounds_add(&t->wall, &more->wall);
	bounds_add(&t->cpu, &more->cpu);
}

static void workers_start(struct worker *workers, uint64_t n, uint64_t rounds)
{
	for (uint64_t i = 0; i < n; i++) {
		workers[i].rounds = rounds;
		if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]))
			workload_die("pthread_create");
	}
}

static void truth_print(uint64_t threads, uint64_t rounds, const struct tally *t)
{
	workload_truth("{\"threads\":%lu,\"rounds\":%lu,\"leaf_calls\":%lu,\"leaf_failed\":%lu,"
		       "\"find_failed\":%lu,\"codes\":[%lu,%lu,%lu,%lu],\"errno_failed\":%lu,"
		       "\"slow_calls\":%lu,\"slow_wall\":[%lu,%lu],\"slow_cpu\":[%lu,%lu]}",
		       threads, rounds, t->leaf_calls, t->leaf_failed, t->find_failed, t->codes[0],
		       t->codes[1], t->codes[2], t->codes[3], t->errno_failed, t->slow_calls,
		       t->wall.inner_ns, t->wall.outer_ns, t->cpu.inner_ns, t->cpu.outer_ns);
}

int main(int argc, char **argv)
{
	uint64_t threads = workload_option(argc, argv, "-t", 4);
	uint64_t rounds = workload_option(argc, argv, "-n", 1000);
	bool loop = workload_option(argc, argv, "-l", 0);
	static struct worker workers[MAX_THREADS];
	struct tally total = {};

	if (threads > MAX_THREADS)
		workload_die("too many threads");
	if (argc == 0) /* never: keeps the function that nobody calls */
		never_called(argc);
	if (loop)
		workers_start(workers, threads, UINT64_MAX);
	held_h();
	if (loop) {
		open_o();
		stop = true;
	} else {
		workers_start(workers, threads, rounds);
	}
	for (uint64_t i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		tally_add(&total, &workers[i].tally);
	}
	truth_print(threads, rounds, &total);
	if (!loop)
		open_o();
	return 0;
}
