/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Children that share memory and stack with their parent, -n of each: vfork() whose child calls
 * functions and ends, or runs this program anew ("child"); posix_spawn() of the same; an exec that
 * fails; and fork() whose child runs this program in the middle of a function.
 */
#include "tally.h"

#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SELF         "/proc/self/exe"
#define CHILD_STATUS 7
#define CHILD_CALLS  5

extern char **environ;

static char *child_argv[] = { "vforks", "child", NULL };

NOIPA int in_new_program(int n)
{
	BARRIER();
	return n + 1;
}

NOIPA int in_vfork(int n)
{
	tally_call("in_vfork");
	return n;
}

NOIPA int runs_program(const char *path)
{
	tally_call("runs_program");
	if (!strcmp(path, SELF))
		tally_unwound("runs_program");
	execve(path, child_argv, environ);
	BARRIER();
	return 1;
}

static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		workload_die("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

NOIPA int vforks_and_ends(void)
{
	pid_t pid;

	tally_call("vforks_and_ends");
	pid = vfork();
	if (pid == 0)
		_exit(in_vfork(3));
	return status_of(pid);
}

NOIPA int vforks_and_runs(void)
{
	pid_t pid;

	tally_call("vforks_and_runs");
	pid = vfork();
	if (pid == 0) {
		in_vfork(1);
		runs_program("/nonexistent");
		runs_program(SELF);
		_exit(127);
	}
	return status_of(pid);
}

NOIPA int spawns(void)
{
	pid_t pid = -1;

	tally_call("spawns");
	if (posix_spawn(&pid, SELF, NULL, NULL, child_argv, environ))
		workload_die("posix_spawn");
	return status_of(pid);
}

NOIPA int forks_and_runs(void)
{
	pid_t pid;

	tally_call("forks_and_runs");
	pid = fork();
	if (pid == 0) {
		runs_program(SELF);
		_exit(127);
	}
	return status_of(pid);
}

static int child_main(void)
{
	int n = CHILD_STATUS - CHILD_CALLS;

	for (int i = 0; i < CHILD_CALLS; i++)
		n = in_new_program(n);
	return n;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 20);
	uint64_t ended[4] = {};

	if (argc == 2 && !strcmp(argv[1], "child"))
		return child_main();
	tally_init();
	workload_ready();
	for (uint64_t i = 0; i < rounds; i++) {
		ended[0] += vforks_and_ends() == 3;
		ended[1] += vforks_and_runs() == CHILD_STATUS;
		ended[2] += spawns() == CHILD_STATUS;
		ended[3] += forks_and_runs() == CHILD_STATUS;
	}
	tally_calls("in_new_program", 3 * rounds * CHILD_CALLS);
	tally_print(",\"ended\":[%lu,%lu,%lu,%lu]", ended[0], ended[1], ended[2], ended[3]);
	workload_end();
	return 0;
}
