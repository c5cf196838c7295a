/* SPDX-License-Identifier: GPL-2.0-only */
/* A command's process: waits, is let go, ends. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/child.h"

#define COMMAND(...)                                                                               \
	(char *[])                                                                                 \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}
#define ARG(s)        ((char[]){ s })
#define SHELL(script) COMMAND(ARG("/bin/sh"), ARG("-c"), ARG(script))

static void wait_end(struct child *c)
{
	for (int i = 0; i < 10000 && !child_ended(c); i++)
		usleep(1000);
	cr_assert(child_ended(c), "the command does not end");
}

/* Runs a command to its end; what it ended with. */
static int status_of(char **command)
{
	struct child c = {};
	int status;

	cr_assert_eq(child_start(&c, command), 0);
	cr_assert_eq(child_release(&c), 0);
	wait_end(&c);
	status = child_exit_status(&c);
	child_done(&c);
	return status;
}

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

Test(child, waits_until_it_is_released)
{
	char path[] = "/tmp/pathbpf-child-XXXXXX", script[64];
	struct child c = {};
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	snprintf(script, sizeof(script), "rm %s", path);
	cr_assert_eq(child_start(&c, COMMAND(ARG("/bin/sh"), ARG("-c"), script)), 0);
	cr_assert_gt(c.pid, 0);
	usleep(100000);
	cr_assert_not(child_ended(&c));
	cr_assert_eq(access(path, F_OK), 0, "the command runs already");
	cr_assert_eq(child_release(&c), 0);
	wait_end(&c);
	cr_assert_eq(access(path, F_OK), -1);
	cr_assert_eq(child_exit_status(&c), 0);
	child_done(&c);
}

Test(child, the_process_that_waits_becomes_the_command)
{
	char script[64];
	struct child c = {};

	snprintf(script, sizeof(script), "test $PPID = %d && exit $(($$ %% 251))", getpid());
	cr_assert_eq(child_start(&c, COMMAND(ARG("/bin/sh"), ARG("-c"), script)), 0);
	cr_assert_eq(child_release(&c), 0);
	wait_end(&c);
	cr_assert_eq(child_exit_status(&c), c.pid % 251);
	child_done(&c);
}

Test(child, is_found_by_the_path_variable)
{
	cr_assert_eq(status_of(COMMAND(ARG("sh"), ARG("-c"), ARG("exit 9"))), 9);
}

Test(child, hands_on_the_exit_status)
{
	cr_assert_eq(status_of(SHELL("exit 0")), 0);
	cr_assert_eq(status_of(SHELL("exit 3")), 3);
	cr_assert_eq(status_of(SHELL("exit 255")), 255);
}

Test(child, signals_are_128_and_their_number)
{
	cr_assert_eq(status_of(SHELL("kill -TERM $$")), 128 + SIGTERM);
	cr_assert_eq(status_of(SHELL("kill -KILL $$")), 128 + SIGKILL);
	cr_assert_eq(status_of(SHELL("ulimit -c 0; kill -SEGV $$")), 128 + SIGSEGV);
}

