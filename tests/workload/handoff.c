/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work that is handed to another thread: submit() wakes the worker, whose process() answers. One
 * request in fifty is slow, one in seven fails. -n REQUESTS.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

#define SLOW_US 30000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wanted = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static int request, answer;
static const char *request_name;
static bool has_request, has_answer;

NOIPA int lookup(int id, const char *name)
{
	if (id % 50 == 49)
		usleep(SLOW_US);
	BARRIER();
	return id % 7 || !*name ? id : -1;
}

NOIPA int process(int id, const char *name)
{
	int ret = lookup(id, name);

	BARRIER();
	return ret;
}

NOIPA void *answer_one(void *arg)
{
	int id, ret;

	pthread_mutex_lock(&lock);
	while (!has_request)
		pthread_cond_wait(&wanted, &lock);
	has_request = false;
	id = request;
	pthread_mutex_unlock(&lock);
	if (id < 0)
		return NULL;
	ret = process(id, request_name);
	pthread_mutex_lock(&lock);
	answer = ret;
	has_answer = true;
	pthread_cond_signal(&done);
	pthread_mutex_unlock(&lock);
	return arg;
}

static void *worker(void *arg)
{
	while (answer_one(arg))
		;
	return NULL;
}

NOIPA int submit(int id, const char *name)
{
	int ret;

	pthread_mutex_lock(&lock);
	request = id;
	request_name = name;
	has_request = true;
	pthread_cond_signal(&wanted);
	while (id >= 0 && !has_answer)
		pthread_cond_wait(&done, &lock);
	has_answer = false;
	ret = answer;
	pthread_mutex_unlock(&lock);
	return ret;
}

int main(int argc, char **argv)
{
	int n = (int)workload_option(argc, argv, "-n", 400), failed = 0, slow = 0;
	pthread_t thread;

	workload_ready();
	if (pthread_create(&thread, NULL, worker, &lock))
		workload_die("pthread_create");
	for (int i = 0; i < n; i++) {
		failed += submit(i, i % 2 ? "odd" : "even") < 0;
		slow += i % 50 == 49;
		usleep(500);
	}
	submit(-1, "");
	pthread_join(thread, NULL);
	workload_truth("{\"requests\":%d,\"failed\":%d,\"slow\":%d}", n, failed, slow);
	workload_end();
	return 0;
}
