/* SPDX-License-Identifier: GPL-2.0-only */
/* Executable mappings of a process, and the files behind them. */
#include "target/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define DELETED        " (deleted)"
#define LINE_MAX_BYTES (1 << 15) /* the kernel's are shorter: a path has at most 4 × 4096 bytes */

static void mapping_done(struct mapping *m)
{
	free(m->path);
	*m = (struct mapping){};
}

/* Reads a number and the byte that must follow it; moves *p behind both, or not at all. */
static bool number(const char **p, unsigned int base, char follow, uint64_t *ret)
{
	const char *s = *p;
	uint64_t value = 0;

	for (;; s++) {
		unsigned int digit = base;

		if (*s >= '0' && *s <= '9')
			digit = (unsigned int)(*s - '0');
		else if (*s >= 'a' && *s <= 'f')
			digit = (unsigned int)(*s - 'a') + 10;
		if (digit >= base)
			break;
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	if (s == *p || *s != follow)
		return false;
	*p = s + 1;
	*ret = value;
	return true;
}

/* The kernel writes a newline in a path as \012, and nothing else escaped. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (!strncmp(s, "\\012", 4)) {
			*out++ = '\n';
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

static int set_path(struct mapping *m, const char *path)
{
	size_t len = strlen(path), suffix = strlen(DELETED);

	if (len > suffix && !strcmp(path + len - suffix, DELETED)) {
		m->deleted = 1;
		len -= suffix;
	}
	m->path = strndup(path, len);
	if (!m->path)
		return -ENOMEM;
	unescape(m->path);
	return 0;
}

/*
 * "START-END PERMS OFFSET MAJOR:MINOR INODE   PATH" without the newline. 1 when it is an
 * executable mapping, 0 when it is not one or broken, -ENOMEM.
 */
static int parse_line(const char *p, struct mapping *ret)
{
	struct mapping m = {};
	uint64_t major, minor;
	const char *perms;
	int err;

	if (!number(&p, 16, '-', &m.start) || !number(&p, 16, ' ', &m.end) || m.start >= m.end)
		return 0;
	perms = p;
	if (strnlen(p, 5) < 5 || p[4] != ' ' || perms[2] != 'x')
		return 0;
	p += 5;
	if (!number(&p, 16, ' ', &m.offset) || !number(&p, 16, ':', &major) ||
	    !number(&p, 16, ' ', &minor) || major > UINT32_MAX || minor > UINT32_MAX)
		return 0;
	/* Anonymous memory ends right behind the inode number, or with a blank. */
	if (!number(&p, 10, ' ', &m.ino) && !number(&p, 10, '\0', &m.ino))
		return 0;
	m.dev = makedev((unsigned int)major, (unsigned int)minor);
	err = set_path(&m, p[-1] ? p + strspn(p, " ") : "");
	if (err)
		return err;
	*ret = m;
	return 1;
}

static int by_start(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

int maps_read(FILE *f, mapping_vec *ret)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0, before = ret->n;
	struct mapping m;
	ssize_t len;
	int err = 0;

	while (err >= 0 && (errno = 0, len = getline(&line, &size, f)) >= 0) {
		if (len && line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (len > LINE_MAX_BYTES)
			continue;
		err = parse_line(line, &m);
		if (err > 0) {
			err = vec_push(ret, m);
			if (err)
				mapping_done(&m);
		}
	}
	if (err >= 0 && !feof(f))
		err = errno ? -errno : -EIO;
	if (err < 0) {
		while (ret->n > before)
			mapping_done(&ret->v[--ret->n]);
		return err;
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_start);
	return 0;
}

int maps_read_pid(uint32_t pid, mapping_vec *ret)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	return maps_read(f, ret);
}

void maps_done(mapping_vec *maps)
{
	vec_foreach (m, maps)
		mapping_done(m);
	vec_done(maps);
}

bool mapping_is_jit(const struct mapping *m)
{
	return (!m->ino && strcmp(m->path, "[vdso]") != 0) || !strncmp(m->path, "/memfd:", 7);
}

const struct mapping *maps_find(const mapping_vec *maps, uint64_t addr)
{
	size_t low = 0, high = maps->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (maps->v[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	/* The last one that begins at or below it. */
	return low && addr < maps->v[low - 1].end ? &maps->v[low - 1] : NULL;
}

/*
 * Device and inode as /proc/PID/maps would show them for an open file. On btrfs and on stacked
 * file systems they are not what fstat() says, so the file is mapped and looked up.
 */
static int shown_identity(int fd, uint64_t *ret_dev, uint64_t *ret_ino)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	mapping_vec maps = {};
	const struct mapping *m;
	int err;

	if (p == MAP_FAILED)
		return -errno;
	err = maps_read_pid((uint32_t)getpid(), &maps);
	m = err ? NULL : maps_find(&maps, (uint64_t)(uintptr_t)p);
	if (m) {
		*ret_dev = m->dev;
		*ret_ino = m->ino;
	} else if (!err) {
		err = -ENOENT;
	}
	maps_done(&maps);
	munmap(p, page);
	return err;
}

/* Is this open file the one that is mapped? 0, -ESTALE, … */
static int check_identity(int fd, const struct mapping *m)
{
	struct stat st;
	uint64_t dev = 0, ino = 0;
	int err;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_dev == m->dev && st.st_ino == m->ino)
		return 0;
	err = shown_identity(fd, &dev, &ino);
	if (err)
		return err;
	return dev == m->dev && ino == m->ino ? 0 : -ESTALE;
}

/*
 * Opens a path that the target controls without waiting on a FIFO or waking a device: only what
 * O_PATH says is a regular file is opened in earnest.
 */
static int open_regular(const char *path)
{
	_cleanup_close_ int handle = open(path, O_PATH | O_CLOEXEC);
	char self[32];
	struct stat st;
	int fd;

	if (handle < 0 || fstat(handle, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
	fd = open(self, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* "/proc/PID/map_files/START-END"; its numbers are not padded. */
static int format_map_file(uint32_t pid, const struct mapping *m, char *buf, size_t size)
{
	int n = snprintf(buf, size, "/proc/%" PRIu32 "/map_files/%" PRIx64 "-%" PRIx64, pid,
			 m->start, m->end);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* "/proc/PID/root/PATH", for paths that may name a file. */
static int format_root_path(uint32_t pid, const struct mapping *m, char *buf, size_t size)
{
	int n;

	if (!m->path || *m->path != '/' || m->deleted)
		return -ENOENT;
	n = snprintf(buf, size, "/proc/%" PRIu32 "/root%s", pid, m->path);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* Opens the file and says by which path; buf is at least a path long. */
static int open_by_path(uint32_t pid, const struct mapping *m, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;
	int err;

	if (!m->ino) /* nothing but anonymous memory has no inode */
		return -ENOENT;
	err = format_map_file(pid, m, buf, size);
	if (err)
		return err;
	fd = open_regular(buf);
	if (fd >= 0)
		return TAKE_FD(fd);
	/* Not permitted, or the mapping was split since it was read. */
	err = format_root_path(pid, m, buf, size);
	if (err)
		return err == -ENOENT ? fd : err;
	fd = open_regular(buf);
	if (fd < 0)
		return fd;
	err = check_identity(fd, m);
	return err ? err : TAKE_FD(fd);
}

int maps_open(uint32_t pid, const struct mapping *m)
{
	char path[4096 + 64];

	return open_by_path(pid, m, path, sizeof(path));
}

int maps_path(uint32_t pid, const struct mapping *m, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[4096 + 64];

	fd = open_by_path(pid, m, path, sizeof(path));
	if (fd < 0)
		return fd;
	if (strlen(path) >= size)
		return -ENAMETOOLONG;
	strcpy(buf, path);
	return 0;
}
