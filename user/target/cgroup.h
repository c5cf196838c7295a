/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control groups, version 2: by path or by container ID. Found through the mounted cgroup2 file
 * system, which hybrid hosts have at /sys/fs/cgroup/unified.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "target/proc.h"

/*
 * The directory of a cgroup and the ID by which BPF knows it. spec is
 *   - an absolute path: of the directory itself, or from the root of the tree as
 *     /proc/PID/cgroup writes it (/system.slice/ssh.service),
 *   - a path below the root of the tree, or
 *   - a container ID, or 12 of its hexadecimal digits or more.
 * 0, -ENOENT (no such cgroup), -ENOTUNIQ (the digits fit several containers), -ENODEV (no cgroup2
 * is mounted), -ENAMETOOLONG, … id and path are set on success only.
 */
int cgroup_find(const char *spec, uint64_t *id, char *path, size_t size);
/* The same in the tree mounted at `mount`. */
int cgroup_find_in(const char *mount, const char *spec, uint64_t *id, char *path, size_t size);

/* Where cgroup2 is mounted, by the format of /proc/PID/mountinfo; 0, -ENODEV, … */
int cgroup_mount(FILE *mountinfo, char *path, size_t size);

/* Processes of a cgroup and all below it, appended; all or none. 0 or a negative errno. */
int cgroup_pids(const char *path, pid_vec *ret);
