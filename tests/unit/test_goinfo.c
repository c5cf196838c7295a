/* SPDX-License-Identifier: GPL-2.0-only */
/* Which Go made a program. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_image.h"
#include "lib/cleanup.h"
#include "sym/goinfo.h"

Test(goinfo, knows_where_each_version_keeps_the_goroutines_id)
{
	static const struct {
		const char *version;
		uint32_t minor, goid;
		bool registers;
	} cases[] = {
		{ "go1.16.15", 16, 0, false },
		{ "go1.17", 17, 152, true },
		{ "go1.19.8", 19, 152, true },
		{ "go1.22.5", 22, 152, true },
		{ "go1.23.0", 23, 160, true },
		{ "go1.24.3 X:boringcrypto", 24, 160, true },
		{ "go1.25rc1", 25, 152, true },
		{ "go1.26.0", 26, 152, true },
		{ "go1.99", 99, 0, true },
		{ "go1.18.2 X:noregabi", 18, 152, false },
		/* Snapshots: known where the layout did not change on the way. */
		{ "devel go1.24-0123abcdef Mon Nov 4 10:00:00 2024 +0000", 24, 160, true },
		{ "devel go1.25-0123abcdef", 25, 0, true },
		{ "go1.25-20250209-RC00 cl/724970549 +ff27d270c9 X:fieldtrack", 25, 0, true },
		{ "go1.23-20240626-RC01", 23, 0, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct go_info info = {};

		cr_assert(goinfo_of_version(cases[i].version, &info), "%s", cases[i].version);
		cr_expect_eq(info.version_major, 1);
		cr_expect_eq(info.version_minor, cases[i].minor, "%s", cases[i].version);
		cr_expect_eq(info.goid_offset, cases[i].goid, "%s", cases[i].version);
		cr_expect_eq(info.register_abi, cases[i].registers, "%s", cases[i].version);
	}
}

Test(goinfo, refuses_what_is_no_version)
{
	static const char *const cases[] = { "",         "go",        "go1",       "go1.",
					     "1.19",     "go1.x",     "devel +ab", "go2.1",
					     "devel go", "go1.99999", "gollvm 1.2" };
	struct go_info info = { .version_minor = 7 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_expect_not(goinfo_of_version(cases[i], &info), "%s", cases[i]);
	cr_expect_eq(info.version_minor, 7, "it was written to");
}

#define MARK "\xff Go buildinf:"

/* Build information at an address of the data: both forms begin with a mark and two bytes. */
static void add_mark(struct elf_image *im, size_t at, uint8_t pointer_size, uint8_t flags)
{
	while (im->eh_frame.len < at)
		buf_add_char(&im->eh_frame, 'x');
	buf_add_str(&im->eh_frame, MARK);
	buf_add_char(&im->eh_frame, (char)pointer_size);
	buf_add_char(&im->eh_frame, (char)flags);
}

static void add_word(struct elf_image *im, uint64_t v)
{
	buf_add(&im->eh_frame, &v, sizeof(v));
}

static int read_image(struct elf_image *im, struct go_info *ret)
{
	_cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
	struct elf_file *f = NULL;
	struct buf file = {};
	int err;

	elf_image_write(im, &file);
	cr_assert_eq(write(fd, file.data, file.len), (ssize_t)file.len);
	cr_assert_eq(elf_file_open(fd, &f), 0);
	err = goinfo_read(f, ret);
	elf_file_free(f);
	buf_done(&file);
	elf_image_done(im);
	return err;
}

static void add_inline(struct elf_image *im, size_t at, const char *len, const char *version)
{
	add_mark(im, at, 8, 2);
	add_word(im, 0);
	add_word(im, 0);
	buf_add_str(&im->eh_frame, len);
	buf_add_str(&im->eh_frame, version);
}

Test(goinfo, reads_a_version_that_stands_in_the_build_information)
{
	struct elf_image im = {};
	struct go_info info = {};

	add_inline(&im, 0x40, "\x08", "go1.24.3");
	cr_assert_eq(read_image(&im, &info), 0);
	cr_expect_eq(info.version_minor, 24);
	/* At the very end of the file's data. */
	add_inline(&im, 0x1000 - 48, "\x08", "go1.21.1       ");
	cr_assert_eq(read_image(&im, &info), 0);
	cr_expect_eq(info.version_minor, 21);
}

Test(goinfo, reads_a_version_that_the_build_information_points_to)
{
	struct elf_image im = {};
	struct go_info info = {};

	add_mark(&im, 0x40, 8, 0);
	add_word(&im, IMAGE_DATA + 0x60); /* 0x50: the version's string header, the modules' */
	add_word(&im, 0);
	add_word(&im, IMAGE_DATA + 0x70);
	add_word(&im, 6);
	buf_add_str(&im.eh_frame, "go1.17, and other text");
	cr_assert_eq(read_image(&im, &info), 0);
	cr_expect_eq(info.version_minor, 17);
	cr_expect_eq(info.goid_offset, 152);
}

Test(goinfo, survives_damaged_build_information)
{
	struct elf_image im = {};
	struct go_info info = {};

	add_inline(&im, 0x48, "\x08", "go1.24.3"); /* not at a multiple of 16 */
	cr_expect_eq(read_image(&im, &info), -ENOENT);
	add_inline(&im, 0x1000 - 48, "\x7f", "go1.24.3"); /* longer than the data */
	cr_expect_eq(read_image(&im, &info), -ENOENT);
	add_inline(&im, 0x40, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "go1.24.3");
	cr_expect_eq(read_image(&im, &info), -ENOENT);
	add_mark(&im, 0x1000 - 16, 8, 2); /* nothing behind it */
	cr_expect_eq(read_image(&im, &info), -ENOENT);
	add_mark(&im, 0x40, 8, 0);
	add_word(&im, UINT64_MAX - 8); /* a pointer to nowhere */
	cr_expect_eq(read_image(&im, &info), -ENOENT);
	add_mark(&im, 0x40, 8, 0);
	add_word(&im, IMAGE_DATA + 0x58);
	add_word(&im, IMAGE_DATA);
	add_word(&im, UINT64_MAX); /* a string without end */
	cr_expect_eq(read_image(&im, &info), -ENOENT);
	add_mark(&im, 0x40, 8, 1); /* big-endian */
	add_word(&im, IMAGE_DATA);
	cr_expect_eq(read_image(&im, &info), -ENOENT);
}
