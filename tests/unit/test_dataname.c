/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of data. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_image.h"
#include "lib/cleanup.h"
#include "sym/dataname.h"

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	cr_assert(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	return fd;
}

static void expect_name(int fd, uint64_t addr, const char *expected)
{
	_cleanup_free_ char *name = data_symbol_name(fd, addr);

	cr_expect_eq(!name, !expected, "%#lx: %s", (unsigned long)addr, name);
	if (name && expected)
		cr_expect_str_eq(name, expected);
}

static void add_data(struct elf_image *im, int dynamic, const char *name, uint64_t addr,
		     uint16_t section)
{
	Elf64_Sym sym = { .st_info = ELF64_ST_INFO(STB_LOCAL, STT_OBJECT),
			  .st_shndx = section,
			  .st_value = addr,
			  .st_size = 32 };

	elf_image_add_symbol(im, dynamic, name, sym);
}

Test(dataname, finds_what_begins_at_an_address_of_whatever_type)
{
	struct elf_image im = {};
	struct buf file = {};
	int fd;

	add_data(&im, 0, "go:itab.*errors.errorString,error", IMAGE_DATA + 0x40, 2);
	add_data(&im, 0, "elsewhere", IMAGE_DATA + 0x80, SHN_UNDEF);
	add_data(&im, 0, "", IMAGE_DATA + 0x90, 2);
	add_data(&im, 0, "behind", IMAGE_DATA + 0x90, 2);
	add_data(&im, 1, "exported", IMAGE_DATA + 0xa0, 2);
	add_data(&im, 1, "second", IMAGE_DATA + 0x40, 2);
	elf_image_add_function(&im, "function", 0x10, 0x10, STB_GLOBAL);
	elf_image_write(&im, &file);
	fd = file_of(file.data, file.len);
	expect_name(fd, IMAGE_DATA + 0x40, "go:itab.*errors.errorString,error");
	expect_name(fd, IMAGE_DATA + 0x48, NULL);
	expect_name(fd, IMAGE_DATA + 0x80, NULL);
	expect_name(fd, IMAGE_DATA + 0x90, "behind");
	expect_name(fd, IMAGE_DATA + 0xa0, "exported");
	expect_name(fd, IMAGE_TEXT + 0x10, "function");
	expect_name(fd, 0, NULL);
	cr_expect_eq(lseek(fd, 0, SEEK_END), (off_t)file.len, "it is still open");
	close(fd);
	buf_done(&file);
	elf_image_done(&im);
}

Test(dataname, files_without_symbols_have_no_names)
{
	struct elf_image im = {};
	struct buf file = {};
	int fd;

	elf_image_write(&im, &file);
	fd = file_of(file.data, file.len);
	expect_name(fd, IMAGE_DATA, NULL);
	close(fd);
	fd = file_of("no ELF file", 11);
	expect_name(fd, IMAGE_DATA, NULL);
	close(fd);
	expect_name(-1, IMAGE_DATA, NULL);
	buf_done(&file);
	elf_image_done(&im);
}

Test(dataname, a_damaged_file_is_survived)
{
	struct elf_image im = {};
	struct buf file = {};
	uint32_t random = 1;

	add_data(&im, 0, "name", IMAGE_DATA + 0x40, 2);
	elf_image_write(&im, &file);
	for (int i = 0; i < 3000; i++) {
		_cleanup_free_ char *copy = malloc(file.len);
		size_t len = file.len;
		int fd;

		memcpy(copy, file.data, len);
		for (int k = 0; k < 1 + i % 4; k++) {
			random = random * 1664525 + 1013904223;
			/* The headers, where the damage is done, lie at both ends. */
			if (i % 2)
				copy[random % 0x1000 % len] = (char)(random >> 24);
			else
				copy[len - 1 - random % 1500 % len] = (char)(random >> 24);
		}
		if (i % 8 == 7)
			len = random % len;
		fd = file_of(copy, len);
		free(data_symbol_name(fd, IMAGE_DATA + 0x40));
		close(fd);
	}
	buf_done(&file);
	elf_image_done(&im);
}
