/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A running target of many functions, that sees by itself when probes are live and when they are
 * gone: from "ready" until a word on standard input, or its end, it calls sixteen of them, the
 * first of all and the last among them, and whenever another number of them has become slow it says
 * so:
 *
 *   {"probed": N, "ns": CLOCK_MONOTONIC of when it was noticed first}
 *
 * Eight are among the first thousand.
 */
#include "watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define WATCHED   16
#define CALLS     10
#define AGREEMENT 3    /* rounds that must see the same: one may have been interrupted */
#define PROBED_NS 1000 /* for CALLS calls: below the cheapest trap, far above the dearest call */

static atomic_bool stop;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint32_t watched(uint32_t i)
{
	const uint32_t half = WATCHED / 2;

	return i < half ? i * 999 / (half - 1)
			: 1000 + (i - half) * (functions_n - 1001) / (half - 1);
}

static bool is_probed(uint32_t function)
{
	uint64_t start = now_ns();

	for (int n = 0; n < CALLS; n++)
		functions[function](n);
	return now_ns() - start > PROBED_NS;
}

static uint32_t count_probed(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < WATCHED; i++)
		n += is_probed(watched(i));
	return n;
}

static void *watch(void *arg)
{
	uint32_t said = 0, seen = 0, rounds = 0;
	uint64_t since = 0;

	(void)arg;
	while (!stop) {
		uint64_t now = now_ns();
		uint32_t n = count_probed();

		if (n != seen) {
			seen = n;
			since = now;
			rounds = 0;
		}
		if (++rounds == AGREEMENT && seen != said) {
			said = seen;
			printf("{\"probed\": %u, \"ns\": %lu}\n", said, since);
		}
	}
	return NULL;
}

int main(void)
{
	pthread_t thread;
	char c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	if (pthread_create(&thread, NULL, watch, NULL))
		abort();
	if (read(STDIN_FILENO, &c, 1) < 0)
		perror("standard input");
	stop = true;
	pthread_join(thread, NULL);
	return 0;
}
