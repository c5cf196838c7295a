/* SPDX-License-Identifier: GPL-2.0-only */
/* Control groups, version 2: by path or by container ID. */
#include "target/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define CGROUP_ROOT   "/sys/fs/cgroup"
#define DEPTH_MAX     64 /* deeper trees are not searched */
#define ID_DIGITS_MIN 12 /* what container tools print as the short form */
#define ID_DIGITS_MAX 64
#define FILEID_KERNFS 0xfe /* include/linux/exportfs.h: the handle is the 64-bit id */

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* mountinfo writes blanks and backslashes in paths as \040 … */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && is_octal(s[1]) && is_octal(s[2]) && is_octal(s[3])) {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/*
 * "36 35 98:0 /root /mount/point OPTIONS [TAG…] - TYPE SOURCE OPTIONS": the mount point of a
 * cgroup2 line (cut off in place), or NULL.
 */
static char *mount_point(char *line)
{
	char *type = strstr(line, " - "), *p = line;

	if (!type || strncmp(type + 3, "cgroup2 ", 8))
		return NULL;
	for (int field = 1; field < 5; field++) {
		p = strchr(p, ' ');
		if (!p || p >= type)
			return NULL;
		p++;
	}
	p[strcspn(p, " ")] = '\0';
	unescape(p);
	return p;
}

int cgroup_mount(FILE *mountinfo, char *path, size_t size)
{
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, mountinfo) >= 0) {
		const char *point = mount_point(line);

		if (!point)
			continue;
		if (strlen(point) >= size)
			return -ENAMETOOLONG;
		strcpy(path, point);
		return 0;
	}
	return feof(mountinfo) ? -ENODEV : -EIO;
}

/* The kernfs ID; before 5.5 and on other file systems (tests) that is the inode number. */
static int read_id(const char *path, uint64_t *ret)
{
	union {
		struct file_handle handle;
		char space[sizeof(struct file_handle) + sizeof(uint64_t)];
	} h = { .handle.handle_bytes = sizeof(uint64_t) };
	struct stat st;
	int mount_id;

	if (!name_to_handle_at(AT_FDCWD, path, &h.handle, &mount_id, 0) &&
	    h.handle.handle_type == FILEID_KERNFS && h.handle.handle_bytes == sizeof(*ret)) {
		memcpy(ret, h.handle.f_handle, sizeof(*ret));
		return 0;
	}
	if (stat(path, &st))
		return -errno;
	*ret = st.st_ino;
	return 0;
}

static size_t hex_digits(const char *s)
{
	return strspn(s, "0123456789abcdef");
}

static bool is_container_id(const char *spec)
{
	size_t n = strlen(spec);

	return n >= ID_DIGITS_MIN && n <= ID_DIGITS_MAX && hex_digits(spec) == n;
}

/*
 * The container ID in a directory's name, or NULL: ID, ENGINE-ID.scope, ENGINE:ID. The scopes of
 * conmon hold a container's monitor, not the container.
 */
static const char *name_id(const char *name)
{
	const char *p = name;

	if (strstr(name, "conmon"))
		return NULL;
	for (; *p; p++) {
		size_t n = p == name || p[-1] == '-' || p[-1] == ':' ? hex_digits(p) : 0;

		if (n >= ID_DIGITS_MIN && (!p[n] || !strcmp(p + n, ".scope")))
			return p;
	}
	return NULL;
}

struct search {
	const char *spec;
	char path[PATH_MAX];        /* where the search is */
	char found[PATH_MAX];       /* "" until found */
	char id[ID_DIGITS_MAX + 1]; /* of what was found */
};

/* Notes a directory whose ID begins with the digits; two different containers are an error. */
static int note_match(struct search *s, const char *id)
{
	size_t n = hex_digits(id);

	if (n > ID_DIGITS_MAX)
		return 0;
	if (!*s->found) {
		memcpy(s->id, id, n);
		s->id[n] = '\0';
		strcpy(s->found, s->path);
		return 0;
	}
	return strlen(s->id) == n && !memcmp(s->id, id, n) ? 0 : -ENOTUNIQ;
}

