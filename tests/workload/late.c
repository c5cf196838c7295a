/* SPDX-License-Identifier: GPL-2.0-only */
/* A C program that loads a library with exception handlers while its functions are being traced. */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

NOIPA int work(int n)
{
	usleep(1000);
	return n & 1 ? -1 : 0;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 600);
	char library[4096] = "";
	uint64_t calls = 0;

	if (readlink("/proc/self/exe", library, sizeof(library) - 32) < 0)
		workload_die("readlink");
	strcpy(strrchr(library, '/') + 1, "libcatch.so");
	workload_ready();
	while (calls < rounds)
		work((int)calls++);
	if (!dlopen(library, RTLD_NOW))
		workload_die("dlopen");
	while (calls < 3 * rounds)
		work((int)calls++);
	workload_truth("{\"calls\":%lu}", calls);
	workload_end();
	return 0;
}
