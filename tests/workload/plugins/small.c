/* SPDX-License-Identifier: GPL-2.0-only */
/* A plugin of host.c. */
int small_work(int n);

static int sum;

int small_work(int n)
{
	sum += n;
	return sum < 0 ? -1 : n;
}
