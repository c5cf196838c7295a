/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread that needs nobody. */
#include "trace/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "trace/emergency.h"

#define SWEEP_MS      50
#define HUNG_LOOKS    10 /* without a turn of the loop */
#define BUSY_LOOKS    60 /* the same while it has something to do */
#define GIVE_UP_LOOKS 30 /* after the probes are gone */
#define STATUS_FAILED 1

struct watchdog {
	struct emergency *emergency;
	pthread_t thread;
	clockid_t main_clock; /* CPU time of the main thread */
	char main_stat[64];   /* its file in /proc */
	int signal_fd, stop_fd, look_ms;
	atomic_bool watches;
	atomic_ulong turns; /* of the main loop */
	/* The thread's own: */
	unsigned long turns_seen;
	uint64_t cpu_seen_ns, looked_ns;
	unsigned int idle_looks; /* since the last turn */
	unsigned int busy_looks; /* of them, when it was not asleep */
};

/*
 * Not by log_*(): the main thread may hang in there, with the lock of stdio. And only what can be
 * written at once: it may hang because nobody reads.
 */
static void say(const char *text)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&fd, 1, 0) == 1 && fd.revents & POLLOUT &&
	    write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

static void stop_all(struct watchdog *w, const char *why, bool hung)
{
	struct emergency_outcome o;
	char text[160];

	emergency_stop(w->emergency, why, hung, &o);
	snprintf(text, sizeof(text),
		 "pathbpf: emergency stop (%s): %u probe links removed in %.0f ms\n", o.why,
		 o.removed, (double)o.took_ns / 1e6);
	say(text);
}

static void take_signal(struct watchdog *w)
{
	struct signalfd_siginfo info;

	if (read(w->signal_fd, &info, sizeof(info)) == sizeof(info))
		stop_all(w, "SIGUSR2", false);
}

static uint64_t main_cpu_ns(const struct watchdog *w)
{
	return clock_ns(w->main_clock);
}

/* Does the main thread sleep, waiting for somebody outside? Not so when it waits in the kernel. */
static bool main_sleeps(const struct watchdog *w)
{
	int fd = open(w->main_stat, O_RDONLY | O_CLOEXEC);
	const char *state;
	char text[256];
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return false;
	text[n] = '\0';
	state = strrchr(text, ')'); /* "123 (name) S …" */
	return state && !strncmp(state, ") S", 3);
}

/*
 * Looks are counted rather than time: a process that was stopped, or a machine that slept, has not
 * hung.
 */
static void look(struct watchdog *w)
{
	unsigned long turns = w->turns;
	bool stopped = !emergency_is_acknowledged(w->emergency), busy;
	unsigned int limit;

	if (!w->watches || turns != w->turns_seen) {
		w->turns_seen = turns;
		w->cpu_seen_ns = main_cpu_ns(w);
		w->idle_looks = w->busy_looks = 0;
		return;
	}
	w->idle_looks++;
	w->busy_looks += !main_sleeps(w);
	busy = w->busy_looks > w->idle_looks / 2 ||
	       main_cpu_ns(w) - w->cpu_seen_ns > w->idle_looks * (w->look_ms * 500000ULL);
	limit = busy ? BUSY_LOOKS : HUNG_LOOKS;
	if (!stopped && w->idle_looks >= limit) {
		stop_all(w, "the main loop does not run", true);
		w->idle_looks = limit;
	} else if (stopped && w->idle_looks >= limit + GIVE_UP_LOOKS) {
		say("pathbpf: the main loop does not come back: given up, the report is not "
		    "written\n");
		_exit(STATUS_FAILED);
	}
}

static void *run(void *arg)
{
	struct watchdog *w = arg;
	struct pollfd fds[] = { { .fd = w->stop_fd, .events = POLLIN },
				{ .fd = w->signal_fd, .events = POLLIN } };

	for (;;) {
		bool sweeps = !emergency_is_acknowledged(w->emergency);
		uint64_t now_ns;

		if (poll(fds, 2, sweeps && SWEEP_MS < w->look_ms ? SWEEP_MS : w->look_ms) < 0 &&
		    errno != EINTR)
			return NULL;
		if (fds[0].revents & POLLIN)
			return NULL;
		if (fds[1].revents & POLLIN)
			take_signal(w);
		if (sweeps)
			emergency_sweep(w->emergency);
		now_ns = clock_monotonic_ns();
		if (now_ns - w->looked_ns < w->look_ms * 950000ULL)
			continue;
		w->looked_ns = now_ns;
		look(w);
	}
}

static int begin(struct watchdog *w)
{
	sigset_t set, all, before;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	w->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (w->signal_fd < 0 || w->stop_fd < 0)
		return -errno;
	err = pthread_getcpuclockid(pthread_self(), &w->main_clock);
	if (err)
		return -err;
	snprintf(w->main_stat, sizeof(w->main_stat), "/proc/self/task/%d/stat",
		 (int)syscall(SYS_gettid));
	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int watchdog_start(struct emergency *e, int look_ms, struct watchdog **ret)
{
	struct watchdog *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->emergency = e;
	w->look_ms = look_ms;
	w->signal_fd = w->stop_fd = -1;
	err = begin(w);
	if (err) {
		w->thread = 0;
		watchdog_stop(w);
		return err;
	}
	*ret = w;
	return 0;
}

void watchdog_tick(struct watchdog *w)
{
	if (!w)
		return;
	atomic_fetch_add(&w->turns, 1);
	w->watches = true;
}

void watchdog_rest(struct watchdog *w)
{
	if (w)
		w->watches = false;
}

void watchdog_stop(struct watchdog *w)
{
	uint64_t one = 1;

	if (!w)
		return;
	if (w->thread && write(w->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(w->thread, NULL);
	if (w->signal_fd >= 0)
		close(w->signal_fd);
	if (w->stop_fd >= 0)
		close(w->stop_fd);
	free(w);
}
