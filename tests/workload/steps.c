/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls on command, for a trace that is changed while it runs. Each line on standard input is done
 * and answered by a line of JSON with the calls so far, this process's own:
 *
 *   run N      N times round_r ── step_a ── step_b ×2      step_b fails (-1) once in four calls
 *                              ── step_c
 *   hold       another thread enters hold_h, and stays in it
 *   release    it leaves
 *   fork       a child is made, which does nothing
 *   child N    the child does as above, N times
 *   end        exits (the child, too)
 *
 * The first thread waits in between: nothing but what was asked for happens.
 */
#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t rounds, child_rounds, step_b_calls, step_b_failed, holds;
static sem_t enter, inside, leave, outside;
static int to_child = -1, from_child = -1;
static pid_t child;

NOIPA int step_b(uint64_t n)
{
	BARRIER();
	return n % 4 == 0 ? -1 : (int)(n & 0xff);
}

NOIPA int step_a(uint64_t n)
{
	int failed = step_b(2 * n) < 0;

	failed += step_b(2 * n + 1) < 0;
	step_b_calls += 2;
	step_b_failed += (uint64_t)failed;
	return failed;
}

NOIPA void step_c(void)
{
	BARRIER();
}

NOIPA void round_r(uint64_t n)
{
	step_a(n);
	step_c();
	BARRIER();
}

static void run(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		round_r(rounds++);
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) && errno == EINTR)
		;
}

NOIPA void hold_h(void)
{
	sem_post(&inside);
	wait_for(&leave);
	BARRIER();
}

static void *holder(void *arg)
{
	for (;;) {
		wait_for(&enter);
		hold_h();
		sem_post(&outside);
	}
	return arg;
}

/* In the child: a number on the pipe is rounds to do, its end is the end. */
static void be_child(int in, int out)
{
	uint64_t n;

	while (read(in, &n, sizeof(n)) == sizeof(n)) {
		run(n);
		if (write(out, &n, sizeof(n)) != sizeof(n))
			break;
	}
	_exit(0);
}

static void make_child(void)
{
	int down[2], up[2];

	if (pipe(down) || pipe(up))
		workload_die("pipe");
	child = fork();
	if (!child) {
		close(down[1]);
		close(up[0]);
		be_child(down[0], up[1]);
	}
	close(down[0]);
	close(up[1]);
	to_child = down[1];
	from_child = up[0];
}

static void run_child(uint64_t n)
{
	if (write(to_child, &n, sizeof(n)) != sizeof(n) ||
	    read(from_child, &n, sizeof(n)) != sizeof(n))
		workload_die("child");
	child_rounds += n;
}

static void hold(void)
{
	sem_post(&enter);
	wait_for(&inside);
	holds++;
}

static void release(void)
{
	sem_post(&leave);
	wait_for(&outside);
}

static bool do_line(const char *line)
{
	uint64_t n = strchr(line, ' ') ? strtoull(strchr(line, ' '), NULL, 10) : 0;

	if (!strncmp(line, "run ", 4))
		run(n);
	else if (!strncmp(line, "child ", 6))
		run_child(n);
	else if (!strcmp(line, "hold\n"))
		hold();
	else if (!strcmp(line, "release\n"))
		release();
	else if (!strcmp(line, "fork\n"))
		make_child();
	else
		return false;
	return true;
}

int main(void)
{
	char line[64];
	pthread_t thread;

	sem_init(&enter, 0, 0);
	sem_init(&inside, 0, 0);
	sem_init(&leave, 0, 0);
	sem_init(&outside, 0, 0);
	if (pthread_create(&thread, NULL, holder, NULL))
		workload_die("pthread_create");
	if (write(STDOUT_FILENO, "ready\n", 6) != 6)
		workload_die("ready");
	while (fgets(line, sizeof(line), stdin) && do_line(line))
		workload_truth("{\"round_r\": %" PRIu64 ", \"step_a\": %" PRIu64
			       ", \"step_b\": %" PRIu64 ", \"step_b_failed\": %" PRIu64
			       ", \"step_c\": %" PRIu64 ", \"hold_h\": %" PRIu64
			       ", \"child\": %d, \"child_rounds\": %" PRIu64 "}",
			       rounds, rounds, step_b_calls, step_b_failed, rounds, holds,
			       (int)child, child_rounds);
	if (child > 0) {
		close(to_child);
		waitpid(child, NULL, 0);
	}
	return 0;
}
