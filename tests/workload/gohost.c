/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A C program that loads a library written in Go and calls it, from its main thread and from
 * another: gohost LIBRARY. On the protocol of common.h, until "end".
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static int (*work)(int depth);
static atomic_bool ended;
static volatile int sink;

static void *host_thread(void *arg)
{
	while (!atomic_load(&ended))
		sink += work(0);
	return arg;
}

static void *host_waits(void *arg)
{
	char c;

	while (read(0, &c, 1) == 1 && c != '\n')
		;
	atomic_store(&ended, 1);
	return arg;
}

__attribute__((noinline)) static int host_calls(void)
{
	return work(1) + 1;
}

int main(int argc, char **argv)
{
	void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	pthread_t thread, waiter;

	*(void **)&work = library ? dlsym(library, "goWork") : NULL;
	if (!work) {
		fprintf(stderr, "gohost: %s\n", dlerror());
		return 1;
	}
	pthread_create(&thread, NULL, host_thread, NULL);
	pthread_create(&waiter, NULL, host_waits, NULL);
	puts("ready");
	fflush(stdout);
	while (!atomic_load(&ended))
		sink += host_calls();
	return 0;
}
