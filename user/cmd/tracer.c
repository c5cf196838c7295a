/* SPDX-License-Identifier: GPL-2.0-only */
/* Another pathbpf, started by this one. */
#include "cmd/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"

#define WORDS_OWN 5 /* pathbpf record --ready-fd FD, and NULL */
#define PREFIX    "pathbpf: "

/* In the child. */
static void run(const struct tracer *t, int write_end, char **argv, pid_t parent)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 || dup2(t->log_fd, STDERR_FILENO) < 0 ||
	    fcntl(write_end, F_SETFD, 0) < 0)
		_exit(127);
	execv("/proc/self/exe", argv);
	perror("exec");
	_exit(127);
}

static char **make_argv(const char *const *words, size_t n, const char *ready_fd)
{
	char **argv = calloc(n + WORDS_OWN, sizeof(*argv));
	static char pathbpf[] = "pathbpf", record[] = "record", option[] = "--ready-fd";

	if (!argv)
		return NULL;
	argv[0] = pathbpf;
	argv[1] = record;
	argv[2] = option;
	argv[3] = (char *)ready_fd;
	for (size_t i = 0; i < n; i++)
		argv[4 + i] = (char *)words[i];
	return argv;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int tracer_start(struct tracer *t, const char *const *words, size_t n)
{
	_cleanup_free_ char **argv = NULL;
	_cleanup_close_ int write_end = -1;
	pid_t parent = getpid();
	char number[16];
	int ends[2];

	tracer_done(t);
	t->log_fd = memfd_create("pathbpf", MFD_CLOEXEC);
	if (t->log_fd < 0 || pipe2(ends, O_CLOEXEC))
		return -errno;
	t->ready_fd = ends[0];
	write_end = ends[1];
	snprintf(number, sizeof(number), "%d", write_end);
	argv = make_argv(words, n, number);
	if (!argv)
		return -ENOMEM;
	t->pid = fork();
	if (!t->pid)
		run(t, write_end, argv, parent);
	if (t->pid < 0) {
		t->pid = 0;
		return -errno;
	}
	t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	if (t->pidfd < 0 || clock_getcpuclockid(t->pid, &t->clock))
		return -errno;
	return 0;
}

int tracer_is_ready(struct tracer *t)
{
	char text[8] = "";
	ssize_t n = read(t->ready_fd, text, sizeof(text) - 1);

	close_fd(&t->ready_fd);
	return n > 0 && !strcmp(text, "ready\n");
}

uint64_t tracer_cpu_ns(const struct tracer *t)
{
	return t->pid ? clock_ns(t->clock) : 0;
}

static uint64_t timeval_ns(const struct timeval *v)
{
	return (uint64_t)v->tv_sec * 1000000000 + (uint64_t)v->tv_usec * 1000;
}

/* Until it has ended, or the time is over. */
static bool wait_end(const struct tracer *t, int ms)
{
	struct pollfd fd = { .fd = t->pidfd, .events = POLLIN };
	int n;

	do {
		n = poll(&fd, 1, ms);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

int tracer_stop(struct tracer *t, int grace_ms, uint64_t *ret_cpu_ns)
{
	struct rusage usage = {};
	int status = 0;

	*ret_cpu_ns = 0;
	if (!t->pid)
		return 0;
	kill(t->pid, SIGINT);
	if (t->pidfd < 0 || !wait_end(t, grace_ms))
		kill(t->pid, SIGKILL);
	while (wait4(t->pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	t->pid = 0;
	close_fd(&t->pidfd);
	close_fd(&t->ready_fd);
	*ret_cpu_ns = timeval_ns(&usage.ru_utime) + timeval_ns(&usage.ru_stime);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void tracer_last_words(const struct tracer *t, char *buf, size_t size)
{
	char text[4096];
	off_t end = lseek(t->log_fd, 0, SEEK_END), from = end - (off_t)sizeof(text) + 1;
	ssize_t n = pread(t->log_fd, text, sizeof(text) - 1, from > 0 ? from : 0);
	const char *line;

	buf[0] = '\0';
	if (n <= 0)
		return;
	while (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	if (!strncmp(line, PREFIX, strlen(PREFIX)))
		line += strlen(PREFIX);
	snprintf(buf, size, "%s", line);
}

void tracer_done(struct tracer *t)
{
	uint64_t cpu_ns;

	tracer_stop(t, 0, &cpu_ns);
	close_fd(&t->log_fd);
	*t = TRACER_NONE;
}
