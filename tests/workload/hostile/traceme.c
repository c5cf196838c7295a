/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that trace: looks for a tracer of its own, as those do that fear debuggers; a child
 * that asks for PTRACE_TRACEME and is stepped, instruction by instruction, through functions;
 * one that is stopped and continued at signals; and an `int3` of its own that its handler takes.
 */
#include "tally.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t traps;

NOIPA uint64_t stepped_leaf(uint64_t n)
{
	tally_call("stepped_leaf");
	return n + 1;
}

NOIPA uint64_t stepped_top(uint64_t n)
{
	uint64_t ret;

	tally_call("stepped_top");
	ret = stepped_leaf(n) + stepped_leaf(n + 1);
	BARRIER();
	return ret;
}

NOIPA int has_trap(int n)
{
	tally_call("has_trap");
	__asm__ volatile("int3");
	return n;
}

static void on_trap(int sig)
{
	traps += sig == SIGTRAP;
}

/* The PID of whoever traces this process, by its own eyes. */
NOIPA int tracer_pid(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	int pid = -1;

	tally_call("tracer_pid");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "TracerPid:", 10))
			pid = atoi(line + 10);
	if (f)
		fclose(f);
	return pid;
}

static uint64_t calls_run(uint64_t rounds)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < rounds; i++)
		sum += stepped_top(i);
	return sum & 0x7f;
}

/* The child's exit status; it is continued by `request` at each of its stops. */
static int child_run(int request, uint64_t rounds)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(120);
		raise(SIGSTOP);
		for (int i = 0; request == PTRACE_CONT && i < 20; i++) {
			raise(SIGUSR1);
			stepped_leaf(1);
		}
		_exit((int)calls_run(rounds));
	}
	for (;;) {
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			workload_die("wait");
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		if (WIFSIGNALED(status))
			return 128 + WTERMSIG(status);
		/* The signal is not handed on: SIGUSR1 would end it. */
		if (ptrace(request, pid, 0, 0))
			workload_die("ptrace");
	}
}

int main(void)
{
	int tracer, stepped, continued;

	tally_init();
	signal(SIGTRAP, on_trap);
	workload_ready();
	tracer = tracer_pid();
	for (int i = 0; i < 50; i++)
		has_trap(i);
	stepped = child_run(PTRACE_SINGLESTEP, 20);
	continued = child_run(PTRACE_CONT, 200);
	tally_print(",\"tracer\":%d,\"traps\":%d,\"stepped\":%d,\"continued\":%d,\"alone\":%ld",
		    tracer, (int)traps, stepped, continued, ptrace(PTRACE_TRACEME, 0, 0, 0));
	workload_end();
	return 0;
}
