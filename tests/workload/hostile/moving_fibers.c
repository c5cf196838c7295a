/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ucontext fibers that are scheduled on two threads: each of -f fibers calls fiber_outer() -n
 * times, which gives its thread away in the middle, twice, and mostly goes on in the other one.
 */
#include "tally.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <ucontext.h>

#define STACK_SIZE (64 << 10)
#define FIBERS_MAX 64

struct fiber {
	ucontext_t context;
	ucontext_t *home; /* of the thread that runs it */
	uint64_t rounds;
	bool done;
};

static struct fiber fibers[FIBERS_MAX];
static struct fiber *queue[FIBERS_MAX + 1];
static unsigned int head, tail, left;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void put(struct fiber *f)
{
	queue[tail++ % (FIBERS_MAX + 1)] = f;
}

NOIPA void fiber_yield(struct fiber *f)
{
	tally_call("fiber_yield");
	swapcontext(&f->context, f->home);
	BARRIER();
}

NOIPA uint64_t fiber_inner(struct fiber *f, uint64_t n)
{
	tally_call("fiber_inner");
	fiber_yield(f);
	return n + 1;
}

NOIPA uint64_t fiber_outer(struct fiber *f, uint64_t n)
{
	uint64_t sum;

	tally_call("fiber_outer");
	sum = fiber_inner(f, n);
	sum += fiber_inner(f, n);
	BARRIER();
	return sum;
}

static void fiber_main(unsigned int i)
{
	struct fiber *f = &fibers[i];

	for (uint64_t n = 0; n < f->rounds; n++)
		if (fiber_outer(f, n) != 2 * n + 2)
			workload_die("fiber_outer");
	f->done = true;
	setcontext(f->home);
}

static void *scheduler(void *arg)
{
	ucontext_t home;

	for (;;) {
		struct fiber *f = NULL;
		bool end;

		pthread_mutex_lock(&lock);
		end = !left;
		if (head != tail)
			f = queue[head++ % (FIBERS_MAX + 1)];
		pthread_mutex_unlock(&lock);
		if (end)
			return arg;
		if (!f)
			continue;
		f->home = &home;
		swapcontext(&home, &f->context);
		/* Only now nobody stands on its stack. */
		pthread_mutex_lock(&lock);
		if (f->done)
			left--;
		else
			put(f);
		pthread_mutex_unlock(&lock);
	}
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 100);
	pthread_t threads[2];

	tally_init();
	left = (unsigned int)workload_option(argc, argv, "-f", 16);
	for (unsigned int i = 0; i < left; i++) {
		struct fiber *f = &fibers[i];

		getcontext(&f->context);
		f->rounds = rounds;
		f->context.uc_stack.ss_sp = malloc(STACK_SIZE);
		f->context.uc_stack.ss_size = STACK_SIZE;
		makecontext(&f->context, (void (*)(void))fiber_main, 1, i);
		put(f);
	}
	workload_ready();
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, scheduler, NULL))
			workload_die("pthread_create");
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	tally_print("%s", "");
	workload_end();
	return 0;
}
