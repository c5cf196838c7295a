/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds the separate debug file of an object. */
#include "sym/debugfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "lib/cleanup.h"
#include "sym/symbols.h"

#define DEBUG_DIR      "/usr/lib/debug"
#define NAME_BYTES_MAX 255
#define CRC_BLOCK      65536
#define CRC_FILE_MAX   (2ull << 30) /* reading more would stall the trace */

struct link {
	const char *name; /* NULL: none */
	uint32_t crc;
};

struct search {
	const struct elf_traits *traits;
	struct link link;
	const struct elf_file *object;
};

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

/* A file name, NUL, padding to four bytes, the CRC. */
static struct link read_link(const struct elf_file *f)
{
	const Elf_Data *d = elf_section_data(elf_section_named(f, ".gnu_debuglink"));
	struct link link = {};
	size_t len;

	if (!d || d->d_size < 8)
		return link;
	len = strnlen(d->d_buf, d->d_size);
	if (!len || len > NAME_BYTES_MAX || ((len + 4) & ~3ul) > d->d_size - 4)
		return link;
	/* A name, not a way to somewhere else. */
	if (memchr(d->d_buf, '/', len))
		return link;
	memcpy(&link.crc, (const char *)d->d_buf + ((len + 4) & ~3ul), sizeof(link.crc));
	link.name = d->d_buf;
	return link;
}

static bool has_crc(int fd, uint32_t want)
{
	_cleanup_free_ uint8_t *block = malloc(CRC_BLOCK);
	uint64_t offset = 0;
	uLong crc = crc32(0, NULL, 0);
	ssize_t n;

	if (!block)
		return false;
	do {
		n = elf_read_at(fd, block, CRC_BLOCK, offset);
		if (n < 0 || offset > CRC_FILE_MAX)
			return false;
		crc = crc32(crc, block, (uInt)n);
		offset += (uint64_t)n;
	} while (n == CRC_BLOCK);
	return crc == want;
}

static bool has_symtab(const struct elf_file *debug, const struct elf_file *f)
{
	const struct elf_section *table = elf_section_typed(debug, SHT_SYMTAB);

	return debug->ehdr.e_machine == f->ehdr.e_machine && table && elf_section_data(table);
}

/* Is the open file the debug file of the object? */
static bool belongs(const struct search *s, int fd, bool by_link)
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	uint8_t id[BUILD_ID_MAX];
	uint32_t len;

	if (elf_file_open(fd, &f) || !has_symtab(f, s->object))
		return false;
	len = elf_build_id(f, id, sizeof(id));
	if (len && s->traits->build_id_len)
		return len == s->traits->build_id_len && !memcmp(id, s->traits->build_id, len);
	return by_link && has_crc(fd, s->link.crc);
}

bool debugfile_belongs(const struct elf_file *debug, const struct elf_file *f)
{
	uint8_t id[BUILD_ID_MAX], own[BUILD_ID_MAX];
	uint32_t len = elf_build_id(debug, id, sizeof(id));

	return len && len == elf_build_id(f, own, sizeof(own)) && !memcmp(id, own, len) &&
	       has_symtab(debug, f);
}

/* An fd, or -ENOENT. The file may belong to the target's file system: no FIFO may hold us up. */
static int try_open(const struct search *s, const char *path, bool by_link)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || !belongs(s, fd, by_link))
		return -ENOENT;
	return TAKE_FD(fd);
}

static int try_build_id(const struct search *s, const char *root)
{
	const struct elf_traits *t = s->traits;
	char hex[2 * BUILD_ID_MAX + 1] = "", path[PATH_MAX];

	if (t->build_id_len < 2)
		return -ENOENT;
	for (uint32_t i = 0; i < t->build_id_len; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", t->build_id[i]);
	if (snprintf(path, sizeof(path), "%s" DEBUG_DIR "/.build-id/%.2s/%s.debug", root, hex,
		     hex + 2) >= (int)sizeof(path))
		return -ENOENT;
	return try_open(s, path, false);
}

static int try_link(const struct search *s, const char *root, const char *dir, size_t dir_len)
{
	static const char *const forms[][2] = { { "", "" }, { "", "/.debug" }, { DEBUG_DIR, "" } };
	char path[PATH_MAX];
	int fd = -ENOENT;

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms) && fd < 0; i++) {
		if (snprintf(path, sizeof(path), "%s%s%.*s%s/%s", root, forms[i][0], (int)dir_len,
			     dir, forms[i][1], s->link.name) < (int)sizeof(path))
			fd = try_open(s, path, true);
	}
	return fd;
}

int debugfile_open(const struct elf_file *f, const struct elf_traits *traits, const char *path,
		   const char *root)
{
	struct search s = { .traits = traits, .link = read_link(f), .object = f };
	const char *slash = path ? strrchr(path, '/') : NULL;
	int fd = try_build_id(&s, root);

	if (fd < 0 && *root)
		fd = try_build_id(&s, "");
	if (fd >= 0 || !s.link.name || !slash || slash - path >= PATH_MAX)
		return fd;
	fd = try_link(&s, root, path, (size_t)(slash - path));
	if (fd < 0 && *root)
		fd = try_link(&s, "", path, (size_t)(slash - path));
	return fd;
}
