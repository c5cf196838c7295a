/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A host of odd plugins: loads them in one of many ways, calls them, and tells how often it entered
 * which. zoo MODE [-n ROUNDS] [-t THREADS] [-p PATIENCE_MS]; the modes stand in the table at the
 * end. Copies of plugins are made in the working directory.
 */
#include "zoo.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

extern "C" {
#undef NOIPA
#undef BARRIER
#include "../common.h"
}

namespace
{
std::string dir;
unsigned int patience_us; /* behind each dlopen(), so that nothing is called before it is probed */
uint64_t rounds;
unsigned int many;
const zoo_table *registered;
void *plain; /* for the way back into it */

void *must_open(const std::string &path, int flags = RTLD_NOW)
{
	void *handle = dlopen(path.c_str(), flags);

	if (!handle) {
		fprintf(stderr, "%s\n", dlerror());
		workload_die("dlopen");
	}
	usleep(patience_us);
	return handle;
}

template <typename T> T *find(void *handle, const char *name)
{
	T *f = reinterpret_cast<T *>(dlsym(handle, name));

	if (!f)
		workload_die(name);
	return f;
}

std::string in_dir(const char *name)
{
	return dir + "/" + name;
}

/* Time for whoever wants to look at what was loaded. */
void pause_a_moment()
{
	usleep(200000);
}

void copy(const std::string &from, const std::string &to)
{
	FILE *in = fopen(from.c_str(), "rb"), *out = fopen(to.c_str(), "wb");
	std::vector<char> buf(1 << 16);
	size_t n;

	if (!in || !out)
		workload_die("copy");
	while ((n = fread(buf.data(), 1, buf.size(), in)) > 0)
		fwrite(buf.data(), 1, n, out);
	fclose(in);
	fclose(out);
}

void call(void *handle, uint64_t n)
{
	auto *work = find<int(int)>(handle, "plain_work");

	for (uint64_t i = 0; i < n; i++)
		work(static_cast<int>(i));
}

void tell(uint64_t executions)
{
	workload_truth("{\"executions\":%lu}", executions);
}

/* Every kind of return and of call, -n times. */
void work()
{
	void *handle = plain = must_open(in_dir("plain.so"));
	auto *work = find<int(int)>(handle, "plain_work"),
	     *fail = find<int(int)>(handle, "plain_fail");
	auto *null = find<void *(int)>(handle, "plain_null");
	auto *back = find<int(int)>(handle, "plain_back"),
	     *raise = find<int(int)>(handle, "plain_throw");
	auto *caught = find<int(int)>(handle, "plain_caught");
	auto *variadic = find<int(int, ...)>(handle, "plain_variadic");
	auto *number = find<double(double)>(handle, "plain_double");
	auto *jump = find<int(jmp_buf *)>(handle, "plain_jump");
	jmp_buf here;

	for (uint64_t i = 0; i < rounds; i++) {
		work(1);
		fail(1);
		null(1);
		null(0);
		back(3); /* and back into plain_work */
		try {
			raise(1);
		} catch (int) {
		}
		caught(1);
		variadic(3, 1, 2, 3);
		number(1.5);
		if (!setjmp(here))
			jump(&here);
	}
	dlclose(handle);
	workload_truth("{\"executions\":%lu,\"errors\":%lu,\"exceptions\":%lu}", 11 * rounds,
		       3 * rounds, rounds);
}

void in_threads()
{
	std::vector<std::thread> threads;

	for (unsigned int t = 0; t < many; t++)
		copy(in_dir("plain.so"), "copy" + std::to_string(t) + ".so");
	for (unsigned int t = 0; t < many; t++)
		threads.emplace_back([t] {
			void *handle = must_open("./copy" + std::to_string(t) + ".so");

			call(handle, rounds);
			pause_a_moment();
			dlclose(handle);
		});
	for (auto &t : threads)
		t.join();
	tell(many * rounds);
}

void again_and_again()
{
	for (uint64_t i = 0; i < rounds; i++) {
		void *handle = must_open(in_dir("plain.so"));

		call(handle, 1);
		dlclose(handle);
	}
	tell(rounds);
}

void from_constructor()
{
	void *outer;

	setenv("ZOO_DIR", dir.c_str(), 1);
	outer = must_open(in_dir("odd_outer.so"));
	workload_truth("{\"outer\":1,\"inner\":3,\"sum\":%d}",
		       find<int(void)>(outer, "outer_sum")());
}

void by_table()
{
	void *handle = must_open(in_dir("odd_table.so"));

	for (uint64_t i = 0; i < rounds; i++) {
		registered->first(1);
		registered->second(1); /* calls the first, within */
	}
	dlclose(handle);
	tell(2 * rounds);
}

void by_vtable()
{
	void *handle = must_open(in_dir("odd_vtable.so"));
	auto *make = find<zoo_shape *(int)>(handle, "vtable_make");

	for (uint64_t i = 0; i < rounds; i++) {
		zoo_shape *shape = make(2);

		shape->area(1);
		shape->edges();
		delete shape;
	}
	dlclose(handle);
	tell(4 * rounds); /* with the destructor */
}

void by_ifunc()
{
	void *handle = must_open(in_dir("odd_ifunc.so"));
	auto *f = find<int(int)>(handle, "indirect_work");

	for (uint64_t i = 0; i < rounds; i++)
		f(1);
	dlclose(handle);
	tell(rounds);
}

void by_version()
{
	void *handle = must_open(in_dir("odd_versions.so"));
	auto *old = reinterpret_cast<int (*)(int)>(dlvsym(handle, "version_work", "V1"));
	auto *fresh = reinterpret_cast<int (*)(int)>(dlvsym(handle, "version_work", "V2"));

	if (!old || !fresh || old(1) != 2 || fresh(1) != 3)
		workload_die("dlvsym");
	for (uint64_t i = 1; i < rounds; i++) {
		old(1);
		fresh(1);
	}
	dlclose(handle);
	tell(2 * rounds);
}

void big()
{
	void *handle = must_open(in_dir("odd_big.so"));
	std::vector<int (*)(int)> functions;

	for (int i = 1000; i < 11000; i += 100)
		functions.push_back(find<int(int)>(handle, ("big_" + std::to_string(i)).c_str()));
	sleep(2); /* there is much to probe */
	for (uint64_t i = 0; i < rounds; i++)
		for (auto *f : functions)
			f(1);
	tell(rounds * functions.size());
}

/* One file under several names is one plugin; a copy is another. */
void names()
{
	void *a, *b, *c, *d;

	copy(in_dir("plain.so"), "one.so");
	copy(in_dir("plain.so"), "two.so");
	if (link("one.so", "hard.so") || symlink("one.so", "soft.so"))
		workload_die("link");
	a = must_open("./one.so");
	b = must_open("./hard.so");
	c = must_open("./soft.so");
	d = must_open("./two.so");
	call(a, rounds);
	call(b, rounds);
	call(c, rounds);
	call(d, rounds);
	workload_truth("{\"one.so\":%lu,\"two.so\":%lu,\"reopens\":2}", 3 * rounds, rounds);
}

void deleted()
{
	void *handle;

	copy(in_dir("plain.so"), "gone.so");
	handle = must_open("./gone.so");
	unlink("gone.so");
	call(handle, rounds);
	tell(rounds);
}

void in_memory()
{
	int fd = memfd_create("remembered", 0);
	std::string path = "/proc/self/fd/" + std::to_string(fd);
	void *handle;

	copy(in_dir("plain.so"), path);
	handle = must_open(path);
	close(fd);
	call(handle, rounds);
	tell(rounds);
}

/* A relative path, of names that mean something elsewhere. */
void odd_path()
{
	const char *folder = "a b;c$(d)\"e\"\ttab";
	std::string deep =
	    std::string(folder) + "/" + std::string(200, 'x') + "/" + std::string(200, 'y');
	void *handle, *far;

	mkdir(folder, 0755);
	mkdir((std::string(folder) + "/" + std::string(200, 'x')).c_str(), 0755);
	mkdir(deep.c_str(), 0755);
	copy(in_dir("plain.so"), std::string(folder) + "/od d;1.so");
	copy(in_dir("plain.so"), deep + "/far.so");
	handle = must_open(std::string("./") + folder + "/od d;1.so");
	far = must_open("./" + deep + "/far.so");
	call(handle, rounds);
	call(far, rounds);
	workload_truth("{\"od d;1.so\":%lu,\"far.so\":%lu}", rounds, rounds);
}

void namespaces()
{
	void *handle = dlmopen(LM_ID_NEWLM, in_dir("odd_ifunc.so").c_str(), RTLD_NOW);
	void *usual = must_open(in_dir("odd_versions.so"));
	int (*f)(int);

	if (!handle) {
		fprintf(stderr, "%s\n", dlerror());
		workload_die("dlmopen");
	}
	f = find<int(int)>(handle, "indirect_work");
	for (uint64_t i = 0; i < rounds; i++)
		f(1);
	find<int(int)>(usual, "version_work")(1);
	dlclose(handle);
	workload_truth("{\"odd_ifunc.so\":%lu,\"odd_versions.so\":1}", rounds);
}

/* In children that die of it: unloaded while it runs, crashes, aborts, ends the process. */
int in_child(void (*body)(void *handle))
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		void *handle = must_open(in_dir("plain.so"));

