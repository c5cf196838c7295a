/* SPDX-License-Identifier: GPL-2.0-only */
/* The emergency stop. */
#include "trace/emergency.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/clock.h"
#include "trace/closing.h"

#define PARK_NS           10000000ULL /* that the main thread is given to come to a halt */
#define FDS_MAX           CLOSING_MAX /* looked at in one pass */
#define THREADS_LOOKED_AT 16
#define PASSES_MAX        16
#define NICE              -10

struct emergency {
	volatile uint32_t *inert;
	int null_fd, event_fd;
	atomic_uint target; /* PID of somebody who is probed; 0: nobody known */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool happened;
	bool stopping, parked, acknowledged; /* under the lock, as is the rest */
	struct emergency_outcome outcome;
	int fds[FDS_MAX]; /* of probes */
	uint32_t n;
};

int emergency_new(volatile uint32_t *inert, struct emergency **ret)
{
	_cleanup_(emergency_freep) struct emergency *e = calloc(1, sizeof(*e));
	pthread_condattr_t attr;

	if (!e)
		return -ENOMEM;
	e->inert = inert;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e->changed, &attr);
	pthread_condattr_destroy(&attr);
	e->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (e->event_fd < 0 || e->null_fd < 0)
		return -errno;
	*ret = TAKE_PTR(e);
	return 0;
}

