/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deaths in the middle of functions: children that die of several signals with two calls open,
 * another thread of each with one call open; a child that ends by exit() from inside; and with
 * -self SIGNAL the program itself, when the truth has been told.
 */
#include "tally.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static sem_t inside;

/* What a call that ends with the process is counted as; type NULL: no failure. */
static void dies(const char *name, const char *type)
{
	tally_call(name);
	tally_unwound(name);
	if (type)
		tally_error(name, type);
}

static const char *type_of(int sig)
{
	static char text[32];

	if (!sig)
		return NULL;
	snprintf(text, sizeof(text), "signal SIG%s", sigabbrev_np(sig));
	return text;
}

NOIPA int waits_meanwhile(void)
{
	tally_call("waits_meanwhile");
	tally_unwound("waits_meanwhile");
	sem_post(&inside);
	for (;;)
		pause();
	return 1;
}

NOIPA int dies_inner(int sig)
{
	dies("dies_inner", type_of(sig));
	if (sig == SIGSEGV)
		*(volatile int *)8 = 1;
	if (sig == SIGILL)
		__builtin_trap();
	if (sig == SIGABRT)
		abort();
	if (sig == 0)
		exit(9);
	raise(sig);
	BARRIER();
	return 1;
}

NOIPA int dies_outer(int sig)
{
	int ret;

	dies("dies_outer", type_of(sig));
	ret = dies_inner(sig);
	BARRIER();
	return ret + 1;
}

static void *other_thread(void *arg)
{
	waits_meanwhile();
	return arg;
}

static int child_run(int sig)
{
	pid_t pid = fork();
	pthread_t thread;
	int status;

	if (pid == 0) {
		if (pthread_create(&thread, NULL, other_thread, NULL))
			_exit(111);
		sem_wait(&inside);
		dies_outer(sig);
		_exit(112);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		workload_die("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	static const int signals[] = { SIGSEGV, SIGABRT, SIGILL, SIGTERM, SIGKILL, 0 };
	int self = (int)workload_option(argc, argv, "-self", 0), ended[6];
	struct rlimit none = {};

	setrlimit(RLIMIT_CORE, &none);
	tally_init();
	sem_init(&inside, 0, 0);
	workload_ready();
	for (int i = 0; i < 6; i++)
		ended[i] = self ? 0 : child_run(signals[i]);
	if (self) {
		/* dies_inner() and dies_outer() count again, when nobody reads it any more. */
		dies("dies_outer", type_of(self));
		dies("dies_inner", type_of(self));
	}
	tally_print(",\"ended\":[%d,%d,%d,%d,%d,%d]", ended[0], ended[1], ended[2], ended[3],
		    ended[4], ended[5]);
	workload_end();
	if (self)
		dies_outer(self);
	return 0;
}
