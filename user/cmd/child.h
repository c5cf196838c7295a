/* SPDX-License-Identifier: GPL-2.0-only */
/* `-- COMMAND`: a child that waits until it is traced, then becomes the command. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct child {
	pid_t pid;      /* 0: none */
	int release_fd; /* writing to it lets the child go */
	int answer_fd;  /* the error of its exec comes from here; closed by a good one */
	bool reaped;
	int status; /* as wait(2) gives it, when reaped */
};

/* Forks; the child waits. 0 or a negative errno. */
int child_start(struct child *c, char **command);
/* Lets the child exec. -ENOENT and the like when it could not (it is reaped then). */
int child_release(struct child *c);
/* Collects the exit status if there is one; true when the child has ended. */
bool child_ended(struct child *c);
/* Waits for a child that is known to be ending. */
void child_wait(struct child *c);
/* The status to hand on: the command's own, or 128 + N after signal N. */
int child_exit_status(const struct child *c);
/* Ends a child that still waits; a running command is left alone. */
void child_done(struct child *c);
