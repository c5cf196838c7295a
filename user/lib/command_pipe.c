/* SPDX-License-Identifier: GPL-2.0-only */
/* The output of another program. */
#include "lib/command_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

int command_open(char **argv, FILE **ret, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int fds[2], err;
	FILE *f;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	err = posix_spawn(ret_pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	f = err ? NULL : fdopen(fds[0], "r");
	if (!f) {
		close(fds[0]);
		return err ? -err : -ENOMEM;
	}
	*ret = f;
	return 0;
}

int command_close(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ECHILD;
}
