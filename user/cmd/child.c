/* SPDX-License-Identifier: GPL-2.0-only */
/* `-- COMMAND`: a child that waits until it is traced, then becomes the command. */
#include "cmd/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"

/* In the child. Its answer is the error of exec, or nothing: the pipe closes on exec. */
static void run(int wait_fd, int report_fd, char **command)
{
	sigset_t none;
	char go;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* until the exec, it is ours */
	if (read(wait_fd, &go, 1) != 1)
		_exit(127);
	prctl(PR_SET_PDEATHSIG, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(command[0], command);
	err = errno;
	if (write(report_fd, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

int child_start(struct child *c, char **command)
{
	int go[2], answer[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	if (pipe2(answer, O_CLOEXEC)) {
		int err = -errno;

		close(go[0]);
		close(go[1]);
		return err;
	}
	pid = fork();
	if (!pid) {
		close(go[1]);
		close(answer[0]);
		run(go[0], answer[1], command);
	}
	close(go[0]);
	close(answer[1]);
	if (pid < 0) {
		int err = -errno;

		close(go[1]);
		close(answer[0]);
		return err;
	}
	*c = (struct child){ .pid = pid, .release_fd = go[1] };
	c->answer_fd = answer[0];
	return 0;
}

int child_release(struct child *c)
{
	_cleanup_close_ int answer = TAKE_FD(c->answer_fd);
	int err = 0;

	if (write(c->release_fd, "", 1) != 1)
		return -errno;
	close(c->release_fd);
	c->release_fd = -1;
	if (read(answer, &err, sizeof(err)) != sizeof(err))
		return 0;
	waitpid(c->pid, &c->status, 0);
	c->reaped = true;
	return -err;
}

bool child_ended(struct child *c)
{
	if (c->pid && !c->reaped && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->reaped = true;
	return c->reaped;
}

void child_wait(struct child *c)
{
	while (c->pid && !c->reaped) {
		if (waitpid(c->pid, &c->status, 0) == c->pid)
			c->reaped = true;
		else if (errno != EINTR)
			return;
	}
}

int child_exit_status(const struct child *c)
{
	if (WIFSIGNALED(c->status))
		return 128 + WTERMSIG(c->status);
	return WEXITSTATUS(c->status);
}

void child_done(struct child *c)
{
	if (!c->pid || c->release_fd < 0)
		return;
	close(c->answer_fd);
	close(c->release_fd); /* its read fails: it exits */
	c->release_fd = -1;
	if (!c->reaped)
		waitpid(c->pid, &c->status, 0);
}
