/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Jumps, -n of each: longjmp() over one to five functions, siglongjmp() out of a signal handler
 * on the same stack, and out of one on an alternate stack. plain_after() follows every jump.
 */
#include "tally.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

static sigjmp_buf back;

NOIPA int plain_after(int n)
{
	tally_call("plain_after");
	return n;
}

NOIPA int jump_level(int depth);

/* Recursion with other functions in between: path nodes that do not fold. */
NOIPA int jump_other(int depth)
{
	int ret;

	tally_call("jump_other");
	tally_unwound("jump_other");
	ret = jump_level(depth);
	BARRIER();
	return ret;
}

NOIPA int jump_level(int depth)
{
	int ret;

	tally_call("jump_level");
	tally_unwound("jump_level");
	if (depth == 0)
		siglongjmp(back, 1);
	ret = jump_other(depth - 1);
	BARRIER();
	return ret;
}

NOIPA int land_far(int depth)
{
	tally_call("land_far");
	if (sigsetjmp(back, 0))
		return 100;
	return jump_level(depth);
}

NOIPA void handler_inner(int sig)
{
	tally_call("handler_inner");
	tally_unwound("handler_inner");
	siglongjmp(back, sig);
}

NOIPA void on_jump(int sig)
{
	tally_call("on_jump");
	tally_unwound("on_jump");
	handler_inner(sig);
	BARRIER();
}

NOIPA int interrupted(int sig)
{
	tally_call("interrupted");
	tally_unwound("interrupted");
	raise(sig);
	BARRIER();
	return 0;
}

NOIPA int land_signal(int sig)
{
	tally_call("land_signal");
	if (sigsetjmp(back, 1))
		return 100;
	return interrupted(sig);
}

static void handle(int sig, int flags)
{
	struct sigaction action = { .sa_handler = on_jump, .sa_flags = flags };

	sigaction(sig, &action, NULL);
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 300);
	stack_t alternate = { .ss_sp = malloc(65536), .ss_size = 65536 };

	tally_init();
	sigaltstack(&alternate, NULL);
	handle(SIGUSR1, 0);
	handle(SIGUSR2, SA_ONSTACK);
	workload_ready();
	for (volatile uint64_t n = 0; n < rounds; n++) {
		land_far((int)(n % 5));
		plain_after(1);
		land_signal(SIGUSR1);
		plain_after(2);
		land_signal(SIGUSR2);
		plain_after(3);
	}
	tally_print("%s", "");
	workload_end();
	return 0;
}
