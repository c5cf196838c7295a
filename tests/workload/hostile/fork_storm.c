/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * -n short children, eight at a time, that call functions at once and end; every eighth one forks
 * a child of its own. With -inside 1, fork() is called in the middle of functions, from which
 * parent and child return both.
 */
#include "tally.h"

#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_A_TIME 8

NOIPA int child_leaf(int n)
{
	tally_call("child_leaf");
	return n & 3;
}

NOIPA int child_top(int n)
{
	int sum = 0;

	tally_call("child_top");
	for (int i = 0; i < 3; i++)
		sum += child_leaf(n + i);
	BARRIER();
	return sum;
}

NOIPA void child_ends(int n)
{
	tally_call("child_ends");
	tally_unwound("child_ends");
	_exit(n & 7);
}

static void child_run(int n)
{
	int status;

	child_top(n);
	if (n % 8 == 0) {
		pid_t pid = fork();

		if (pid == 0) {
			child_top(n);
			child_ends(1);
		}
		waitpid(pid, &status, 0);
	}
	child_ends(n);
}

NOIPA pid_t forks_leaf(void)
{
	pid_t pid;

	tally_call("forks_leaf");
	pid = fork();
	BARRIER();
	return pid;
}

NOIPA pid_t forks_top(void)
{
	pid_t pid;

	tally_call("forks_top");
	pid = forks_leaf();
	BARRIER();
	return pid;
}

static uint64_t reap(void)
{
	int status;

	if (wait(&status) < 0)
		workload_die("wait");
	return WIFEXITED(status) ? (uint64_t)WEXITSTATUS(status) : 1000;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 400), sum = 0;
	bool inside = workload_option(argc, argv, "-inside", 0);

	tally_init();
	workload_ready();
	for (uint64_t i = 0; i < rounds; i++) {
		pid_t pid = inside ? forks_top() : fork();

		if (pid < 0)
			workload_die("fork");
		if (pid == 0)
			child_run((int)i);
		if (i >= AT_A_TIME)
			sum += reap();
	}
	for (uint64_t i = 0; i < rounds && i < AT_A_TIME; i++)
		sum += reap();
	tally_print(",\"sum\":%lu", sum);
	workload_end();
	return 0;
}