/* Searches the directory s->path, and restores that string. */
static int search_tree(struct search *s, unsigned int depth)
{
	_cleanup_closedir_ DIR *dir = opendir(s->path);
	size_t len = strlen(s->path);
	const struct dirent *d;
	int err = 0;

	/* A cgroup may go away under our hands, or be closed to us. */
	if (!dir || depth > DEPTH_MAX)
		return 0;
	while (!err && (d = readdir(dir))) {
		const char *id;

		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		if (len + strlen(d->d_name) + 2 > sizeof(s->path))
			continue;
		s->path[len] = '/';
		strcpy(s->path + len + 1, d->d_name);
		id = name_id(d->d_name);
		if (id && !strncmp(id, s->spec, strlen(s->spec)))
			err = note_match(s, id);
		else
			err = search_tree(s, depth + 1);
		s->path[len] = '\0';
	}
	return err;
}

static int find_container(const char *mount, const char *spec, char *path)
{
	_cleanup_free_ struct search *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	if (strlen(mount) >= sizeof(s->path))
		return -ENAMETOOLONG;
	s->spec = spec;
	strcpy(s->path, mount);
	err = search_tree(s, 0);
	if (err)
		return err;
	if (!*s->found)
		return -ENOENT;
	strcpy(path, s->found);
	return 0;
}

/*
 * The real path of HEAD TAIL, if that is a directory at or below the mount (PATH_MAX bytes at
 * path); so neither ".." nor a link leads out of the tree.
 */
static int try_path(const char *mount, const char *head, const char *tail, char *path)
{
	char text[PATH_MAX], top[PATH_MAX], real[PATH_MAX];
	int n = snprintf(text, sizeof(text), "%s/%s", head, tail);
	struct stat st;
	size_t len;

	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	if (!realpath(mount, top) || !realpath(text, real) || stat(real, &st))
		return errno == ENOTDIR ? -ENOENT : -errno;
	len = strcmp(top, "/") ? strlen(top) : 0;
	if (!S_ISDIR(st.st_mode) || strncmp(real, top, len) || (real[len] && real[len] != '/'))
		return -ENOENT;
	strcpy(path, real);
	return 0;
}

static int resolve(const char *mount, const char *spec, char *path)
{
	size_t root = strlen(CGROUP_ROOT);
	int err = -ENOENT;

	if (!*spec)
		return -ENOENT;
	if (*spec == '/')
		err = try_path(mount, "", spec + 1, path);
	if (err == -ENOENT)
		err = try_path(mount, mount, spec, path);
	/* /sys/fs/cgroup/… as on other hosts, while the tree is at …/unified here. */
	if (err == -ENOENT && !strncmp(spec, CGROUP_ROOT "/", root + 1))
		err = try_path(mount, mount, spec + root, path);
	if (err == -ENOENT && is_container_id(spec))
		err = find_container(mount, spec, path);
	return err;
}

int cgroup_find_in(const char *mount, const char *spec, uint64_t *id, char *path, size_t size)
{
	char found[PATH_MAX];
	uint64_t number = 0;
	int err;

	err = resolve(mount, spec, found);
	if (!err && strlen(found) >= size)
		err = -ENAMETOOLONG;
	if (!err)
		err = read_id(found, &number);
	if (err)
		return err;
	strcpy(path, found);
	*id = number;
	return 0;
}

int cgroup_find(const char *spec, uint64_t *id, char *path, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	char mount[PATH_MAX];
	int err;

	if (!f)
		return -errno;
	err = cgroup_mount(f, mount, sizeof(mount));
	return err ? err : cgroup_find_in(mount, spec, id, path, size);
}

/* Appends the numbers in a cgroup.procs file. */
static int read_procs(int dirfd, pid_vec *ret)
{
	_cleanup_fclose_ FILE *f = NULL;
	int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW), err = 0;
	uint32_t pid;

	if (fd < 0)
		return -errno;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	while (!err && fscanf(f, "%" SCNu32, &pid) == 1)
		if (pid) /* 0: a process outside our PID namespace */
			err = vec_push(ret, pid);
	/* In a threaded cgroup the file cannot be read: its processes stand in the domain's. */
	return err;
}

static int read_tree(int parent, const char *name, pid_vec *ret, unsigned int depth)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd =
	    openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth ? O_NOFOLLOW : 0));
	const struct dirent *d;
	int err;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	err = read_procs(fd, ret);
	while (!err && (d = readdir(dir))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.' || depth >= DEPTH_MAX)
			continue;
		err = read_tree(fd, d->d_name, ret, depth + 1);
		if (err == -ENOENT || err == -ENODEV) /* removed meanwhile */
			err = 0;
	}
	return err;
}

int cgroup_pids(const char *path, pid_vec *ret)
{
	size_t before = ret->n;
	int err = read_tree(AT_FDCWD, path, ret, 0);

	if (err)
		ret->n = before;
	return err;
}
