/* SPDX-License-Identifier: GPL-2.0-only */
/* Letting go of many probe links at once. */
#include "trace/closing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"

#define THREADS_MAX 512
#define STACK_BYTES 65536
#define LOOK_NS     150000L
#define STILL_NS    2000000ULL
#define WAIT_NS     100000000ULL /* for one to come to its wait, at most */
#define WORK_NS     100000ULL    /* of CPU time, after which the first one has begun its work */

/* A thread's share: one descriptor, and further ones where there are more than threads. */
struct share {
	const int *fds;
	uint32_t first, step, n;
	void (*drop)(int fd, void *arg);
	void *arg;
	atomic_int tid; /* 0: it has not begun */
	atomic_bool done;
};

static void *run(void *arg)
{
	struct share *s = arg;

	s->tid = (int)syscall(SYS_gettid);
	for (uint32_t i = s->first; i < s->n; i += s->step)
		s->drop(s->fds[i], s->arg);
	s->done = true;
	return NULL;
}

static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Of probes on many places? Others have next to nothing to do before their wait. */
static bool is_of_many(int fd)
{
	char path[48], text[512];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return read_text(path, text, sizeof(text)) && strstr(text, "_multi");
}

/*
 * Is it in the wait at the end? The kernel says where in it a thread sleeps; where it does not, one
 * that has not got on for a while is taken for waiting.
 */
static bool waits(const struct share *s, uint64_t still_ns)
{
	char path[48], where[128];

	snprintf(path, sizeof(path), "/proc/self/task/%d/wchan", s->tid);
	if (read_text(path, where, sizeof(where)) && strcmp(where, "0") != 0)
		return strstr(where, "rcu");
	return still_ns >= STILL_NS;
}

static uint64_t cpu_ns(const struct share *s)
{
	char path[48], text[128];

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", s->tid);
	return read_text(path, text, sizeof(text)) ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/*
 * Until it has done its work, and only waits; false: that takes too long. The first one waits once
 * more, before: for the lock to be taken by writers at all.
 */
static bool wait_for(const struct share *s, bool first)
{
	uint64_t begin_ns = clock_monotonic_ns(), now_ns = begin_ns, moved_ns = begin_ns, cpu = 0;
	struct timespec look = { .tv_nsec = LOOK_NS };

	while (!s->done && now_ns - begin_ns < WAIT_NS) {
		uint64_t before = cpu;

		cpu = s->tid ? cpu_ns(s) : 0;
		if (cpu != before || !s->tid)
			moved_ns = now_ns;
		if (s->tid && (!first || cpu >= WORK_NS) && waits(s, now_ns - moved_ns))
			return true;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &look, NULL);
		now_ns = clock_monotonic_ns();
	}
	return s->done;
}

/* Those without work first: they only have to wait. In place; how many these are. */
static uint32_t sort(const int *fds, uint32_t n, int *sorted)
{
	uint32_t light = 0, heavy = n;

	for (uint32_t i = 0; i < n; i++) {
		if (is_of_many(fds[i]))
			sorted[--heavy] = fds[i];
		else
			sorted[light++] = fds[i];
	}
	return light;
}

/* The threads of one closing_run(). */
struct crew {
	struct share shares[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	bool has_thread[THREADS_MAX];
	uint32_t n;
	cpu_set_t all; /* CPUs that this process may use */
	int sorted[CLOSING_MAX];
};

static void place(pthread_attr_t *attr, const struct crew *c, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	if (cpu >= 0 && cpu < CPU_SETSIZE)
		CPU_SET(cpu, &one);
	CPU_AND(&one, &one, &c->all);
	pthread_attr_setaffinity_np(attr, sizeof(cpu_set_t), CPU_COUNT(&one) ? &one : &c->all);
}

/* Before everybody else: a thread that waits for its turn holds up all that come behind it. */
static void put_first(pthread_attr_t *attr)
{
	struct sched_param first = { .sched_priority = 1 };

	pthread_attr_setschedpolicy(attr, SCHED_FIFO);
	pthread_attr_setschedparam(attr, &first);
	pthread_attr_setinheritsched(attr, PTHREAD_EXPLICIT_SCHED);
}

static void start_all(struct crew *c, uint32_t light, int (*where)(void *arg))
{
	bool pinned = where != NULL;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	put_first(&attr);
	for (uint32_t i = 0; i < c->n; i++) {
		struct share *s = &c->shares[i];

		place(&attr, c, pinned ? where(s->arg) : -1);
		c->has_thread[i] = !pthread_create(&c->threads[i], &attr, run, s);
		if (!c->has_thread[i]) { /* not allowed to go first? */
			pthread_attr_setinheritsched(&attr, PTHREAD_INHERIT_SCHED);
			c->has_thread[i] = !pthread_create(&c->threads[i], &attr, run, s);
		}
		if (!c->has_thread[i])
			run(s);
		else if (i >= light && !wait_for(s, i == light))
			pinned = false; /* somebody does not let it run there */
	}
	pthread_attr_destroy(&attr);
}

void closing_run(const int *fds, uint32_t n, int (*where)(void *arg),
		 void (*drop)(int fd, void *arg), void *arg)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct crew c; /* under the lock */
	uint32_t light;

	if (n > CLOSING_MAX)
		n = CLOSING_MAX;
	pthread_mutex_lock(&lock);
	c.n = n < THREADS_MAX ? n : THREADS_MAX;
	if (sched_getaffinity(0, sizeof(c.all), &c.all))
		where = NULL;
	light = sort(fds, n, c.sorted);
	for (uint32_t i = 0; i < c.n; i++)
		c.shares[i] = (struct share){
			.fds = c.sorted, .first = i, .step = c.n, .n = n, .drop = drop, .arg = arg
		};
	start_all(&c, light, where);
	for (uint32_t i = 0; i < c.n; i++) {
		if (c.has_thread[i] && c.shares[i].tid && !c.shares[i].done)
			sched_setaffinity(c.shares[i].tid, sizeof(c.all), &c.all);
	}
	for (uint32_t i = 0; i < c.n; i++) {
		if (c.has_thread[i])
			pthread_join(c.threads[i], NULL);
	}
	pthread_mutex_unlock(&lock);
}
