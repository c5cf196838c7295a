/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A known profile: twelve functions share -s MILLISECONDS of CPU time. -m 0: equal shares; -m 1:
 * each has four fifths of the one before; -m 2: they are jobs of a worker that takes them from a
 * queue, and every other one sleeps, longer the further behind. Which one runs is drawn anew every
 * time, and for how long, so that no sampling rate can lock on. The truth is each function's time
 * on the CPU and on the clock.
 */
#include "common.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FUNCTIONS 12
#define SLICE_NS  400000 /* on average */

struct used {
	uint64_t cpu_ns, wall_ns, calls;
};

static struct used used[FUNCTIONS];
static double weights[FUNCTIONS];
static uint32_t seed = 1;

#define FUNCTION(name)                                                                             \
	NOIPA void name(uint64_t ns, uint64_t sleep_us)                                            \
	{                                                                                          \
		workload_spin(ns);                                                                 \
		if (sleep_us)                                                                      \
			usleep((useconds_t)sleep_us);                                              \
		BARRIER();                                                                         \
	}

FUNCTION(work_a)
FUNCTION(work_b)
FUNCTION(work_c)
FUNCTION(work_d)
FUNCTION(work_e)
FUNCTION(work_f)
FUNCTION(work_g)
FUNCTION(work_h)
FUNCTION(work_i)
FUNCTION(work_j)
FUNCTION(work_k)
FUNCTION(work_l)

static void (*const functions[FUNCTIONS])(uint64_t, uint64_t) = {
	work_a, work_b, work_c, work_d, work_e, work_f,
	work_g, work_h, work_i, work_j, work_k, work_l,
};

/* 0 … 1 */
static double draw(void)
{
	seed = seed * 1664525 + 1013904223;
	return (double)(seed >> 8) / (1 << 24);
}

static int pick(void)
{
	double at = draw();

	for (int i = 0; i < FUNCTIONS - 1; i++) {
		at -= weights[i];
		if (at < 0)
			return i;
	}
	return FUNCTIONS - 1;
}

/* Calls a function and keeps account of it. */
NOIPA void run_job(int i, bool sleeps)
{
	uint64_t cpu = workload_thread_cpu_ns(), wall = workload_wall_ns();
	uint64_t sleep_us = sleeps && i % 2 ? 500 * (uint64_t)i : 0;

	functions[i]((uint64_t)((0.5 + draw()) * SLICE_NS), sleep_us);
	used[i].cpu_ns += workload_thread_cpu_ns() - cpu;
	used[i].wall_ns += workload_wall_ns() - wall;
	used[i].calls++;
}

static uint64_t used_ns(void)
{
	uint64_t ns = 0;

	for (int i = 0; i < FUNCTIONS; i++)
		ns += used[i].cpu_ns;
	return ns;
}

NOIPA void run_batch(uint64_t budget_ns)
{
	while (used_ns() < budget_ns)
		run_job(pick(), false);
}

/* A queue of one. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int job = -1;

NOIPA int queue_pop(void)
{
	int i;

	pthread_mutex_lock(&lock);
	while (job < 0)
		pthread_cond_wait(&changed, &lock);
	i = job;
	job = -1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return i;
}

NOIPA void queue_push(int i)
{
	pthread_mutex_lock(&lock);
	while (job >= 0)
		pthread_cond_wait(&changed, &lock);
	job = i;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

NOIPA void *worker(void *arg)
{
	int i;

	while ((i = queue_pop()) < FUNCTIONS)
		run_job(i, true);
	return arg;
}

/* Jobs come one by one, with pauses. */
static void run_jobs(uint64_t budget_ns)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, worker, NULL))
		workload_die("pthread_create");
	while (used_ns() < budget_ns) {
		queue_push(pick());
		if (draw() < 0.2)
			usleep(3000);
	}
	queue_push(FUNCTIONS);
	pthread_join(thread, NULL);
}

static void set_weights(bool skewed)
{
	double sum = 0, weight = 1;

	for (int i = 0; i < FUNCTIONS; i++) {
		weights[i] = weight;
		sum += weight;
		weight *= skewed ? 0.8 : 1;
	}
	for (int i = 0; i < FUNCTIONS; i++)
		weights[i] /= sum;
}

int main(int argc, char **argv)
{
	uint64_t mode = workload_option(argc, argv, "-m", 0);
	uint64_t budget_ns = workload_option(argc, argv, "-s", 2000) * 1000000;
	char truth[FUNCTIONS * 100] = "";
	size_t len = 0;

	set_weights(mode == 1);
	workload_ready();
	if (mode == 2)
		run_jobs(budget_ns);
	else
		run_batch(budget_ns);
	for (int i = 0; i < FUNCTIONS; i++)
		len += (size_t)snprintf(truth + len, sizeof(truth) - len,
					"%s\"work_%c\":{\"cpu_ns\":%lu,\"wall_ns\":%lu,"
					"\"calls\":%lu}",
					i ? "," : "", 'a' + i, used[i].cpu_ns, used[i].wall_ns,
					used[i].calls);
	workload_truth("{%s}", truth);
	workload_end();
	return 0;
}
