/* SPDX-License-Identifier: GPL-2.0-only */
/* The output of another program. No shell is involved. */
#pragma once

#include <stdio.h>
#include <sys/types.h>

/* Starts argv[0] with standard output into *ret, standard error and input nowhere; 0 or -errno. */
int command_open(char **argv, FILE **ret, pid_t *ret_pid);
/* Waits for its end: 0, or -ECHILD when it failed. Close the stream before or after. */
int command_close(pid_t pid);
