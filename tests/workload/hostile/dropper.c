/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gives up root for nobody in the middle of its work, is no longer dumpable, and works on, with
 * threads and a child. Started by nobody's set-user-ID file, it is nobody from the beginning.
 */
#include "tally.h"

#include <grp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

NOIPA uint64_t before_drop(uint64_t n)
{
	tally_call("before_drop");
	return n + 1;
}

NOIPA uint64_t after_drop(uint64_t n)
{
	tally_call("after_drop");
	return n + 2;
}

NOIPA int drops(void)
{
	int err;

	tally_call("drops");
	err = setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	      setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 0);
	BARRIER();
	return err;
}

static void *thread_run(void *arg)
{
	for (uint64_t i = 0; i < *(uint64_t *)arg; i++)
		after_drop(i);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 200);
	unsigned int begin = geteuid();
	pthread_t thread;
	int status = 0;
	pid_t pid;

	tally_init();
	workload_ready();
	for (uint64_t i = 0; i < rounds; i++)
		before_drop(i);
	if (begin == 0 && drops())
		workload_die("cannot become nobody");
	thread_run(&rounds);
	if (pthread_create(&thread, NULL, thread_run, &rounds) || pthread_join(thread, NULL))
		workload_die("pthread_create");
	pid = fork();
	if (pid == 0) {
		thread_run(&rounds);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	tally_print(",\"begin\":%u,\"end\":%u,\"child\":%d", begin, geteuid(), status);
	workload_end();
	return 4;
}
