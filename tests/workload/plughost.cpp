/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loads plugins, calls them in every way, and tells how often.
 *
 *   plughost MODE
 *   calls: plug.so, called -n rounds      fail: four kinds of loads that fail
 *   reload: plug.so is exchanged for plug2.so under one name (-i: in place)
 *   refs: opened and closed while in use  crash: a thread dies inside
 *   sleep: inside when the trace ends     fork: a child loads, calls and ends
 */
#include <dlfcn.h>
#include <stdexcept>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "common.h"
}
#undef NOIPA
#undef BARRIER
#include "plug.h"

namespace
{
struct plugin {
	void *handle;
	int (*run)(int), (*self)(int), (*tail)(int), (*sort)(int *, int);
	int (*back)(int (*)(int), int), (*sleep)(int), (*crash)(volatile int *);
	void (*raise)(int);
	const struct plug_table *(*ops)(void);
	int *generation;
};

plugin current;
std::string dir;

template <typename T> void find(void *handle, const char *name, T *to)
{
	*to = reinterpret_cast<T>(dlsym(handle, name));
	if (!*to)
		workload_die(name);
}

plugin load(const std::string &path, int flags = RTLD_NOW)
{
	plugin p = {};

	p.handle = dlopen(path.c_str(), flags);
	if (!p.handle) {
		fprintf(stderr, "%s\n", dlerror());
		workload_die("dlopen");
	}
	find(p.handle, "plug_run", &p.run);
	find(p.handle, "plug_self", &p.self);
	find(p.handle, "plug_tail", &p.tail);
	find(p.handle, "plug_sort", &p.sort);
	find(p.handle, "plug_back", &p.back);
	find(p.handle, "plug_sleep", &p.sleep);
	find(p.handle, "plug_crash", &p.crash);
	find(p.handle, "plug_throw", &p.raise);
	find(p.handle, "plug_ops", &p.ops);
	p.generation = static_cast<int *>(dlsym(p.handle, "plug_generation"));
	return p;
}

NOIPA int host_callback(int n)
{
	int ret = current.run(n % 5 ? n : 1);

	BARRIER();
	return ret;
}

/* The rounds of -n; executions, errors and exceptions among them. */
void calls(uint64_t rounds)
{
	uint64_t executions = 0, errors = 0, exceptions = 0;
	const struct plug_table *ops;
	char truth[256];

	current = load(dir + "/plug.so");
	ops = current.ops();
	executions++;
	for (uint64_t i = 0; i < rounds; i++) {
		int n = static_cast<int>(i), v[16];

		for (int k = 0; k < 16; k++)
			v[k] = 16 - k;
		errors += current.run(n) < 0;
		current.self(n);
		current.tail(n);
		current.sort(v, 16);
		current.back(host_callback, n); /* two: one within the other */
		ops->op(n);
		executions += 7;
		if (i % 10)
			continue;
		try {
			executions++;
			current.raise(1);
		} catch (const std::runtime_error &) {
			exceptions++;
		}
	}
	dlclose(current.handle);
	snprintf(truth, sizeof(truth),
		 "{\"executions\":%lu,\"errors\":%lu,\"exceptions\":%lu,\"rounds\":%lu}", executions,
		 errors + exceptions, exceptions, rounds);
	puts(truth);
}

void fail_to_load(const char *what)
{
	std::string path = dir + "/" + what;

	if (dlopen(path.c_str(), RTLD_NOW))
		workload_die(what);
	printf("%s\"%s\"", strcmp(what, "no.so") ? "," : "", dlerror());
}

void fail()
{
	printf("{\"errors\":[");
	fail_to_load("no.so");
	fail_to_load("bad.so");
	fail_to_load("missing.so");
	fail_to_load("undefined.so");
	puts("]}");
}

void copy(const std::string &from, const std::string &to, bool in_place)
{
	std::string fresh = in_place ? to : to + ".new";
	FILE *in = fopen(from.c_str(), "rb"), *out = fopen(fresh.c_str(), "wb");
	char buf[65536];
	size_t n;

	if (!in || !out)
		workload_die("copy");
	while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
		fwrite(buf, 1, n, out);
	fclose(in);
	fclose(out);
	if (!in_place && rename(fresh.c_str(), to.c_str()))
		workload_die("rename");
}

void reload(bool in_place)
{
	std::string path = "changing.so";
	int generations[2];

	for (int g = 0; g < 2; g++) {
		copy(dir + (g ? "/plug2.so" : "/plug.so"), path, in_place);
		current = load("./" + path);
		generations[g] = *current.generation;
		for (int i = 0; i < 10 * (g + 1); i++)
			current.run(1);
		dlclose(current.handle);
		usleep(200000);
	}
	printf("{\"generations\":[%d,%d],\"calls\":[10,20]}\n", generations[0], generations[1]);
}

void *hold(void *arg)
{
	current.sleep(*static_cast<int *>(arg));
	return nullptr;
}

void refs()
{
	int ms = 300;
	pthread_t thread;
	void *again;

	current = load(dir + "/plug.so");
	again = dlopen((dir + "/plug.so").c_str(), RTLD_NOW);
	pthread_create(&thread, nullptr, hold, &ms);
	usleep(50000);
	dlclose(again); /* does not unload: it is open once more */
	current.run(1);
	pthread_join(thread, nullptr);
	dlclose(current.handle);
	puts("{\"executions\":2,\"loads\":1,\"unloads\":1,\"reopens\":1,\"closes\":1}");
}

void crash()
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		current = load(dir + "/plug.so");
		current.run(1);
		current.crash(reinterpret_cast<volatile int *>(8));
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("{\"pid\":%d,\"signal\":%d}\n", pid, WTERMSIG(status));
}

void in_child(uint64_t rounds)
{
	pid_t pid = fork();

	if (!pid) {
		current = load(dir + "/plug.so");
		for (uint64_t i = 0; i < rounds; i++)
			current.run(1);
		_exit(0);
	}
	waitpid(pid, nullptr, 0);
	printf("{\"pid\":%d,\"executions\":%lu}\n", pid, rounds);
}

void stay(void)
{
	static int ms = 600000;
	pthread_t thread;

	current = load(dir + "/plug.so");
	current.run(1);
	pthread_create(&thread, nullptr, hold, &ms);
	pthread_detach(thread);
	usleep(100000);
	puts("{\"in_flight\":1,\"executions\":1}");
}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "calls";
	uint64_t rounds = workload_option(argc, argv, "-n", 100);
	char exe[4096] = "";

	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		workload_die("readlink");
	dir = std::string(exe).substr(0, std::string(exe).rfind('/'));
	workload_ready();
	if (!strcmp(mode, "calls"))
		calls(rounds);
	else if (!strcmp(mode, "fail"))
		fail();
	else if (!strcmp(mode, "reload"))
		reload(workload_option(argc, argv, "-i", 0));
	else if (!strcmp(mode, "refs"))
		refs();
	else if (!strcmp(mode, "crash"))
		crash();
	else if (!strcmp(mode, "fork"))
		in_child(rounds);
	else
		stay();
	fflush(stdout);
	workload_end();
	return 0;
}
