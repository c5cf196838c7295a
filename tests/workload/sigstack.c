/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of a signal handler on an alternate stack, which lies above the interrupted one in
 * one thread and below it in another: -n signals each, raised in the middle of a function.
 */
#include "common.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define STACK_SIZE (128 << 10)

static atomic_ulong handled;

NOIPA int in_handler(int sig)
{
	handled++;
	BARRIER();
	return sig;
}

NOIPA void on_signal(int sig)
{
	in_handler(sig);
	BARRIER();
}

NOIPA int interrupted(void)
{
	raise(SIGUSR1);
	BARRIER();
	return 0;
}

struct run {
	uint64_t rounds;
	void *stack;
};

static void *signals_run(void *arg)
{
	struct run *run = arg;
	stack_t alternate = { .ss_sp = run->stack, .ss_size = STACK_SIZE };

	if (sigaltstack(&alternate, NULL))
		workload_die("sigaltstack");
	for (uint64_t i = 0; i < run->rounds; i++)
		interrupted();
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 1000);
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	/* The low area lies below the thread's stack, the high one above it. */
	char *area =
	    mmap(NULL, 6 * STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct run runs[2] = { { rounds, area }, { rounds, area + 5 * STACK_SIZE } };
	pthread_attr_t attr;
	pthread_t thread;

	if (area == MAP_FAILED)
		workload_die("mmap");
	sigaction(SIGUSR1, &action, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, area + 2 * STACK_SIZE, 2 * STACK_SIZE);
	workload_ready();
	for (int i = 0; i < 2; i++) {
		if (pthread_create(&thread, &attr, signals_run, &runs[i]))
			workload_die("pthread_create");
		pthread_join(thread, NULL);
	}
	workload_truth("{\"calls\":%lu,\"handled\":%lu}", 2 * rounds, (unsigned long)handled);
	workload_end();
	return 0;
}
