/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that end in the middle of functions, -n of each kind: by pthread_cancel() with a
 * cleanup handler that calls a function, by pthread_exit() from two functions deep, by the bare
 * system call, and by a return. The unwinder is loaded when the first one ends.
 */
#include "tally.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

static sem_t inside;

NOIPA void cleanup_k(void *arg)
{
	tally_call("cleanup_k");
	*(int *)arg += 1;
}

NOIPA int cancelled_inner(void)
{
	tally_call("cancelled_inner");
	tally_unwound("cancelled_inner");
	sem_post(&inside);
	for (;;)
		pause(); /* a cancellation point */
	return 1;
}

NOIPA int cancelled_outer(void)
{
	int cleaned = 0, ret;

	tally_call("cancelled_outer");
	tally_unwound("cancelled_outer");
	pthread_cleanup_push(cleanup_k, &cleaned);
	ret = cancelled_inner();
	pthread_cleanup_pop(1);
	return ret + cleaned;
}

NOIPA int exits_inner(int leave)
{
	tally_call("exits_inner");
	if (leave) {
		tally_unwound("exits_inner");
		pthread_exit(NULL);
	}
	BARRIER();
	return 1;
}

NOIPA int exits_outer(int leave)
{
	int ret;

	tally_call("exits_outer");
	if (leave)
		tally_unwound("exits_outer");
	ret = exits_inner(leave);
	BARRIER();
	return ret + 1;
}

NOIPA int bare_inner(void)
{
	tally_call("bare_inner");
	tally_unwound("bare_inner");
	syscall(SYS_exit, 0);
	return 1;
}

NOIPA int bare_outer(void)
{
	int ret;

	tally_call("bare_outer");
	tally_unwound("bare_outer");
	ret = bare_inner();
	BARRIER();
	return ret + 1;
}

static void *run_cancelled(void *arg)
{
	cancelled_outer();
	return arg;
}

static void *run_exits(void *arg)
{
	exits_outer(arg != NULL);
	return arg;
}

static void *run_bare(void *arg)
{
	bare_outer();
	return arg;
}

static pthread_t start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, arg))
		workload_die("pthread_create");
	return thread;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 100), cancelled = 0;
	static int leave;

	tally_init();
	sem_init(&inside, 0, 0);
	workload_ready();
	for (uint64_t i = 0; i < rounds; i++) {
		pthread_t thread = start(run_cancelled, NULL);
		void *ret;

		sem_wait(&inside);
		pthread_cancel(thread);
		pthread_join(thread, &ret);
		cancelled += ret == PTHREAD_CANCELED;
		pthread_join(start(run_exits, &leave), NULL);
		pthread_join(start(run_exits, NULL), NULL);
		pthread_join(start(run_bare, NULL), NULL);
	}
	tally_print(",\"cancelled\":%lu", cancelled);
	workload_end();
	return 0;
}
