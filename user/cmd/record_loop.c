/* SPDX-License-Identifier: GPL-2.0-only */
/* The time between attach and the end of a trace. */
#include "cmd/record_loop.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cmd/control.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "trace/collect.h"
#include "trace/plan.h"
#include "trace/session.h"

#define TICK_MS        100
#define CHECK_TICKS    10 /* between two looks at who is alive */
#define CHILD_GRACE_NS 3000000000ULL
#define STATUS_SIGINT  130

static volatile sig_atomic_t interrupts;

static void write_text(const char *text)
{
	/* Nothing can be done about a failure here. */
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

/* While the report is being made. */
static void on_interrupt(int signal)
{
	(void)signal;
	if (interrupts++) {
		write_text("\npathbpf: given up: the report is not written\n");
		_exit(STATUS_SIGINT);
	}
	write_text("\npathbpf: the report is being written; once more to give up\n");
}

static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

int record_loop_signals(void)
{
	sigset_t set;

	stop_signals(&set);
	sigaddset(&set, SIGUSR2); /* the watchdog's */
	signal(SIGPIPE, SIG_IGN);
	return sigprocmask(SIG_BLOCK, &set, NULL) ? -errno : 0;
}

static void release_signals(void)
{
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };
	sigset_t set;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	stop_signals(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

struct loop {
	struct session *session;
	struct collect *collect;
	struct plan *plan;
	const struct record_options *opt;
	struct child *child;
	struct control *control;
	uint64_t begin_ns;
	uint64_t grace_ns; /* a command that was asked to end has until then; 0: it was not */
	uint64_t ticks;
	bool stop;
};

static void show_progress(const struct loop *l)
{
	double elapsed = (double)(clock_monotonic_ns() - l->begin_ns) / 1e9;

	log_progress("tracing %u process%s, %.0f s%s, %" PRIu64 " samples (Ctrl-C ends)",
		     l->collect->live, l->collect->live == 1 ? "" : "es", elapsed,
		     l->opt->duration_ns ? " of the time asked for" : "", l->collect->samples);
}

/*
 * New code is seen as it is mapped if system calls are traced; for the plan's sake it must be seen
 * anyhow.
 */
static void check_maps(struct loop *l)
{
	if (!l->plan || !l->opt->no_syscalls)
		return;
	for (size_t i = 0; i < l->collect->processes.all.n; i++) {
		struct process *proc = l->collect->processes.all.v[i];

		if (proc->live)
			process_read_maps(&l->collect->processes, &l->collect->objects, proc,
					  false);
	}
}

/* An exit record that was lost must not keep us waiting for ever. */
static void check_alive(struct loop *l)
{
	vec_foreach (proc, &l->collect->processes.all) {
		if ((*proc)->live && kill((pid_t)(*proc)->pid, 0) && errno == ESRCH)
			collect_ended(l->collect, *proc);
	}
}

static int look_for_functions(struct loop *l)
{
	int n;

	if (!l->plan)
		return 0;
	n = plan_update(l->plan, &l->collect->objects, &l->collect->processes);
	return n > 0 || l->plan->renewed ? session_attach_new(l->session) : n;
}

static bool nobody_left(const struct loop *l)
{
	return !l->collect->live && !l->opt->name_glob && !l->opt->cgroup && !l->opt->all;
}

/* When it ends by itself, as things are now; UINT64_MAX: it does not. */
static uint64_t end_ns(const struct loop *l)
{
	uint64_t end_ns = l->grace_ns ? l->grace_ns : UINT64_MAX;
	uint64_t asked_ns = l->begin_ns + l->opt->duration_ns;

	return l->opt->duration_ns && asked_ns < end_ns ? asked_ns : end_ns;
}

/* Until the next turn. */
static int wait_ms(const struct loop *l)
{
	uint64_t now_ns = clock_monotonic_ns(), until_ns = end_ns(l);

	if (until_ns >= now_ns + TICK_MS * 1000000ULL)
		return TICK_MS;
	return until_ns > now_ns ? (int)((until_ns - now_ns) / 1000000) + 1 : 0;
}

static int tick(struct loop *l)
{
	int err = session_drain(l->session);

	err = err ? err : look_for_functions(l);
	if (err)
		return err;
	if (l->ticks++ % CHECK_TICKS == 0) {
		check_alive(l);
		check_maps(l);
		show_progress(l);
	}
	child_ended(l->child);
	control_turn(l->control);
	if (nobody_left(l) || clock_monotonic_ns() >= end_ns(l))
		l->stop = true;
	return 0;
}

/* A command gets the signal too, and a moment to end by itself. */
static void on_signal(struct loop *l, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (!l->child->pid || child_ended(l->child) || interrupts++) {
		l->stop = true;
		return;
	}
	if (info.ssi_code == SI_USER) /* a terminal has sent it to the command as well */
		kill(l->child->pid, (int)info.ssi_signo);
	l->grace_ns = clock_monotonic_ns() + CHILD_GRACE_NS;
}

int record_loop(struct session *s, struct collect *c, struct plan *plan,
		const struct record_options *o, struct child *child, struct control *control)
{
	struct loop l = { .session = s,
			  .collect = c,
			  .plan = plan,
			  .opt = o,
			  .child = child,
			  .control = control };
	_cleanup_close_ int signals = -1;
	struct pollfd fds[2 + CONTROL_FDS];
	sigset_t set;
	int err = 0;

	stop_signals(&set);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return -errno;
	l.begin_ns = clock_monotonic_ns();
	fds[0] = (struct pollfd){ .fd = signals, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = session_fd(s), .events = POLLIN };
	while (!l.stop && !err) {
		control_poll(control, fds + 2);
		if (poll(fds, 2 + CONTROL_FDS, wait_ms(&l)) < 0 && errno != EINTR)
			err = -errno;
		if (control_stopped(l.control)) /* first of all: somebody waits for it */
			break;
		if (fds[0].revents & POLLIN)
			on_signal(&l, signals);
		err = err ? err : tick(&l);
	}
	if (!l.collect->live) /* its exit was seen: it is a matter of moments */
		child_wait(child);
	interrupts = 0;
	release_signals();
	return err;
}
