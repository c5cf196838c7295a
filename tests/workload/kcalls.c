/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Known calls of kernel functions, below known functions of its own: -t THREADS each run -n ROUNDS.
 *
 *   kernel_round ── ask_parent    getppid()
 *                ── read_empty    read() of a pipe that is empty: -EAGAIN
 *                ── write_pipe    write() of one byte to it
 *                ── drain_pipe    read() of that byte
 *                ── nap           (once in 16 rounds) nanosleep(), timed
 */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64

struct worker {
	pthread_t thread;
	uint64_t rounds, again, naps;
	struct bounds wall;
	int pipe[2];
};

NOIPA long ask_parent(void)
{
	long pid = syscall(SYS_getppid);

	BARRIER();
	return pid;
}

NOIPA int read_empty(struct worker *w)
{
	char c;
	ssize_t n = read(w->pipe[0], &c, 1);

	BARRIER();
	return n < 0 && errno == EAGAIN;
}

NOIPA void write_pipe(struct worker *w)
{
	if (write(w->pipe[1], "x", 1) != 1)
		workload_die("write");
	BARRIER();
}

NOIPA void drain_pipe(struct worker *w)
{
	char c;

	if (read(w->pipe[0], &c, 1) != 1)
		workload_die("read");
	BARRIER();
}

NOIPA void nap(struct worker *w)
{
	struct timespec time = { .tv_nsec = 200000 };

	syscall(SYS_nanosleep, &time, NULL);
	w->wall.inner_ns += 200000;
	w->naps++;
}

static void nap_timed(struct worker *w)
{
	uint64_t begin = workload_wall_ns();

	nap(w);
	w->wall.outer_ns += workload_wall_ns() - begin;
}

NOIPA void kernel_round(struct worker *w, uint64_t n)
{
	ask_parent();
	w->again += (uint64_t)read_empty(w);
	write_pipe(w);
	drain_pipe(w);
	if (n % 16 == 0)
		nap_timed(w);
	BARRIER();
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	for (uint64_t n = 0; n < w->rounds; n++)
		kernel_round(w, n);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t threads = workload_option(argc, argv, "-t", 2);
	uint64_t rounds = workload_option(argc, argv, "-n", 1000);
	static struct worker workers[MAX_THREADS];
	struct worker sum = { .rounds = rounds };

	if (threads > MAX_THREADS)
		workload_die("too many threads");
	for (uint64_t i = 0; i < threads; i++) {
		workers[i].rounds = rounds;
		if (pipe2(workers[i].pipe, O_NONBLOCK))
			workload_die("pipe2");
	}
	workload_ready();
	for (uint64_t i = 0; i < threads; i++) {
		if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]))
			workload_die("pthread_create");
	}
	for (uint64_t i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		sum.again += workers[i].again;
		sum.naps += workers[i].naps;
		sum.wall.inner_ns += workers[i].wall.inner_ns;
		sum.wall.outer_ns += workers[i].wall.outer_ns;
	}
	workload_truth("{\"threads\":%lu,\"rounds\":%lu,\"again\":%lu,\"naps\":%lu,"
		       "\"nap_wall\":[%lu,%lu]}",
		       threads, rounds, sum.again, sum.naps, sum.wall.inner_ns, sum.wall.outer_ns);
	workload_end();
	return 0;
}