Test(child, the_command_starts_with_default_signals)
{
	sigset_t all;

	signal(SIGPIPE, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	cr_assert_eq(status_of(SHELL("kill -PIPE $$; exit 0")), 128 + SIGPIPE);
	cr_assert_eq(status_of(SHELL("kill -INT $$; exit 0")), 128 + SIGINT);
	cr_assert_eq(status_of(SHELL("kill -TERM $$; exit 0")), 128 + SIGTERM);
}

Test(child, the_command_inherits_none_of_our_descriptors)
{
	/* Those of the test runner are not meant. */
	for (int fd = 3; fd < 1024; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	/* Three, and the directory that ls reads. */
	cr_assert_eq(status_of(SHELL("test $(ls /proc/self/fd | wc -l) = 4")), 0);
}

static void expect_exec_failure(char *file, int err)
{
	struct child c = {};

	cr_assert_eq(child_start(&c, COMMAND(file)), 0);
	cr_assert_eq(child_release(&c), err);
	cr_assert(c.reaped);
	cr_assert(child_ended(&c));
	cr_assert_eq(waitpid(c.pid, NULL, WNOHANG), -1, "it is reaped already");
	child_done(&c);
}

Test(child, a_failed_exec_is_told_and_reaped)
{
	char script[] = "/tmp/pathbpf-child-XXXXXX";
	int fd = mkstemp(script);

	cr_assert_geq(fd, 0);
	expect_exec_failure(ARG("/nonexistent/command"), -ENOENT);
	expect_exec_failure(ARG("pathbpf-no-such-command"), -ENOENT);
	expect_exec_failure(ARG(""), -ENOENT);
	expect_exec_failure(ARG("/tmp"), -EACCES);
	expect_exec_failure(script, -EACCES); /* not executable, not even for root */
	unlink(script);
	close(fd);
}

Test(child, one_that_died_while_waiting_is_told)
{
	struct child c = {};

	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(child_start(&c, SHELL("exit 0")), 0);
	cr_assert_not(child_ended(&c));
	kill(c.pid, SIGKILL);
	wait_end(&c);
	cr_assert_eq(child_exit_status(&c), 128 + SIGKILL);
	cr_assert_eq(child_release(&c), -EPIPE);
	child_done(&c);
}

Test(child, done_ends_one_that_still_waits)
{
	struct child c = {};
	pid_t pid;

	cr_assert_eq(child_start(&c, SHELL("kill -KILL $PPID")), 0);
	pid = c.pid;
	child_done(&c);
	cr_assert_eq(kill(pid, 0), -1);
	cr_assert_eq(errno, ESRCH);
	child_done(&c);
}

Test(child, done_leaves_a_running_command_alone)
{
	struct child c = {};

	cr_assert_eq(child_start(&c, COMMAND(ARG("sleep"), ARG("60"))), 0);
	cr_assert_eq(child_release(&c), 0);
	child_done(&c);
	usleep(50000);
	cr_assert_not(child_ended(&c));
	cr_assert_eq(kill(c.pid, SIGKILL), 0);
	wait_end(&c);
	cr_assert_eq(child_exit_status(&c), 128 + SIGKILL);
}

Test(child, no_child_is_no_error)
{
	struct child none = { .release_fd = -1 }, zero = {};

	cr_assert_not(child_ended(&none));
	child_done(&none);
	child_done(&zero);
	cr_assert_neq(fcntl(0, F_GETFD), -1, "descriptor 0 is not ours to close");
}

Test(child, leaves_no_descriptor_behind_when_it_ran)
{
	int before = open_fds();

	status_of(SHELL("exit 0"));
	cr_assert_eq(open_fds(), before);
	expect_exec_failure(ARG("/nonexistent/command"), -ENOENT);
	cr_assert_eq(open_fds(), before);
}

Test(child, leaves_no_descriptor_behind_when_it_never_ran)
{
	int before = open_fds();
	struct child c = {};

	cr_assert_eq(child_start(&c, SHELL("exit 0")), 0);
	child_done(&c);
	cr_assert_eq(open_fds(), before);
}

/* pathbpf is killed while the command waits: the command must not run, nor wait for ever. */
Test(child, dies_with_us_while_it_waits, .timeout = 20)
{
	char path[] = "/tmp/pathbpf-child-XXXXXX", script[64];
	int fd = mkstemp(path), status;
	pid_t tracer;

	cr_assert_geq(fd, 0);
	snprintf(script, sizeof(script), "rm %s", path);
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphans come to us */
	tracer = fork();
	if (!tracer) {
		struct child c = {};

		if (child_start(&c, COMMAND(ARG("/bin/sh"), ARG("-c"), script)))
			_exit(1);
		usleep(50000);
		kill(getpid(), SIGKILL);
	}
	cr_assert_eq(waitpid(tracer, &status, 0), tracer);
	cr_assert(WIFSIGNALED(status));
	cr_assert_gt(wait(&status), 0, "the waiting child");
	cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 127);
	cr_assert_eq(access(path, F_OK), 0, "the command ran");
	unlink(path);
	close(fd);
}
