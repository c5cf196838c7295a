/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work done by children that end: raise_child() makes one, which computes for -u microseconds of
 * its own CPU time, and waits for it. -k 0: they are processes, 1: threads. Before "ready" until
 * "go", a millisecond apart. Truth: {"children":N,"child_ns":U}.
 */
#include "common.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_bool stop;
static uint64_t child_ns;
static bool as_thread;
static uint64_t children;

static void *child_run(void *arg)
{
	(void)arg;
	workload_spin(child_ns);
	return NULL;
}

NOIPA void raise_child(void)
{
	pthread_t thread;
	pid_t pid;

	if (as_thread) {
		if (pthread_create(&thread, NULL, child_run, NULL))
			workload_die("pthread_create");
		pthread_join(thread, NULL);
		return;
	}
	pid = fork();
	if (pid < 0)
		workload_die("fork");
	if (!pid) {
		child_run(NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	BARRIER();
}

static void *raise_all(void *arg)
{
	struct timespec nap = { .tv_nsec = 1000000 };

	(void)arg;
	while (!stop) {
		raise_child();
		children++;
		nanosleep(&nap, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t raiser;

	as_thread = workload_option(argc, argv, "-k", 0);
	child_ns = 1000 * workload_option(argc, argv, "-u", 1500);
	if (pthread_create(&raiser, NULL, raise_all, NULL))
		workload_die("pthread_create");
	workload_ready(); /* and goes on until "go" */
	stop = true;
	pthread_join(raiser, NULL);
	workload_truth("{\"children\":%lu,\"child_ns\":%lu}", children, child_ns);
	workload_end();
	return 0;
}
