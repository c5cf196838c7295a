/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes, threads and libraries that come and go: children by fork() that exit with 0 and 3
 * and die of SIGSEGV and SIGKILL, /bin/true by vfork() and by posix_spawn(), -t THREADS one after
 * the other, and -n calls into libplug.so, which is opened after "go" (and closed again).
 */
#include "common.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct end {
	pid_t pid;
	int status;
};

/* Each child computes a little, so that its name can be seen in samples and spans. */
NOIPA void child_work(void)
{
	workload_spin(2000000);
	BARRIER();
}

/* what: an exit status, or a fatal signal as its negative. */
NOIPA struct end child_run(int what)
{
	struct end end = { .pid = fork() };

	if (end.pid == 0) {
		struct rlimit none = {};

		setrlimit(RLIMIT_CORE, &none);
		child_work();
		if (what >= 0)
			_exit(what);
		raise(-what);
		_exit(100);
	}
	waitpid(end.pid, &end.status, 0);
	return end;
}

NOIPA struct end vfork_run(void)
{
	struct end end = { .pid = vfork() };

	if (end.pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	waitpid(end.pid, &end.status, 0);
	return end;
}

NOIPA struct end spawn_run(void)
{
	char *argv[] = { "true", NULL };
	struct end end = {};

	if (posix_spawn(&end.pid, "/bin/true", NULL, NULL, argv, environ))
		workload_die("posix_spawn");
	waitpid(end.pid, &end.status, 0);
	return end;
}

NOIPA void *thread_work(void *arg)
{
	workload_spin(200000);
	return arg;
}

static void threads_run(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, thread_work, NULL))
			workload_die("pthread_create");
		pthread_join(thread, NULL);
	}
}

/* Calls into the library, which lies beside the program; the number of failed calls. */
static uint64_t plug_run(uint64_t n)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 16);
	uint64_t failed = 0;
	int (*enter)(int);
	void *plug;

	if (len < 0)
		workload_die("/proc/self/exe");
	path[len] = '\0';
	strcpy(strrchr(path, '/') + 1, "libplug.so");
	plug = dlopen(path, RTLD_NOW);
	if (!plug)
		workload_die(dlerror());
	/* A tracer that probes objects loaded later needs a moment; the truth is about what
	 * follows. */
	usleep(700000);
	*(void **)&enter = dlsym(plug, "plug_enter");
	for (uint64_t i = 0; i < n; i++)
		failed += enter((int)i) < 0;
	dlclose(plug);
	return failed;
}

static void truth_print(const struct end *ends, int n, uint64_t threads, uint64_t calls,
			uint64_t failed)
{
	char list[1024];
	int len = 0;

	for (int i = 0; i < n; i++) {
		int status = ends[i].status;

		len +=
		    snprintf(list + len, sizeof(list) - (size_t)len, "%s[%d,%d,%d]", i ? "," : "",
			     ends[i].pid, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
			     WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
	workload_truth("{\"pid\":%d,\"ends\":[%s],\"threads\":%lu,\"plug_calls\":%lu,"
		       "\"plug_failed\":%lu}",
		       getpid(), list, threads, calls, failed);
}

int main(int argc, char **argv)
{
	uint64_t threads = workload_option(argc, argv, "-t", 20);
	uint64_t calls = workload_option(argc, argv, "-n", 100);
	struct end ends[6];
	uint64_t failed;

	workload_ready();
	ends[0] = child_run(0);
	ends[1] = child_run(3);
	ends[2] = child_run(-SIGSEGV);
	ends[3] = child_run(-SIGKILL);
	ends[4] = vfork_run();
	ends[5] = spawn_run();
	threads_run(threads);
	failed = plug_run(calls);
	truth_print(ends, 6, threads, calls, failed);
	workload_end();
	return 0;
}
