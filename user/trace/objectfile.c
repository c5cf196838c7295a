/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that targets have mapped. */
#include "trace/objectfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/cleanup.h"

static void object_file_free(struct object_file *f)
{
	if (!f)
		return;
	symbols_free(f->symbols);
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f->via);
	free(f);
}

DEFINE_CLEANUP(struct object_file *, object_file_free)

void object_files_done(struct object_files *o)
{
	vec_foreach (f, &o->files)
		object_file_free(*f);
	vec_foreach (root, &o->roots)
		close(root->fd);
	vec_done(&o->roots);
	vec_done(&o->files);
	table_done(&o->index);
}

#define ROOTS_MAX 256

/* The root directory of a process as an index into the roots; -1: ours, or it cannot be had. */
static int root_of(struct object_files *o, uint32_t pid)
{
	_cleanup_close_ int fd = -1;
	struct stat st, own;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/root", pid);
	if (stat("/", &own) || stat(path, &st) ||
	    (st.st_dev == own.st_dev && st.st_ino == own.st_ino))
		return -1;
	for (size_t i = 0; i < o->roots.n; i++) {
		if (o->roots.v[i].dev == st.st_dev && o->roots.v[i].ino == st.st_ino)
			return (int)i;
	}
	fd = o->roots.n < ROOTS_MAX ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0 || vec_push(&o->roots, (struct object_root){ st.st_dev, st.st_ino, fd }))
		return -1;
	TAKE_FD(fd);
	return (int)o->roots.n - 1;
}

struct file_key {
	uint64_t dev, ino;
	uint64_t contents; /* counts how often they were changed in place */
};

/* The file as it is now, or TABLE_NONE; then the key is the one to enter it by. */
static uint32_t find(const struct object_files *o, struct file_key *key)
{
	for (;; key->contents++) {
		uint32_t i = table_find(&o->index, key, sizeof(*key));

		if (i == TABLE_NONE || !o->files.v[i]->stale)
			return i;
	}
}

static uint32_t enter(struct object_files *o, const struct file_key *key, const char *path,
		      const char *via, int fd)
{
	_cleanup_close_ int owned_fd = fd;
	_cleanup_(object_file_freep) struct object_file *f = calloc(1, sizeof(*f));
	uint32_t index = (uint32_t)o->files.n;

	if (!f)
		return OBJECT_NONE;
	f->root = -1;
	f->dev = key->dev;
	f->ino = key->ino;
	f->fd = TAKE_FD(owned_fd);
	f->path = strdup(path);
	f->via = strdup(via);
	if (!f->path || !f->via || vec_push(&o->files, f))
		return OBJECT_NONE;
	if (table_add(&o->index, key, sizeof(*key), index)) {
		o->files.n--;
		return OBJECT_NONE;
	}
	f = NULL;
	return index;
}

uint32_t object_files_add(struct object_files *o, uint32_t pid, const struct mapping *m)
{
	struct file_key key = { m->dev, m->ino, 0 };
	bool vdso = !strcmp(m->path, "[vdso]");
	char via[4096] = "";
	uint32_t found;
	int fd = -1;

	if (!m->ino && !vdso)
		return OBJECT_NONE;
	found = find(o, &key);
	if (found != TABLE_NONE)
		return found;
	if (!vdso) {
		fd = maps_open(pid, m);
		/* By our own descriptor: other ways may end when the process unmaps the file. */
		if (fd >= 0)
			snprintf(via, sizeof(via), "/proc/self/fd/%d", fd);
		else if (maps_path(pid, m, via, sizeof(via)))
			via[0] = '\0';
	}
	found = enter(o, &key, m->path, via, fd);
	if (found != OBJECT_NONE && !vdso)
		o->files.v[found]->root = root_of(o, pid);
	return found;
}

static int add_opened(struct object_files *o, int fd, const char *via, const char *path,
		      uint32_t *ret)
{
	_cleanup_close_ int owned_fd = fd;
	struct file_key key;
	struct stat st;
	uint32_t index;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	key = (struct file_key){ st.st_dev, st.st_ino, 0 };
	index = find(o, &key);
	if (index == TABLE_NONE)
		index = enter(o, &key, path, via, TAKE_FD(owned_fd));
	if (index == OBJECT_NONE)
		return -ENOMEM;
	*ret = index;
	return 0;
}

int object_files_add_path(struct object_files *o, const char *path, uint32_t *ret)
{
	return add_opened(o, open(path, O_RDONLY | O_CLOEXEC), path, path, ret);
}

int object_files_add_as(struct object_files *o, const char *path, const char *via, uint32_t *ret)
{
	int fd = open(via, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char own[48];

	/* The way there ends with the process, the descriptor does not. */
	snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
	return add_opened(o, fd, own, path, ret);
}

void object_files_add_own(struct object_files *o)
{
	mapping_vec maps = {};

	if (!maps_read_pid((uint32_t)getpid(), &maps)) {
		vec_foreach (m, &maps) {
			uint32_t ignored;

			if (m->path[0] == '/' && !m->deleted)
				object_files_add_path(o, m->path, &ignored);
		}
	}
	maps_done(&maps);
}

static int open_memory(const void *image, size_t size)
{
	_cleanup_close_ int fd = memfd_create("pathbpf-vdso", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, image, size) == (ssize_t)size ? TAKE_FD(fd) : -EIO;
}

/* The vdso is the same image in every process: ours will do. A descriptor or a negative errno. */
static int open_vdso(void)
{
	mapping_vec maps = {};
	int fd = maps_read_pid((uint32_t)getpid(), &maps);
	bool found = false;

	vec_foreach (m, &maps) {
		if (found || strcmp(m->path, "[vdso]") != 0)
			continue;
		found = true;
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): an address of our own */
		fd = open_memory((const void *)m->start, m->end - m->start);
	}
	maps_done(&maps);
	return found || fd ? fd : -ENOENT;
}

int object_open(const struct object_files *o, uint32_t index)
{
	const struct object_file *f = index < o->files.n ? o->files.v[index] : NULL;
	int fd;

	if (!f || (f->ino && f->fd < 0))
		return -ENOENT;
	if (!f->ino)
		return open_vdso();
	fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}

static int open_vdso_symbols(struct symbols **ret)
{
	_cleanup_close_ int fd = open_vdso();

	return fd < 0 ? fd : symbols_open(fd, NULL, "", ret);
}

const struct symbols *object_symbols(struct object_files *o, uint32_t index)
{
	struct object_file *f;
	char root[32] = "";

	if (index >= o->files.n)
		return NULL;
	f = o->files.v[index];
	if (f->symbols || f->err)
		return f->symbols;
	if (f->root >= 0)
		snprintf(root, sizeof(root), "/proc/self/fd/%d", o->roots.v[f->root].fd);
	if (!f->ino)
		f->err = open_vdso_symbols(&f->symbols);
	else if (f->fd < 0)
		f->err = -ENOENT;
	else
		f->err = symbols_open(f->fd, f->path, root, &f->symbols);
	if (f->err)
		f->symbols = NULL;
	return f->symbols;
}
