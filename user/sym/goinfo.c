/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which Go made a program. The build information begins with a mark of 14 bytes, the size of a
 * pointer and flags; behind these stands a pointer to the version's string header (16 bytes from
 * the start) or, since Go 1.18, the version itself after its length (32 bytes).
 */
#include "sym/goinfo.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/cursor.h"
#include "sym/goimage.h"

#define MARK           "\xff Go buildinf:"
#define MARK_LEN       14
#define POINTER_AT     16
#define INLINE_AT      32
#define FLAG_BIG       0x1
#define FLAG_INLINE    0x2
#define VERSION_MAX    255
#define REGISTERS_FROM 17 /* Go 1.17 passes arguments in registers on x86-64 */

/* The offset of runtime.g.goid in a release, or 0. */
static uint32_t goid_offset(uint32_t minor)
{
	static const struct {
		uint32_t from, to, offset;
	} layouts[] = {
		{ 17, 22, 152 },
		{ 23, 24, 160 }, /* g.syscallbp was put before it */
		{ 25, 27, 152 }, /* gobuf.ret was taken out */
	};

	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
		if (minor >= layouts[i].from && minor <= layouts[i].to)
			return layouts[i].offset;
	return 0;
}

/* Reads at most four digits; false: none are there, or more. */
static bool read_number(const char **p, uint32_t *ret)
{
	const char *start = *p;
	uint32_t v = 0;

	for (; **p >= '0' && **p <= '9' && *p - start < 5; (*p)++)
		v = v * 10 + (uint32_t)(**p - '0');
	*ret = v;
	return *p > start && *p - start < 5;
}

/* Is what follows "go1.N" that of a release or of a candidate for one? */
static bool is_release(const char *rest)
{
	return !*rest || *rest == ' ' || *rest == '.' || !strncmp(rest, "rc", 2) ||
	       !strncmp(rest, "beta", 4);
}

bool goinfo_of_version(const char *version, struct go_info *ret)
{
	static const char devel[] = "devel ";
	bool released = strncmp(version, devel, sizeof(devel) - 1) != 0;
	const char *p = released ? version : version + sizeof(devel) - 1;
	struct go_info info = {};

	if (strncmp(p, "go", 2))
		return false;
	p += 2;
	if (!read_number(&p, &info.version_major) || info.version_major != 1 || *p++ != '.' ||
	    !read_number(&p, &info.version_minor))
		return false;
	released = released && is_release(p);
	info.goid_offset = goid_offset(info.version_minor);
	/* A snapshot on the way to a release may have that one's layout or the one before. */
	if (!released &&
	    (!info.version_minor || goid_offset(info.version_minor - 1) != info.goid_offset))
		info.goid_offset = 0;
	info.register_abi = info.version_minor >= REGISTERS_FROM && !strstr(p, "noregabi");
	*ret = info;
	return true;
}

static bool has_mark(const struct go_image *im, uint64_t addr, void *arg)
{
	char head[MARK_LEN];

	(void)arg;
	return go_image_read(im, addr, head, sizeof(head)) && !memcmp(head, MARK, MARK_LEN);
}

static uint64_t find_mark(const struct go_image *im)
{
	const struct elf_section *s = elf_section_named(im->file, ".go.buildinfo");
	struct go_search search = { .n = 1, .align = 16, .accept = has_mark };

	if (s && has_mark(im, s->header.sh_addr, NULL))
		return s->header.sh_addr;
	memcpy(search.words, MARK, sizeof(search.words[0]));
	return go_image_find(im, &search);
}

/* Reads n bytes or, near the end of the data, fewer; how many. */
static size_t read_some(const struct go_image *im, uint64_t addr, void *buf, size_t n)
{
	const struct elf_segment *s = elf_segment_of(&im->file->segments, addr);
	uint64_t left = s ? s->size - (addr - s->addr) : 0;

	n = n < left ? n : left;
	return n && go_image_read(im, addr, buf, n) ? n : 0;
}

static bool read_inline(const struct go_image *im, uint64_t at, char *version)
{
	uint8_t bytes[VERSION_MAX + 10];
	size_t n = read_some(im, at, bytes, sizeof(bytes));
	struct cursor c = { bytes, bytes + n, false };
	uint64_t len = cursor_uleb(&c);

	if (c.bad || len > VERSION_MAX || len > (size_t)(c.end - c.p))
		return false;
	memcpy(version, c.p, len);
	version[len] = '\0';
	return true;
}

static bool read_pointed(const struct go_image *im, uint64_t at, char *version)
{
	uint64_t string, text, len;

	if (!go_image_pointer(im, at, &string) || !go_image_pointer(im, string, &text) ||
	    !go_image_read(im, string + sizeof(text), &len, sizeof(len)) || len > VERSION_MAX ||
	    !go_image_read(im, text, version, len))
		return false;
	version[len] = '\0';
	return true;
}

static int read_info(const struct go_image *im, struct go_info *ret)
{
	char version[VERSION_MAX + 1] = "";
	uint64_t at = find_mark(im);
	uint8_t kind[2]; /* the size of a pointer, flags */
	bool found;

	if (at == ELF_NONE || !go_image_read(im, at + MARK_LEN, kind, sizeof(kind)))
		return -ENOENT;
	if (kind[1] & FLAG_INLINE)
		found = read_inline(im, at + INLINE_AT, version);
	else
		found = kind[0] == 8 && !(kind[1] & FLAG_BIG) &&
			read_pointed(im, at + POINTER_AT, version);
	return found && goinfo_of_version(version, ret) ? 0 : -ENOENT;
}

int goinfo_read(const struct elf_file *f, struct go_info *ret)
{
	_cleanup_(go_image_done) struct go_image im = {};
	int err = go_image_init(&im, f);

	return err ? err : read_info(&im, ret);
}

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

int goinfo_of_file(int fd, struct go_info *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	int err = elf_file_open(fd, &f);

	if (err)
		return err == -ENOMEM ? err : -ENOENT;
	return elf_section_named(f, ".note.go.buildid") ? goinfo_read(f, ret) : -ENOENT;
}
