/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions that are left by longjmp() in every second of -n rounds, and return in the others. */
#include "common.h"

#include <setjmp.h>

static jmp_buf back;

NOIPA int jumper(uint64_t n)
{
	if (n % 2)
		longjmp(back, 1);
	BARRIER();
	return 1;
}

NOIPA int jumped_over(uint64_t n)
{
	int ret = jumper(n);

	BARRIER();
	return ret;
}

NOIPA int lander(uint64_t n)
{
	if (setjmp(back))
		return -1;
	return jumped_over(n);
}

NOIPA int plain_after(uint64_t n)
{
	BARRIER();
	return (int)n;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 2000);
	volatile uint64_t jumps = 0;

	workload_ready();
	for (volatile uint64_t n = 0; n < rounds; n++) {
		if (lander(n) < 0)
			jumps++;
		plain_after(n);
	}
	workload_truth("{\"calls\":%lu,\"jumps\":%lu}", rounds, jumps);
	workload_end();
	return 0;
}
