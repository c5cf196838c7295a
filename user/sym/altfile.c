/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds the alternate debug file by .gnu_debugaltlink: its name, NUL, its build ID. */
#include "sym/altfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/symbols.h"

struct altlink {
	const char *name;
	const uint8_t *build_id;
	size_t build_id_len;
};

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

static bool read_link(const struct elf_file *f, struct altlink *ret)
{
	const Elf_Data *d = elf_section_data(elf_section_named(f, ".gnu_debugaltlink"));
	size_t len = d ? strnlen(d->d_buf, d->d_size) : 0;

	if (!len || len >= PATH_MAX || len == d->d_size)
		return false;
	ret->name = d->d_buf;
	ret->build_id = (const uint8_t *)d->d_buf + len + 1;
	ret->build_id_len = d->d_size - len - 1;
	return ret->build_id_len > 0 && ret->build_id_len <= BUILD_ID_MAX;
}

/* No FIFO of the target's may hold us up. */
static int try_open(const char *path, const struct altlink *link)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	uint8_t id[BUILD_ID_MAX];

	if (fd < 0 || elf_file_open(fd, &f) ||
	    elf_build_id(f, id, sizeof(id)) != link->build_id_len ||
	    memcmp(id, link->build_id, link->build_id_len) != 0)
		return -ENOENT;
	return TAKE_FD(fd);
}

static int try_absolute(const char *root, const struct altlink *link)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s", root, link->name) >= (int)sizeof(path))
		return -ENOENT;
	return try_open(path, link);
}

/* From the folder of the debug file, wherever it was found. */
static int try_relative(int debug_fd, const struct altlink *link)
{
	char magic[64], found[PATH_MAX], *slash;
	ssize_t len;

	snprintf(magic, sizeof(magic), "/proc/self/fd/%d", debug_fd);
	len = readlink(magic, found, sizeof(found) - 1);
	if (len <= 0)
		return -ENOENT;
	found[len] = '\0';
	slash = strrchr(found, '/');
	if (!slash || (size_t)(slash + 1 - found) + strlen(link->name) >= sizeof(found))
		return -ENOENT;
	strcpy(slash + 1, link->name);
	return try_open(found, link);
}

int altfile_open(const struct elf_file *debug, const char *root)
{
	struct altlink link;
	int fd;

	if (!read_link(debug, &link))
		return -ENOENT;
	if (*link.name != '/')
		return try_relative(debug->fd, &link);
	fd = *root ? try_absolute(root, &link) : -ENOENT;
	return fd >= 0 ? fd : try_absolute("", &link);
}
