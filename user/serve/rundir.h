/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where running traces have their sockets: DIR/PID.sock, in a folder that only its owner may enter.
 * DIR is /run/pathbpf for root; where that cannot be written, and for others, it is
 * $XDG_RUNTIME_DIR/pathbpf or /tmp/pathbpf-UID. Readers look into all of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/vec.h"

#define RUNDIR_PATH_MAX 108 /* of sockaddr_un */

struct trace_socket {
	char path[RUNDIR_PATH_MAX];
	uint32_t pid;
	uid_t owner; /* of its folder: nobody else can have put it there */
};

typedef VEC(struct trace_socket) trace_socket_vec;

/*
 * Makes the folder for this process's own socket, by the first way that works. 0 or the negative
 * errno of the last.
 */
int rundir_make(char *dir, size_t size);
/* The socket's path in it; -ENAMETOOLONG. */
int rundir_socket(const char *dir, uint32_t pid, char *path, size_t size);
/*
 * Appends what stands in this user's folders, and for root with `others` in everybody's, for which
 * all of /tmp is read; by PID, dead ones too. 0 or -ENOMEM.
 */
int rundir_list(trace_socket_vec *ret, bool others);
