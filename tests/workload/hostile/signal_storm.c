/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two threads that call functions while timers interrupt each of them -hz times a second for -ms;
 * the handlers call functions, too: in one thread on its own stack, in the other on an alternate
 * one. How often is known afterwards only.
 */
#include "tally.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t hz, run_ns;

NOIPA int handler_leaf(int sig)
{
	tally_call("handler_leaf");
	return sig;
}

NOIPA void on_storm(int sig)
{
	tally_call("on_storm");
	handler_leaf(sig);
	BARRIER();
}

NOIPA uint64_t busy_leaf(uint64_t n)
{
	tally_call("busy_leaf");
	for (volatile int i = 0; i < 500; i++)
		;
	return n + 1;
}

NOIPA uint64_t busy_top(uint64_t n)
{
	uint64_t ret;

	tally_call("busy_top");
	ret = busy_leaf(n) - busy_leaf(n - 1);
	BARRIER();
	return ret;
}

static timer_t timer_start(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct itimerspec every = {};
	timer_t timer;

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	every.it_interval.tv_nsec = every.it_value.tv_nsec = (long)(1000000000 / hz);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &every, NULL))
		workload_die("timer");
	return timer;
}

static void *storm(void *own_stack)
{
	stack_t alternate = { .ss_sp = own_stack, .ss_size = 65536 };
	uint64_t end = workload_wall_ns() + run_ns, wrong = 0, n = 0;
	timer_t timer;

	if (own_stack)
		sigaltstack(&alternate, NULL);
	timer = timer_start();
	while (workload_wall_ns() < end)
		wrong += busy_top(++n) != 1;
	timer_delete(timer);
	return (void *)wrong;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_storm, .sa_flags = SA_ONSTACK | SA_RESTART };
	uint64_t wrong = 0;
	pthread_t threads[2];

	hz = workload_option(argc, argv, "-hz", 3000);
	run_ns = workload_option(argc, argv, "-ms", 700) * 1000000;
	tally_init();
	tally_expect("on_storm");
	tally_expect("handler_leaf");
	tally_expect("busy_top");
	tally_expect("busy_leaf");
	sigaction(SIGUSR1, &action, NULL);
	workload_ready();
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, storm, i ? malloc(65536) : NULL))
			workload_die("pthread_create");
	for (int i = 0; i < 2; i++) {
		void *ret;

		pthread_join(threads[i], &ret);
		wrong += (uint64_t)ret;
	}
	tally_print(",\"wrong\":%lu,\"handled\":%s", wrong,
		    tally_count("on_storm") > 100 ? "true" : "false");
	workload_end();
	return 0;
}