void emergency_free(struct emergency *e)
{
	if (!e)
		return;
	if (e->event_fd >= 0)
		close(e->event_fd);
	if (e->null_fd >= 0)
		close(e->null_fd);
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

/* Does a probe hang on this descriptor? */
static bool is_probe(int fd)
{
	char path[32], what[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, what, sizeof(what) - 1);
	if (n <= 0)
		return false;
	what[n] = '\0';
	return !strncmp(what, "anon_inode:", 11) &&
	       (strstr(what, "bpf_link") || strstr(what, "bpf-link") || strstr(what, "perf_event"));
}

/* struct linux_dirent64 of getdents64(2). */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

/* Calls fn, as opendir() would allocate, for the numbers among a directory's names, until it
 * returns false. */
static void each_number(const char *path, bool (*fn)(int number, void *arg), void *arg)
{
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_Alignas(struct entry) char buf[4096];
	bool go_on = true;
	long size;

	while (go_on && dir >= 0 && (size = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0) {
		for (long at = 0; go_on && at < size;) {
			const struct entry *entry = (const void *)(buf + at);
			int number = atoi(entry->name); /* NOLINT: the kernel's own, and dots */

			at += entry->len;
			if (entry->name[0] != '.' && number != dir)
				go_on = fn(number, arg);
		}
	}
}

struct probe_list {
	int *fds;
	uint32_t n, max;
};

static bool list_probe(int fd, void *arg)
{
	struct probe_list *l = arg;

	if (is_probe(fd))
		l->fds[l->n++] = fd;
	return l->n < l->max;
}

/* Lists the descriptors of probes, of this process. How many. */
static uint32_t list_probes(struct probe_list l)
{
	each_number("/proc/self/fd", list_probe, &l);
	return l.n;
}

struct removal {
	const struct emergency *e;
	atomic_uint removed;
};

/*
 * The old file is released before dup3() returns to us, which for probes takes as long as the
 * kernel needs to be sure that no CPU is in them.
 */
static void drop(int fd, void *arg)
{
	struct removal *r = arg;

	/* Looked at once more: its owner may have closed it, and the number be another's. */
	if (is_probe(fd) && dup3(r->e->null_fd, fd, O_CLOEXEC) >= 0)
		atomic_fetch_add(&r->removed, 1);
}

/* Where a thread ran last, or -1; and whether it runs. */
static int thread_cpu(uint32_t pid, int tid, bool *ret_runs)
{
	char path[64], text[1024], *field;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/task/%d/stat", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	field = strrchr(text, ')'); /* "123 (name) S …": the state is field 3, the processor 39 */
	*ret_runs = field && !strncmp(field, ") R", 3);
	for (int i = 2; field && i < 39; i++)
		field = strchr(field + 1, ' ');
	return field ? atoi(field + 1) : -1; /* NOLINT: the kernel's own number */
}

struct busiest {
	uint32_t pid;
	int cpu, looked_at;
};

static bool look_at_thread(int tid, void *arg)
{
	struct busiest *b = arg;
	bool runs;
	int cpu = thread_cpu(b->pid, tid, &runs);

	if (runs || b->cpu < 0)
		b->cpu = cpu;
	return !runs && ++b->looked_at < THREADS_LOOKED_AT;
}

/* A CPU that a process runs on, or ran on last; -1: not known. */
static int cpu_of(uint32_t pid)
{
	struct busiest b = { .pid = pid, .cpu = -1 };
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	if (pid)
		each_number(path, look_at_thread, &b);
	return b.cpu;
}

static int where(void *arg)
{
	const struct removal *r = arg;

	return cpu_of(r->e->target);
}

/* One pass over all; how many were removed. */
static uint32_t remove_listed(struct emergency *e)
{
	struct removal r = { .e = e };

	closing_run(e->fds, e->n, where, drop, &r);
	return r.removed;
}

/*
 * Until there are none. Under the lock. Before others, as far as this user may, but not before all:
 * the kernel does the work in this process's time, and the targets shall run.
 */
static void remove_all(struct emergency *e)
{
	int before = getpriority(PRIO_PROCESS, 0);

	setpriority(PRIO_PROCESS, 0, NICE); /* threads that are made from here on have it, too */
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		uint32_t removed;

		e->n = list_probes((struct probe_list){ e->fds, 0, FDS_MAX });
		removed = e->n ? remove_listed(e) : 0;
		e->outcome.removed += removed;
		if (!removed)
			break;
	}
	setpriority(PRIO_PROCESS, 0, before);
}

/* Gives the main thread the chance to halt where it has no descriptors in hand. Under the lock. */
static void wait_for_main(struct emergency *e)
{
	uint64_t end_ns = clock_monotonic_ns() + PARK_NS;
	struct timespec end = { .tv_sec = (time_t)(end_ns / 1000000000),
				.tv_nsec = (long)(end_ns % 1000000000) };

	while (!e->parked && !pthread_cond_timedwait(&e->changed, &e->lock, &end))
		;
}

void emergency_stop(struct emergency *e, const char *why, bool hung, struct emergency_outcome *ret)
{
	uint64_t began_ns = clock_monotonic_ns(), one = 1;

	*e->inert = 1;
	pthread_mutex_lock(&e->lock);
	while (e->stopping)
		pthread_cond_wait(&e->changed, &e->lock);
	if (!e->happened) {
		e->outcome =
		    (struct emergency_outcome){ .why = why, .hung = hung, .began_ns = began_ns };
		e->stopping = true;
		e->happened = true;
		if (write(e->event_fd, &one, sizeof(one)) == sizeof(one))
			wait_for_main(e);
		remove_all(e);
		e->outcome.took_ns = clock_monotonic_ns() - began_ns;
		e->stopping = false;
		pthread_cond_broadcast(&e->changed);
	}
	*ret = e->outcome;
	pthread_mutex_unlock(&e->lock);
}

void emergency_set_target(struct emergency *e, uint32_t pid)
{
	if (e)
		e->target = pid;
}

bool emergency_happened(const struct emergency *e)
{
	return e->happened;
}

void emergency_sweep(struct emergency *e)
{
	pthread_mutex_lock(&e->lock);
	if (e->happened && !e->stopping && !e->acknowledged)
		remove_all(e);
	pthread_mutex_unlock(&e->lock);
}

int emergency_fd(const struct emergency *e)
{
	return e->event_fd;
}

bool emergency_acknowledge(struct emergency *e, struct emergency_outcome *ret)
{
	uint64_t count;

	if (!e || !e->happened)
		return false;
	pthread_mutex_lock(&e->lock);
	e->parked = true;
	pthread_cond_broadcast(&e->changed);
	while (e->stopping)
		pthread_cond_wait(&e->changed, &e->lock);
	if (!e->acknowledged) {
		remove_all(e); /* what it has attached since */
		e->acknowledged = true;
	}
	while (read(e->event_fd, &count, sizeof(count)) > 0)
		;
	*ret = e->outcome;
	pthread_mutex_unlock(&e->lock);
	return true;
}

void emergency_over(struct emergency *e)
{
	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->acknowledged = true;
	pthread_mutex_unlock(&e->lock);
}

bool emergency_is_acknowledged(struct emergency *e)
{
	bool is;

	pthread_mutex_lock(&e->lock);
	is = !e->happened || e->acknowledged;
	pthread_mutex_unlock(&e->lock);
	return is;
}

void emergency_drop_probes(void)
{
	static int fds[FDS_MAX];
	uint32_t n;

	do {
		n = list_probes((struct probe_list){ fds, 0, FDS_MAX });
		for (uint32_t i = 0; i < n; i++)
			close(fds[i]);
	} while (n == FDS_MAX);
}
