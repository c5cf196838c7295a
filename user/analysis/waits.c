/* SPDX-License-Identifier: GPL-2.0-only */
/* What a thread waits for. */
#include "analysis/waits.h"

#include <string.h>

struct known {
	const char *name;
	enum wait_kind kind;
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The kernel's functions; the innermost of them decides. */
static const struct known kernel[] = {
	{ "do_epoll_wait", WAIT_EVENTS },
	{ "ep_poll", WAIT_EVENTS },
	{ "__x64_sys_epoll_wait", WAIT_EVENTS },
	{ "__x64_sys_epoll_pwait", WAIT_EVENTS },
	{ "__x64_sys_epoll_pwait2", WAIT_EVENTS },
	{ "do_select", WAIT_EVENTS },
	{ "core_sys_select", WAIT_EVENTS },
	{ "__x64_sys_select", WAIT_EVENTS },
	{ "__x64_sys_pselect6", WAIT_EVENTS },
	{ "inet_csk_accept", WAIT_EVENTS },
	{ "unix_accept", WAIT_EVENTS },
	{ "do_accept", WAIT_EVENTS },
	{ "__sys_accept4", WAIT_EVENTS },
	{ "__x64_sys_accept", WAIT_EVENTS },
	{ "__x64_sys_accept4", WAIT_EVENTS },
	{ "do_wait", WAIT_EVENTS },
	{ "kernel_wait4", WAIT_EVENTS },
	{ "__x64_sys_wait4", WAIT_EVENTS },
	{ "__x64_sys_waitid", WAIT_EVENTS },
	{ "sigsuspend", WAIT_EVENTS },
	{ "__x64_sys_rt_sigsuspend", WAIT_EVENTS },
	{ "do_sigtimedwait", WAIT_EVENTS },
	{ "__x64_sys_rt_sigtimedwait", WAIT_EVENTS },
	{ "__x64_sys_pause", WAIT_EVENTS },
	{ "read_events", WAIT_EVENTS },
	{ "__x64_sys_io_getevents", WAIT_EVENTS },
	{ "__x64_sys_io_pgetevents", WAIT_EVENTS },
	{ "io_cqring_wait", WAIT_EVENTS },
	{ "signalfd_read", WAIT_EVENTS },
	{ "signalfd_read_iter", WAIT_EVENTS },
	{ "timerfd_read", WAIT_EVENTS },
	{ "timerfd_read_iter", WAIT_EVENTS },
	{ "inotify_read", WAIT_EVENTS },
	{ "fanotify_read", WAIT_EVENTS },
	{ "do_msgrcv", WAIT_EVENTS },
	{ "__x64_sys_mq_timedreceive", WAIT_EVENTS },
	{ "eventfd_read", WAIT_QUEUE },
	{ "do_poll", WAIT_POLL },
	{ "do_sys_poll", WAIT_POLL },
	{ "__x64_sys_poll", WAIT_POLL },
	{ "__x64_sys_ppoll", WAIT_POLL },
	{ "__x64_sys_futex", WAIT_QUEUE },
	{ "do_futex", WAIT_QUEUE },
	{ "futex_wait", WAIT_QUEUE },
	{ "__futex_wait", WAIT_QUEUE },
	{ "futex_wait_queue", WAIT_QUEUE },
	{ "futex_do_wait", WAIT_QUEUE },
	{ "hrtimer_nanosleep", WAIT_SLEEP },
	{ "do_nanosleep", WAIT_SLEEP },
	{ "__x64_sys_nanosleep", WAIT_SLEEP },
	{ "__x64_sys_clock_nanosleep", WAIT_SLEEP },
	{ "__x64_sys_recvfrom", WAIT_DATA },
	{ "__x64_sys_recvmsg", WAIT_DATA },
	{ "__x64_sys_recvmmsg", WAIT_DATA },
	{ "__sys_recvfrom", WAIT_DATA },
	{ "__sys_recvmsg", WAIT_DATA },
	{ "sock_recvmsg", WAIT_DATA },
	{ "sock_read_iter", WAIT_DATA },
	{ "sk_wait_data", WAIT_DATA },
	{ "pipe_read", WAIT_DATA },
	{ "anon_pipe_read", WAIT_DATA },
	{ "n_tty_read", WAIT_DATA },
	/* What follows is no waiting for anybody. */
	{ "exit_to_user_mode_loop", WAIT_NONE },
	{ "irqentry_exit_to_user_mode", WAIT_NONE },
	{ "handle_mm_fault", WAIT_NONE },
};

/* The C library's, and those of Go's runtime. */
static const struct known library[] = {
	{ "epoll_wait", WAIT_EVENTS },
	{ "epoll_pwait", WAIT_EVENTS },
	{ "epoll_pwait2", WAIT_EVENTS },
	{ "select", WAIT_EVENTS },
	{ "pselect", WAIT_EVENTS },
	{ "accept", WAIT_EVENTS },
	{ "accept4", WAIT_EVENTS },
	{ "sigwait", WAIT_EVENTS },
	{ "sigwaitinfo", WAIT_EVENTS },
	{ "sigtimedwait", WAIT_EVENTS },
	{ "sigsuspend", WAIT_EVENTS },
	{ "pause", WAIT_EVENTS },
	{ "wait", WAIT_EVENTS },
	{ "wait4", WAIT_EVENTS },
	{ "waitpid", WAIT_EVENTS },
	{ "waitid", WAIT_EVENTS },
	{ "io_getevents", WAIT_EVENTS },
	{ "msgrcv", WAIT_EVENTS },
	{ "mq_receive", WAIT_EVENTS },
	{ "mq_timedreceive", WAIT_EVENTS },
	{ "runtime.epollwait", WAIT_EVENTS },
	{ "poll", WAIT_POLL },
	{ "ppoll", WAIT_POLL },
	{ "pthread_cond_wait", WAIT_QUEUE },
	{ "pthread_cond_timedwait", WAIT_QUEUE },
	{ "pthread_cond_clockwait", WAIT_QUEUE },
	{ "sem_wait", WAIT_QUEUE },
	{ "__new_sem_wait_slow64", WAIT_QUEUE },
	{ "__futex_abstimed_wait_common", WAIT_QUEUE },
	{ "sem_timedwait", WAIT_QUEUE },
	{ "sem_clockwait", WAIT_QUEUE },
	{ "runtime.futex", WAIT_QUEUE },
	{ "syscall", WAIT_QUEUE }, /* whose futex is no lock of the library's */
	{ "nanosleep", WAIT_SLEEP },
	{ "clock_nanosleep", WAIT_SLEEP },
	{ "usleep", WAIT_SLEEP },
	{ "sleep", WAIT_SLEEP },
	{ "runtime.usleep", WAIT_SLEEP },
	{ "read", WAIT_DATA },
	{ "readv", WAIT_DATA },
	{ "recv", WAIT_DATA },
	{ "recvfrom", WAIT_DATA },
	{ "recvmsg", WAIT_DATA },
	{ "recvmmsg", WAIT_DATA },
};

/* The compiler's variants ("do_poll.constprop.0") are the function itself. */
static const struct known *look_up(const struct known *list, size_t n, const char *name)
{
	size_t len = strcspn(name, ".");

	if (!strncmp(name, "runtime.", 8))
		len = strlen(name);
	for (size_t i = 0; i < n; i++) {
		if (strlen(list[i].name) == len && !strncmp(list[i].name, name, len))
			return &list[i];
	}
	return NULL;
}

static const struct function *function_at(const struct functions *f, const struct stack *s,
					  uint32_t i)
{
	return &f->v.v[f->of_frame[s->frames[i]]];
}

/* Where the kernel's frames begin: they are the last ones. */
static uint32_t user_frames(const struct functions *f, const struct stack *s)
{
	uint32_t n = s->n;

	while (n && function_at(f, s, n - 1)->class == FUNCTION_KERNEL)
		n--;
	return n;
}

/* What the library's frames at the end say. */
struct called {
	const char *name;    /* of the first that has one: what the program called; or NULL */
	enum wait_kind kind; /* of the outermost that is known */
	bool lock, join;
	bool in_python;
};

static struct called called_by(const struct functions *f, const struct stack *s, uint32_t end)
{
	struct called c = { .kind = WAIT_NONE };

