/* SPDX-License-Identifier: GPL-2.0-only */
/* host PLUGIN [-n ROUNDS] [-p PATIENCE_MS]: loads a plugin, calls small_work(), unloads it, and
 * fails to load one. */
#include "../common.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 10);
	int (*work)(int);
	void *handle;

	workload_ready();
	handle = dlopen(argc > 1 ? argv[1] : "./small.so", RTLD_NOW);
	if (!handle) {
		workload_truth("{\"loaded\":0,\"error\":\"%s\"}", dlerror());
		workload_end();
		return 0;
	}
	work = (int (*)(int))dlsym(handle, "small_work");
	usleep((useconds_t)workload_option(argc, argv, "-p", 700) * 1000);
	for (uint64_t i = 0; i < rounds; i++)
		work(1);
	dlclose(handle);
	dlopen("/nowhere/no.so", RTLD_NOW);
	workload_truth("{\"loaded\":1,\"executions\":%llu,\"error\":\"%s\"}",
		       (unsigned long long)rounds, dlerror());
	workload_end();
	return 0;
}
