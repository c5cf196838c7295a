/* SPDX-License-Identifier: GPL-2.0-only */
/* The C side of main.go: burns, calls Go, and makes a thread that does. */
#include "calls.h"

#include <pthread.h>

extern int goWork(int depth);

static volatile int sink;

__attribute__((noinline)) int c_burns(int n)
{
	for (int i = 0; i < n; i++)
		sink += i;
	return sink;
}

__attribute__((noinline)) int c_calls_go(int depth)
{
	c_burns(1000);
	return goWork(depth) + 1;
}

static void *c_thread(void *arg)
{
	for (;;)
		sink += c_calls_go(0);
	return arg;
}

void c_starts_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, 0, c_thread, 0);
}
