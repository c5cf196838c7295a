/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two fibers on one thread that hand over to each other in the middle of a function, -n times:
 * calls that are entered on one stack return after calls of another stack were entered.
 */
#include "common.h"

#include <stdlib.h>
#include <ucontext.h>

#define STACK_SIZE (256 << 10)

static ucontext_t main_context, fibers[2];
static uint64_t rounds, switches;

NOIPA void hand_over(int from)
{
	switches++;
	swapcontext(&fibers[from], &fibers[!from]);
	BARRIER();
}

NOIPA int fiber_step(int self)
{
	hand_over(self);
	return self + 1;
}

static void fiber_run(int self)
{
	for (uint64_t i = 0; i < rounds; i++)
		if (fiber_step(self) != self + 1)
			workload_die("fiber_step");
}

int main(int argc, char **argv)
{
	rounds = workload_option(argc, argv, "-n", 2000);
	for (int i = 0; i < 2; i++) {
		getcontext(&fibers[i]);
		fibers[i].uc_stack.ss_sp = malloc(STACK_SIZE);
		fibers[i].uc_stack.ss_size = STACK_SIZE;
		fibers[i].uc_link = i ? &main_context : &fibers[1];
		makecontext(&fibers[i], (void (*)(void))fiber_run, 1, i);
	}
	workload_ready();
	swapcontext(&main_context, &fibers[0]);
	workload_truth("{\"calls\":%lu,\"switches\":%lu}", 2 * rounds, switches);
	workload_end();
	return 0;
}
