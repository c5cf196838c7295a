/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work that is as hard on a tracer as can be, for -d MILLISECONDS, and how much of it was done when.
 * -m 0: one function is called over and over, some ten million times a second. -m 1: the shape
 * changes every two seconds: another function is hot, system calls, short sleeps, little to do.
 * -w N: each call computes so long. The truth has a bin for every ten milliseconds: how many units
 * were done, in how much CPU time.
 */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BIN_NS    10000000ULL
#define PHASE_NS  2000000000ULL
#define BINS_MAX  100000
#define BATCH     512

struct bin {
	uint64_t units, cpu_ns;
};

static struct bin *bins;
static uint64_t rounds, sink;

static inline __attribute__((always_inline)) void compute(void)
{
	uint64_t x = sink;

	for (uint64_t i = 0; i < rounds; i++)
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
	sink = x;
}

NOIPA void hot_a(void)
{
	compute();
	BARRIER();
}

NOIPA void hot_b(void)
{
	compute();
	BARRIER();
}

NOIPA void burst(int phase)
{
	for (int i = 0; i < BATCH; i++) {
		if (phase == 1)
			hot_b();
		else
			hot_a();
		BARRIER();
	}
}

NOIPA void ask_kernel(void)
{
	for (int i = 0; i < BATCH; i++)
		syscall(SYS_getppid);
	BARRIER();
}

NOIPA void nap(void)
{
	struct timespec t = { .tv_nsec = 50000 };

	hot_a();
	nanosleep(&t, NULL);
	BARRIER();
}

NOIPA void idle(void)
{
	struct timespec t = { .tv_nsec = 5000000 };

	burst(0);
	nanosleep(&t, NULL);
	BARRIER();
}

NOIPA void work(int phase)
{
	if (phase == 2)
		ask_kernel();
	else if (phase == 3)
		nap();
	else if (phase == 4)
		idle();
	else
		burst(phase);
}

int main(int argc, char **argv)
{
	uint64_t lasts_ns = workload_option(argc, argv, "-d", 5000) * 1000000;
	uint64_t changes = workload_option(argc, argv, "-m", 0);
	uint64_t begin, now, cpu, before = 0, bin = 0, n = lasts_ns / BIN_NS + 2;
	char *text, *at;

	rounds = workload_option(argc, argv, "-w", 70);
	bins = n < BINS_MAX ? calloc(n, sizeof(*bins)) : NULL;
	text = at = malloc(n * 48 + 1);
	if (!bins || !text)
		workload_die("memory");
	workload_ready();
	begin = now = workload_wall_ns();
	before = workload_cpu_ns();
	while (now - begin < lasts_ns) {
		int phase = changes ? (int)((now - begin) / PHASE_NS % 5) : 0;

		work(phase);
		bins[bin].units++;
		now = workload_wall_ns();
		if (now - begin >= (bin + 1) * BIN_NS) {
			cpu = workload_cpu_ns();
			bins[bin].cpu_ns = cpu - before;
			before = cpu;
			bin = (now - begin) / BIN_NS; /* what lies between was spent elsewhere */
			if (bin >= n)
				break;
		}
	}
	*at = '\0';
	for (uint64_t i = 0; i < lasts_ns / BIN_NS; i++)
		at += sprintf(at, "%s[%lu,%lu]", i ? "," : "", (unsigned long)bins[i].units,
			      (unsigned long)bins[i].cpu_ns);
	/* Longer than what workload_truth() has room for. */
	printf("{\"begin_ns\":%lu,\"bin_ns\":%lu,\"bins\":[%s]}\n", (unsigned long)begin,
	       (unsigned long)BIN_NS, text);
	fflush(stdout);
	workload_end();
	return 0;
}
