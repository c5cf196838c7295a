/* SPDX-License-Identifier: GPL-2.0-only */
/* Where running traces have their sockets. */
#include "serve/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define SYSTEM_DIR  "/run/pathbpf"
#define SOCKETS_MAX 4096 /* that are looked at; more are no traces of people */

/* A folder that its owner alone can put things into, and no link to another one. */
static bool is_private(const char *dir, uid_t *ret_owner)
{
	struct stat st;

	if (lstat(dir, &st) || !S_ISDIR(st.st_mode) || st.st_mode & 022)
		return false;
	*ret_owner = st.st_uid;
	return true;
}

static int make(const char *dir)
{
	uid_t owner;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	if (!is_private(dir, &owner) || owner != geteuid())
		return -EPERM;
	return access(dir, W_OK | X_OK) ? -errno : 0;
}

/* The folders that are this user's own, the best first; false: there is no such. */
static bool own_dir(unsigned int way, char *dir, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int n = 0;

	if (way == 0 && geteuid() == 0)
		n = snprintf(dir, size, "%s", SYSTEM_DIR);
	else if (way == 1 && runtime && runtime[0] == '/')
		n = snprintf(dir, size, "%s/pathbpf", runtime);
	else if (way == 2)
		n = snprintf(dir, size, "/tmp/pathbpf-%u", geteuid());
	return n > 0 && (size_t)n < size;
}

int rundir_make(char *dir, size_t size)
{
	int err = -ENOENT;

	for (unsigned int way = 0; way < 3 && err; way++) {
		if (own_dir(way, dir, size))
			err = make(dir);
	}
	return err;
}

int rundir_socket(const char *dir, uint32_t pid, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/%u.sock", dir, pid);

	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* "123.sock" → 123; 0: it is something else. */
static uint32_t pid_of(const char *name)
{
	char *end;
	unsigned long pid = strtoul(name, &end, 10);

	return name[0] >= '1' && name[0] <= '9' && pid <= INT32_MAX && !strcmp(end, ".sock")
		   ? (uint32_t)pid
		   : 0;
}

static int list_dir(const char *dir, trace_socket_vec *ret)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct trace_socket s;
	int err = 0;

	if (!is_private(dir, &s.owner))
		return 0;
	/* Others see their own only; root those of all. */
	if (geteuid() != 0 && s.owner != geteuid())
		return 0;
	d = opendir(dir);
	for (const struct dirent *e; !err && d && (e = readdir(d)) && ret->n < SOCKETS_MAX;) {
		s.pid = pid_of(e->d_name);
		if (s.pid && !rundir_socket(dir, s.pid, s.path, sizeof(s.path)))
			err = vec_push(ret, s);
	}
	return err;
}

static int list_glob(const char *pattern, trace_socket_vec *ret)
{
	glob_t found = {};
	int err = 0;

	if (!glob(pattern, GLOB_NOSORT, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc && !err; i++)
			err = list_dir(found.gl_pathv[i], ret);
	}
	globfree(&found);
	return err;
}

static int by_pid(const void *a, const void *b)
{
	const struct trace_socket *x = a, *y = b;
	int order = x->pid < y->pid ? -1 : x->pid > y->pid;

	return order ? order : strcmp(x->path, y->path);
}

int rundir_list(trace_socket_vec *ret, bool others)
{
	char dir[RUNDIR_PATH_MAX];
	size_t n = 0;
	int err = 0;

	for (unsigned int way = 0; way < 3 && !err; way++) {
		if (own_dir(way, dir, sizeof(dir)))
			err = list_dir(dir, ret);
	}
	others = others && geteuid() == 0;
	if (!err && others)
		err = list_glob("/run/user/*/pathbpf", ret);
	if (!err && others)
		err = list_glob("/tmp/pathbpf-*", ret);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_pid);
	/* A folder may have been met in two ways. */
	for (size_t i = 0; i < ret->n; i++) {
		if (!n || strcmp(ret->v[n - 1].path, ret->v[i].path) != 0)
			ret->v[n++] = ret->v[i];
	}
	ret->n = n;
	return err;
}