		pause_a_moment();
		body(handle);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

void deaths()
{
	int abort_signal = in_child([](void *h) { find<int(int)>(h, "plain_abort")(1); });
	int crash_signal = in_child([](void *h) { find<int(int)>(h, "plain_crash")(8); });
	int status = in_child([](void *h) { find<int(int)>(h, "plain_exit")(3); });
	int unload_signal = in_child([](void *h) {
		auto *nap = find<int(int)>(h, "plain_sleep");
		std::thread inside([nap] { nap(400); });

		usleep(100000);
		dlclose(h);
		inside.join();
	});
	int host_signal = in_child([](void *h) {
		call(h, 1);
		abort(); /* the host's own */
	});

	workload_truth("{\"abort\":%d,\"crash\":%d,\"exit\":%d,\"unload\":%d,\"host\":%d}",
		       abort_signal, crash_signal, -status, unload_signal, host_signal);
}

void hang()
{
	void *handle = must_open(in_dir("plain.so"));
	auto *nap = find<int(int)>(handle, "plain_sleep");
	auto *inside = new std::thread([nap] { nap(3600000); });

	nap(1200);
	inside->detach();
	workload_truth("{\"executions\":1,\"timed_out\":2,\"in_flight\":1}");
}

void memory()
{
	void *handle = must_open(in_dir("plain.so"));
	auto *alloc = find<int(int, size_t)>(handle, "plain_alloc");
	auto *map = find<int(size_t)>(handle, "plain_map");

	pause_a_moment();
	for (uint64_t i = 0; i < rounds; i++)
		alloc(100, 1000);
	map(64UL << 20);
	workload_truth("{\"allocs\":%lu,\"bytes\":%lu,\"mapped\":%lu,\"pages\":%lu}", 100 * rounds,
		       100000 * rounds, 64UL << 20, 64UL << 8);
}

/* What it does by itself is none of the host's calls. */
void by_itself()
{
	void *handle = must_open(in_dir("plain.so"));

	find<int(int)>(handle, "plain_threads")(static_cast<int>(rounds));
	if (find<int(int)>(handle, "plain_signal")(5) != 5)
		workload_die("signals");
	find<int(int)>(handle, "plain_fork")(1);
	tell(3);
}

void *deep_plugin;
int depth_left;

/* The host's function that plain_back() calls: to and fro. */
int to_and_fro(int n)
{
	if (depth_left-- <= 0)
		return n;
	return find<int(int)>(deep_plugin, "plain_back")(n);
}

void deep()
{
	deep_plugin = must_open(in_dir("plain.so"));
	for (uint64_t i = 0; i < rounds; i++) {
		depth_left = static_cast<int>(many);
		to_and_fro(1);
	}
	tell(rounds * many);
}

void spin()
{
	void *handle = must_open(in_dir("plain.so"));

	pause_a_moment();
	find<int(int)>(handle, "plain_spin")(static_cast<int>(rounds));
	tell(1);
}

/* A call after every hundred microseconds of work, for so many ms. */
void hot()
{
	void *handle = must_open(in_dir("plain.so"));
	auto *call_it = find<int(int)>(handle, "plain_work");
	uint64_t end_ns, calls = 0;

	pause_a_moment();
	end_ns = workload_wall_ns() + rounds * 1000000;
	for (; workload_wall_ns() < end_ns; calls++) {
		call_it(1);
		workload_spin(100000);
	}
	tell(calls);
}

void many_plugins()
{
	std::vector<void *> handles;

	for (unsigned int i = 0; i < many; i++)
		copy(in_dir("odd_ifunc.so"), "many" + std::to_string(i) + ".so");
	for (unsigned int i = 0; i < many; i++)
		handles.push_back(must_open("./many" + std::to_string(i) + ".so"));
	for (uint64_t i = 0; i < rounds; i++)
		for (void *h : handles)
			find<int(int)>(h, "indirect_work")(1);
	for (void *h : handles)
		dlclose(h);
	tell(rounds * many);
}

/* Questions and requests that load nothing. */
void nothing()
{
	dlopen(nullptr, RTLD_NOW);
	dlopen(in_dir("plain.so").c_str(), RTLD_NOW | RTLD_NOLOAD);
	dlopen("", RTLD_NOW);
	dlopen("libc.so.6", RTLD_NOW);
	workload_truth("{}");
}

const struct {
	const char *name;
	void (*run)();
} modes[] = {
	{ "work", work },
	{ "threads", in_threads },
	{ "rounds", again_and_again },
	{ "constructor", from_constructor },
	{ "table", by_table },
	{ "vtable", by_vtable },
	{ "ifunc", by_ifunc },
	{ "versions", by_version },
	{ "big", big },
	{ "names", names },
	{ "deleted", deleted },
	{ "memfd", in_memory },
	{ "path", odd_path },
	{ "dlmopen", namespaces },
	{ "deaths", deaths },
	{ "hang", hang },
	{ "memory", memory },
	{ "itself", by_itself },
	{ "deep", deep },
	{ "spin", spin },
	{ "hot", hot },
	{ "many", many_plugins },
	{ "nothing", nothing },
};
} // namespace

extern "C" {
void zoo_register(const struct zoo_table *table)
{
	registered = table;
}

__attribute__((noipa)) int zoo_host(int n)
{
	if (deep_plugin)
		return to_and_fro(n);
	return find<int(int)>(plain, "plain_work")(n);
}
}

int main(int argc, char **argv)
{
	char exe[4096] = "";

	rounds = workload_option(argc, argv, "-n", 10);
	patience_us = static_cast<unsigned int>(workload_option(argc, argv, "-p", 0)) * 1000;
	many = static_cast<unsigned int>(workload_option(argc, argv, "-t", 4));
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		workload_die("readlink");
	dir = std::string(exe).substr(0, std::string(exe).rfind('/'));
	workload_ready();
	for (const auto &m : modes)
		if (argc > 1 && !strcmp(argv[1], m.name))
			m.run();
	workload_end();
	return 0;
}
