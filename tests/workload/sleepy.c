/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads off the CPU for known reasons. All of them exist before "ready" and until "end", so
 * that each thread's time off the CPU is the length of the trace less its time on it. Then for
 * -d MILLISECONDS each plays its role:
 *
 *   role_nanosleep   sleeps 3 ms at a time          role_poll    polls nothing, 5 ms at a time
 *   role_futex       futex wait with 2 ms timeout   role_cond    pthread_cond_timedwait, 4 ms
 *   role_asleep      sleeps all along               role_spin    computes (-s of them)
 *
 * main() waits in pthread_join() all the time; a thread of its own speaks the protocol.
 * A role calls wait_*(), which makes the system call.
 */
#include "common.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64

struct role {
	const char *name;
	void (*play)(void);
};

struct player {
	pthread_t thread;
	const struct role *role;
	pid_t tid;
};

static struct player players[MAX_THREADS];
static uint32_t player_cnt;
static pthread_barrier_t created, played;
static atomic_uint go, end; /* futex words */
static atomic_bool stop;
static uint64_t duration_ms;

static void futex_wait(atomic_uint *word, unsigned int value, const struct timespec *timeout)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout, NULL, 0);
}

static void futex_set(atomic_uint *word)
{
	*word = 1;
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, MAX_THREADS, NULL, NULL, 0);
}

NOIPA void wait_nanosleep(void)
{
	struct timespec nap = { .tv_nsec = 3000000 };

	syscall(SYS_nanosleep, &nap, NULL);
	BARRIER();
}

NOIPA void wait_poll(void)
{
	syscall(SYS_poll, NULL, 0, 5);
	BARRIER();
}

NOIPA void wait_futex(void)
{
	struct timespec timeout = { .tv_nsec = 2000000 };
	atomic_uint word = 0;

	futex_wait(&word, 0, &timeout);
	BARRIER();
}

NOIPA void wait_cond(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 4000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&mutex);
	pthread_cond_timedwait(&cond, &mutex, &until);
	pthread_mutex_unlock(&mutex);
}

NOIPA void wait_asleep(void)
{
	while (!end)
		futex_wait(&end, 0, NULL);
}

NOIPA void role_nanosleep(void)
{
	while (!stop)
		wait_nanosleep();
}

NOIPA void role_poll(void)
{
	while (!stop)
		wait_poll();
}

NOIPA void role_futex(void)
{
	while (!stop)
		wait_futex();
}

NOIPA void role_cond(void)
{
	while (!stop)
		wait_cond();
}

NOIPA void role_spin(void)
{
	while (!stop)
		workload_spin(1000000);
}

NOIPA void role_asleep(void)
{
	wait_asleep();
	BARRIER();
}

static const struct role roles[] = {
	{ "nanosleep", role_nanosleep },
	{ "poll", role_poll },
	{ "futex", role_futex },
	{ "cond", role_cond },
};
static const struct role asleep = { "asleep", role_asleep }, spin = { "spin", role_spin };

static void *player_run(void *arg)
{
	struct player *p = arg;

	p->tid = gettid();
	pthread_barrier_wait(&created);
	if (p->role != &asleep) {
		while (!go)
			futex_wait(&go, 0, NULL);
		p->role->play();
		pthread_barrier_wait(&played);
		wait_asleep();
	} else {
		p->role->play();
	}
	return NULL;
}

static void player_add(const struct role *role)
{
	players[player_cnt++].role = role;
}

static void truth_print(void)
{
	char tids[4096];
	int n = 0;

	for (uint32_t i = 0; i < player_cnt; i++)
		n += snprintf(tids + n, sizeof(tids) - (size_t)n, "%s[\"%s\",%d]", i ? "," : "",
			      players[i].role->name, players[i].tid);
	workload_truth("{\"duration_ms\":%lu,\"threads\":[%s]}", duration_ms, tids);
}

static void *protocol_run(void *arg)
{
	struct timespec nap = { .tv_sec = (time_t)(duration_ms / 1000),
				.tv_nsec = (long)(duration_ms % 1000) * 1000000 };

	(void)arg;
	pthread_barrier_wait(&created);
	workload_ready();
	futex_set(&go);
	nanosleep(&nap, NULL);
	stop = true;
	pthread_barrier_wait(&played);
	truth_print();
	workload_end();
	futex_set(&end);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t spinners = workload_option(argc, argv, "-s", 0);
	pthread_t protocol;

	duration_ms = workload_option(argc, argv, "-d", 1000);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		player_add(&roles[i]);
	player_add(&asleep);
	for (uint64_t i = 0; i < spinners && player_cnt < MAX_THREADS; i++)
		player_add(&spin);
	pthread_barrier_init(&created, NULL, player_cnt + 1);
	pthread_barrier_init(&played, NULL, player_cnt); /* all but the sleeper, and the protocol */
	for (uint32_t i = 0; i < player_cnt; i++)
		if (pthread_create(&players[i].thread, NULL, player_run, &players[i]))
			workload_die("pthread_create");
	if (pthread_create(&protocol, NULL, protocol_run, NULL))
		workload_die("pthread_create");
	pthread_join(protocol, NULL);
	for (uint32_t i = 0; i < player_cnt; i++)
		pthread_join(players[i].thread, NULL);
	return 0;
}
