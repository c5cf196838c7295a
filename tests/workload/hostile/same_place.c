/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Built twice, into libsame_a.so and libsame_b.so: equal names at equal places. The second one
 * returns a different value and has one more function.
 */
#ifndef WHICH
#define WHICH 1
#endif

int place_inner(int n);
int place_call(int n);
int place_extra(int n);

__attribute__((noipa)) int place_inner(int n)
{
	__asm__ volatile("" ::: "memory");
	return n + WHICH;
}

__attribute__((noipa)) int place_call(int n)
{
	int ret = place_inner(n);

	__asm__ volatile("" ::: "memory");
	return ret * 2;
}

#if WHICH == 2
__attribute__((noipa)) int place_extra(int n)
{
	return n - 1;
}
#endif