	for (; end && function_at(f, s, end - 1)->class == FUNCTION_PLUMBING; end--) {
		const char *name = function_at(f, s, end - 1)->name;
		const struct known *k = name ? look_up(library, LENGTH(library), name) : NULL;

		if (k)
			c.kind = k->kind;
		if (!name)
			continue;
		c.name = name;
		c.lock = c.lock || strstr(name, "mutex") || strstr(name, "lll_lock") ||
			 strstr(name, "rwlock") || strstr(name, "barrier");
		c.join = c.join || !strncmp(name, "pthread_join", 12) ||
			 !strncmp(name, "__pthread_clockjoin", 19);
	}
	for (; end && !c.in_python; end--)
		c.in_python = function_at(f, s, end - 1)->language == LANGUAGE_PYTHON;
	return c;
}

/*
 * A futex is below every lock, and below much else that the C library does. Python waits for its
 * big lock by a condition, and by that for nothing else.
 */
static enum wait_kind kind_of_futex(const struct called *c)
{
	if (c->join)
		return WAIT_EVENTS;
	if (c->lock)
		return WAIT_NONE;
	if (c->in_python && c->name && !strncmp(c->name, "pthread_cond_", 13))
		return WAIT_NONE;
	return c->kind == WAIT_QUEUE || !c->name ? WAIT_QUEUE : WAIT_NONE;
}

enum wait_kind wait_kind_of(const struct functions *f, const struct stack *s)
{
	enum wait_kind kind = WAIT_NONE;
	struct called called;
	bool seen = false;
	uint32_t user;

	user = user_frames(f, s);
	for (uint32_t i = user; i < s->n; i++) {
		const char *name = function_at(f, s, i)->name;
		const struct known *k = name ? look_up(kernel, LENGTH(kernel), name) : NULL;

		seen = seen || name;
		if (k)
			kind = k->kind;
	}
	called = called_by(f, s, user);
	if (!seen)
		kind = called.kind;
	return kind == WAIT_QUEUE ? kind_of_futex(&called) : kind;
}
