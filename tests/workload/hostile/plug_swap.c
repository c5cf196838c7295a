/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opens and closes libsame_a.so and libsame_b.so in turns, -n times; mostly the second one comes
 * to lie where the first one was. Calls place_call() 10 times in the one and 7 times in the other.
 */
#include "tally.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

static char folder[PATH_MAX];

/* Sums what `calls` calls return; *addr tells where the function stood. */
static int plug_use(const char *name, int calls, void **addr)
{
	char path[PATH_MAX + 32];
	int (*call)(int), sum = 0;
	void *plug;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	plug = dlopen(path, RTLD_NOW);
	if (!plug)
		workload_die(dlerror());
	*addr = dlsym(plug, "place_call");
	memcpy(&call, addr, sizeof(call));
	for (int i = 0; i < calls; i++)
		sum += call(i);
	tally_calls(name, (uint64_t)calls);
	dlclose(plug);
	return sum;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 25), same = 0;
	ssize_t len = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	int sum = 0;

	if (len < 0)
		workload_die("/proc/self/exe");
	folder[len] = '\0';
	*strrchr(folder, '/') = '\0';
	tally_init();
	workload_ready();
	for (uint64_t n = 0; n < rounds; n++) {
		void *a, *b;

		sum += plug_use("libsame_a.so", 10, &a);
		sum += plug_use("libsame_b.so", 7, &b);
		same += a == b;
	}
	tally_print(",\"sum\":%d,\"same\":%s", sum, same ? "true" : "false");
	workload_end();
	return 0;
}
