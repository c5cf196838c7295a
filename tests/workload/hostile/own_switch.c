/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two stacks, switched by a handful of instructions of the program's own: no import and no symbol
 * tells of it. Each side calls own_outer() -n times, which switches in the middle.
 */
#include "tally.h"

#include <stdlib.h>

#define STACK_SIZE (128 << 10)

void own_switch(void **save, void *to);
__asm__(".text\n"
	".type own_switch, @function\n"
	"own_switch:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size own_switch, . - own_switch\n");

static void *stacks[2]; /* the parked side's stack pointer */
static uint64_t rounds, sum;

NOIPA uint64_t own_inner(int self, uint64_t n)
{
	tally_call("own_inner");
	own_switch(&stacks[self], stacks[!self]);
	BARRIER();
	return n + 1;
}

NOIPA uint64_t own_outer(int self, uint64_t n)
{
	uint64_t ret;

	tally_call("own_outer");
	ret = own_inner(self, n);
	BARRIER();
	return ret + (uint64_t)self;
}

static void other_side(void)
{
	for (uint64_t n = 0;; n++)
		sum += own_outer(1, n % rounds);
}

int main(int argc, char **argv)
{
	void **stack = aligned_alloc(64, STACK_SIZE);
	void **top = stack + STACK_SIZE / sizeof(*stack);

	tally_init();
	rounds = workload_option(argc, argv, "-n", 1000);
	*--top = NULL; /* other_side()'s return address: it has none */
	*--top = (void *)other_side;
	for (int i = 0; i < 6; i++)
		*--top = NULL;
	stacks[1] = top;
	workload_ready();
	for (uint64_t n = 0; n < rounds; n++)
		sum += own_outer(0, n);
	tally_print(",\"sum\":%lu", sum);
	workload_end();
	return 0;
}
