/* SPDX-License-Identifier: GPL-2.0-only */
/* An end that needs no main loop: probes go by their descriptors, and nothing else does. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "trace/emergency.h"
#include "trace/watchdog.h"

#define PROBES  200
#define LOOK_MS 50 /* a twentieth of what it is in earnest */

static volatile uint32_t inert;
static struct emergency *emergency;
static int probes[PROBES], others[2];

/* A perf event that counts nothing stands for a probe. */
static int open_probe(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_DUMMY,
					.exclude_kernel = 1 };

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void init(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	cr_assert_eq(emergency_new(&inert, &emergency), 0);
	cr_assert_eq(pipe(others), 0);
	for (int i = 0; i < PROBES; i++) {
		probes[i] = open_probe();
		if (probes[i] < 0)
			cr_skip_test("no perf events here: %s", strerror(errno));
	}
}

static void done(void)
{
	emergency_free(emergency);
}

TestSuite(emergency, .init = init, .fini = done, .timeout = 120);

static bool is_null(int fd)
{
	struct stat st, null;

	return !fstat(fd, &st) && !stat("/dev/null", &null) && st.st_rdev == null.st_rdev &&
	       S_ISCHR(st.st_mode);
}

static uint32_t gone(void)
{
	uint32_t n = 0;

	for (int i = 0; i < PROBES; i++)
		n += is_null(probes[i]);
	return n;
}

static void check_others(void)
{
	char c = 0;

	cr_assert_eq(write(others[1], "x", 1), 1);
	cr_assert_eq(read(others[0], &c, 1), 1);
	cr_assert_eq(c, 'x');
}

static void *stop(void *arg)
{
	struct emergency_outcome *o = arg;

	emergency_stop(emergency, "a test", false, o);
	return NULL;
}

Test(emergency, probes_go_and_numbers_stay_valid)
{
	struct emergency_outcome o, again;
	pthread_t thread;

	cr_assert_not(emergency_happened(emergency));
	cr_assert(emergency_is_acknowledged(emergency));
	cr_assert_not(emergency_acknowledge(emergency, &o));
	pthread_create(&thread, NULL, stop, &o);
	pthread_join(thread, NULL);
	cr_assert_eq(inert, 1);
	cr_assert_eq(gone(), PROBES);
	cr_assert_eq(o.removed, PROBES);
	cr_assert_str_eq(o.why, "a test");
	cr_assert_not(emergency_is_acknowledged(emergency));
	check_others();
	stop(&again);
	cr_assert_eq(again.removed, PROBES, "only the first does anything");
	for (int i = 0; i < PROBES; i++)
		cr_assert_eq(close(probes[i]), 0);
}

Test(emergency, what_is_attached_later_goes_until_it_is_acknowledged)
{
	struct emergency_outcome o;
	struct pollfd fd = { .events = POLLIN };

	fd.fd = emergency_fd(emergency);
	cr_assert_eq(poll(&fd, 1, 0), 0);
	stop(&o);
	cr_assert_eq(poll(&fd, 1, 0), 1);
	probes[0] = open_probe();
	emergency_sweep(emergency);
	cr_assert(is_null(probes[0]));
	probes[1] = open_probe();
	cr_assert(emergency_acknowledge(emergency, &o));
	cr_assert(is_null(probes[1]));
	cr_assert_eq(o.removed, PROBES + 2);
	cr_assert_eq(poll(&fd, 1, 0), 0);
	probes[2] = open_probe();
	emergency_sweep(emergency);
	cr_assert_not(is_null(probes[2]), "it is the main thread's own affair now");
	cr_assert(emergency_acknowledge(emergency, &o));
}

Test(emergency, a_main_thread_that_lives_waits_meanwhile)
{
	struct emergency_outcome o, seen;
	pthread_t thread;

	pthread_create(&thread, NULL, stop, &o);
	while (!emergency_acknowledge(emergency, &seen))
		usleep(100);
	cr_assert_eq(gone(), PROBES, "when it goes on, all is over");
	cr_assert_eq(seen.removed, PROBES);
	pthread_join(thread, NULL);
}

Test(emergency, a_child_drops_its_copies_and_nothing_else)
{
	pid_t child = fork();
	int status = 0;

	if (!child) {
		emergency_drop_probes();
		for (int i = 0; i < PROBES; i++) {
			if (close(probes[i]) != -1)
				_exit(1);
		}
		_exit(write(others[1], "c", 1) == 1 ? 0 : 2);
	}
	waitpid(child, &status, 0);
	cr_assert_eq(status, 0);
	cr_assert_eq(gone(), 0, "ours are still there");
}

static bool wait_until_gone(void)
{
	for (int i = 0; i < 5000 && gone() < PROBES; i++)
		usleep(1000);
	return gone() == PROBES;
}

Test(emergency, the_signal_is_enough)
{
	struct watchdog *w = NULL;
	struct emergency_outcome o;

	cr_assert_eq(watchdog_start(emergency, LOOK_MS, &w), 0);
	kill(getpid(), SIGUSR2);
	cr_assert(wait_until_gone());
	cr_assert(emergency_acknowledge(emergency, &o));
	cr_assert_str_eq(o.why, "SIGUSR2");
	cr_assert_not(o.hung);
	watchdog_stop(w);
}

Test(emergency, a_loop_that_turns_is_left_alone)
{
	uint64_t end_ns = clock_monotonic_ns() + 1000000000ULL;
	struct watchdog *w = NULL;

	cr_assert_eq(watchdog_start(emergency, LOOK_MS, &w), 0);
	while (clock_monotonic_ns() < end_ns) {
		watchdog_tick(w);
		usleep(5000);
	}
	cr_assert_not(emergency_happened(emergency));
	watchdog_rest(w);
	usleep(900000); /* a report may take its time */
	cr_assert_not(emergency_happened(emergency));
	watchdog_stop(w);
}

Test(emergency, a_loop_that_does_not_turn_is_noticed)
{
	struct watchdog *w = NULL;
	struct emergency_outcome o;

	cr_assert_eq(watchdog_start(emergency, LOOK_MS, &w), 0);
	watchdog_tick(w);
	usleep(300000);
	cr_assert_not(emergency_happened(emergency));
	for (int i = 0; i < 20 && !emergency_happened(emergency); i++)
		usleep(100000);
	cr_assert(wait_until_gone());
	cr_assert(emergency_acknowledge(emergency, &o));
	cr_assert(o.hung);
	watchdog_tick(w);
	watchdog_stop(w);
}

Test(emergency, a_loop_that_computes_has_longer)
{
	uint64_t end_ns = clock_monotonic_ns() + 1000000000ULL;
	struct watchdog *w = NULL;

	cr_assert_eq(watchdog_start(emergency, LOOK_MS, &w), 0);
	watchdog_tick(w);
	while (clock_monotonic_ns() < end_ns)
		;
	/* Where others leave us little of a CPU, we have waited rather than computed. */
	if (clock_ns(CLOCK_PROCESS_CPUTIME_ID) > 800000000ULL)
		cr_assert_not(emergency_happened(emergency));
	watchdog_stop(w);
}
