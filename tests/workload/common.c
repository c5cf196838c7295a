/* SPDX-License-Identifier: GPL-2.0-only */
/* The protocol of common.h. Reads by the byte, so that what follows a word stays unread. */
#include "common.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NSEC 1000000000ULL

static void line_wait(void)
{
	char c = 0;
	ssize_t n;

	do {
		n = read(STDIN_FILENO, &c, 1);
	} while ((n == 1 && c != '\n') || (n < 0 && errno == EINTR));
}

void workload_ready(void)
{
	/* One write() of our own: stdio buffers would be inherited by forked children. */
	if (write(STDOUT_FILENO, "ready\n", 6) != 6)
		workload_die("ready");
	line_wait();
}

void workload_truth(const char *fmt, ...)
{
	char line[8192];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(line) - 1)
		workload_die("truth");
	line[n++] = '\n';
	if (write(STDOUT_FILENO, line, n) != n)
		workload_die("truth");
}

void workload_end(void)
{
	line_wait();
}

void workload_die(const char *what)
{
	perror(what);
	exit(1);
}

uint64_t workload_option(int argc, char **argv, const char *name, uint64_t value)
{
	for (int i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return strtoull(argv[i + 1], NULL, 10);
	return value;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NSEC + (uint64_t)ts.tv_nsec;
}

uint64_t workload_wall_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t workload_thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t workload_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void workload_spin(uint64_t ns)
{
	uint64_t end = workload_thread_cpu_ns() + ns;
	volatile uint64_t sink = 0;

	/* The clock is a system call: look at it about every 50 µs. */
	while (workload_thread_cpu_ns() < end)
		for (uint32_t i = 0; i < 25000; i++)
			sink = sink + i;
}
