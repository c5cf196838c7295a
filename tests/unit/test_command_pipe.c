/* SPDX-License-Identifier: GPL-2.0-only */
/* The output of another program. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/command_pipe.h"

#define ARG(s) ((char[]){ s })

static pid_t start(char *script, FILE **ret)
{
	char *argv[] = { ARG("/bin/sh"), ARG("-c"), script, NULL };
	pid_t pid = -1;

	cr_assert_eq(command_open(argv, ret, &pid), 0);
	cr_assert_not_null(*ret);
	cr_assert_gt(pid, 0);
	return pid;
}

Test(command_pipe, standard_output_arrives_whole)
{
	size_t total = 0, n;
	char bytes[4096];
	FILE *f = NULL;
	pid_t pid = start(ARG("head -c 1000000 /dev/zero"), &f); /* more than a pipe holds */

	while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		total += n;
	fclose(f);
	cr_assert_eq(total, 1000000);
	cr_assert_eq(command_close(pid), 0);
}

Test(command_pipe, arguments_are_not_read_by_a_shell)
{
	char *argv[] = { ARG("/bin/echo"), ARG("$HOME; `id` 'a  b'"), NULL };
	char line[64] = "";
	FILE *f = NULL;
	pid_t pid;

	cr_assert_eq(command_open(argv, &f, &pid), 0);
	cr_assert_not_null(fgets(line, sizeof(line), f));
	cr_assert_str_eq(line, "$HOME; `id` 'a  b'\n");
	fclose(f);
	cr_assert_eq(command_close(pid), 0);
}

Test(command_pipe, standard_error_and_input_lead_nowhere, .init = cr_redirect_stderr)
{
	char bytes[64] = "";
	FILE *f = NULL;
	pid_t pid = start(ARG("echo noise >&2; cat; echo done"), &f);

	cr_assert_eq(fread(bytes, 1, sizeof(bytes), f), 5);
	cr_assert_str_eq(bytes, "done\n");
	fclose(f);
	cr_assert_eq(command_close(pid), 0);
	fflush(stderr);
	cr_assert_stderr_eq_str("");
}

Test(command_pipe, a_program_that_is_not_there_is_told)
{
	char *argv[] = { ARG("/nonexistent/program"), NULL };
	FILE *f = NULL;
	pid_t pid = 77;

	cr_assert_eq(command_open(argv, &f, &pid), -ENOENT);
	cr_assert_null(f);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "nothing is left to reap");
	cr_assert_eq(errno, ECHILD);
}

Test(command_pipe, the_path_variable_is_not_asked)
{
	char *argv[] = { ARG("sh"), ARG("-c"), ARG("exit 0"), NULL };
	FILE *f = NULL;
	pid_t pid;

	cr_assert_eq(command_open(argv, &f, &pid), -ENOENT);
}

Test(command_pipe, failure_and_death_are_told)
{
	FILE *f = NULL;
	pid_t pid = start(ARG("exit 3"), &f);

	fclose(f);
	cr_assert_eq(command_close(pid), -ECHILD);
	pid = start(ARG("kill -KILL $$"), &f);
	fclose(f);
	cr_assert_eq(command_close(pid), -ECHILD);
}

Test(command_pipe, the_stream_may_be_closed_before_its_end, .timeout = 20)
{
	FILE *f = NULL;
	pid_t pid = start(ARG("while echo line; do :; done 2>/dev/null"), &f);

	cr_assert_eq(fgetc(f), 'l');
	fclose(f);
	cr_assert_eq(command_close(pid), -ECHILD);
}

static void on_alarm(int sig)
{
	(void)sig;
}

Test(command_pipe, closing_waits_for_the_end_even_when_signals_arrive, .timeout = 20)
{
	struct sigaction action = { .sa_handler = on_alarm }; /* no SA_RESTART */
	FILE *f = NULL;
	pid_t pid;

	sigaction(SIGALRM, &action, NULL);
	pid = start(ARG("sleep 0.5"), &f);
	ualarm(100000, 0);
	cr_assert_eq(command_close(pid), 0);
	fclose(f);
}

Test(command_pipe, the_pipe_is_not_handed_to_other_programs)
{
	FILE *f = NULL;
	pid_t pid = start(ARG("exit 0"), &f);

	cr_assert(fcntl(fileno(f), F_GETFD) & FD_CLOEXEC);
	fclose(f);
	cr_assert_eq(command_close(pid), 0);
}
