/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc says of a process. */
#include "target/proc.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/glob.h"

#define PF_KTHREAD 0x00200000 /* of the flags in /proc/PID/stat (include/linux/sched.h) */
#define DELETED    " (deleted)"

/* Opens /proc/PID/NAME: an fd or a negative errno. A process that has gone is -ESRCH. */
static int open_proc(uint32_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

/* Reads a file of /proc/PID as a string, cut to size - 1 bytes; 0 or a negative errno. */
static int read_text(uint32_t pid, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = open_proc(pid, name);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return 0;
}

/* "123 (comm) S 1 …": comm may hold any byte but NUL, so it ends at the last ')'. */
static int parse_stat(const char *text, struct proc_info *info)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	unsigned int flags;
	size_t len;

	if (!open || !close || close < open)
		return -EPROTO;
	len = (size_t)(close - open - 1);
	if (len > sizeof(info->comm) - 1) /* kernel workers show longer names */
		len = sizeof(info->comm) - 1;
	memcpy(info->comm, open + 1, len);
	info->comm[len] = '\0';
	/* Fields 3 state, 4 ppid, 9 flags, 22 starttime: see proc(5). */
	if (sscanf(close + 1,
		   " %c %" SCNu32 " %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
		   "%*d %" SCNu64,
		   &info->state, &info->ppid, &flags, &info->start_time) != 4)
		return -EPROTO;
	info->kernel_thread = flags & PF_KTHREAD;
	return 0;
}

/* The executable's path and word size, as far as we may look. */
static void read_exe(struct proc_info *info)
{
	unsigned char ident[EI_NIDENT];
	_cleanup_close_ int fd = -1;
	char path[64];
	struct stat st;
	size_t len;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", info->pid);
	n = readlink(path, info->exe, sizeof(info->exe) - 1);
	info->exe[n > 0 ? n : 0] = '\0';
	if (n <= 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (read(fd, ident, sizeof(ident)) == sizeof(ident) && !memcmp(ident, ELFMAG, SELFMAG))
		info->is_32bit = ident[EI_CLASS] == ELFCLASS32;
	len = strlen(info->exe);
	/* A file may really be called that: only one without a name left is deleted. */
	if (len > strlen(DELETED) && !strcmp(info->exe + len - strlen(DELETED), DELETED) &&
	    !fstat(fd, &st) && !st.st_nlink)
		info->exe[len - strlen(DELETED)] = '\0';
}

static uint64_t read_namespace(uint32_t pid, const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/ns/%s", pid, name);
	return stat(path, &st) ? 0 : st.st_ino;
}

/* /proc/TID opens for threads too, but they are no processes. */
static int check_leader(uint32_t pid)
{
	char text[512];
	uint32_t tgid;
	const char *p;
	int err = read_text(pid, "status", text, sizeof(text));

	if (err)
		return err;
	p = strstr(text, "\nTgid:");
	if (!p || sscanf(p, "\nTgid: %" SCNu32, &tgid) != 1)
		return -EPROTO;
	return tgid == pid ? 0 : -ESRCH;
}

int proc_read(uint32_t pid, struct proc_info *ret)
{
	struct proc_info info = { .pid = pid };
	char text[1024];
	int err;

	err = check_leader(pid);
	if (!err)
		err = read_text(pid, "stat", text, sizeof(text));
	if (!err)
		err = parse_stat(text, &info);
	if (err)
		return err;
	if (!info.kernel_thread)
		read_exe(&info);
	info.pidns = read_namespace(pid, "pid");
	info.mntns = read_namespace(pid, "mnt");
	*ret = info;
	return 0;
}

/* Appends the numeric names of a directory of /proc; all or none. */
static int list_numbers(const char *path, pid_vec *ret)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	size_t before = ret->n;
	const struct dirent *d;
	int err = 0;

	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!err) {
		unsigned long id;
		char *end;

		errno = 0;
		d = readdir(dir);
		if (!d) {
			err = -errno;
			break;
		}
		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		id = strtoul(d->d_name, &end, 10);
		if (!*end && id <= UINT32_MAX)
			err = vec_push(ret, (uint32_t)id);
	}
	if (err)
		ret->n = before;
	return err == -ENOENT ? -ESRCH : err;
}

int proc_threads(uint32_t pid, pid_vec *tids)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task", pid);
	return list_numbers(path, tids);
}

int proc_list(pid_vec *pids)
{
	return list_numbers("/proc", pids);
}

static bool name_matches(const char *glob, const struct proc_info *info)
{
	const char *slash = strrchr(info->exe, '/');

	return glob_match(glob, info->comm) || (slash && slash[1] && glob_match(glob, slash + 1));
}

int proc_match(const char *glob, pid_vec *pids)
{
	_cleanup_free_ struct proc_info *info = malloc(sizeof(*info));
	size_t before = pids->n, kept = before;
	int err;

	if (!info)
		return -ENOMEM;
	err = proc_list(pids);
	if (err)
		return err;
	for (size_t i = before; i < pids->n; i++) {
		uint32_t pid = pids->v[i];

		/* One that has gone meanwhile is no match. */
		if (pid != (uint32_t)getpid() && !proc_read(pid, info) && name_matches(glob, info))
			pids->v[kept++] = pid;
	}
	pids->n = kept;
	return 0;
}

int proc_schedstat(uint32_t pid, uint32_t tid, uint64_t *cpu_ns, uint64_t *runq_ns)
{
	char name[48], text[128];
	uint64_t cpu, runq;
	int err;

	snprintf(name, sizeof(name), "task/%" PRIu32 "/schedstat", tid);
	err = read_text(pid, name, text, sizeof(text));
	if (err)
		return err == -ESRCH ? -ENOENT : err;
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &cpu, &runq) != 2)
		return -EPROTO;
	*cpu_ns = cpu;
	*runq_ns = runq;
	return 0;
}
