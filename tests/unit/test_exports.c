/* SPDX-License-Identifier: GPL-2.0-only */
/* A few dynamic symbols by name. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sym/exports.h"

Test(exports, are_where_the_dynamic_loader_finds_them)
{
	struct export_symbol symbols[] = { { .name = "malloc" },
					   { .name = "no such symbol" },
					   { .name = "memfd_create" } };
	_cleanup_close_ int fd = -1;
	struct link_map *map;
	void *address = dlsym(RTLD_NEXT, "memfd_create");
	Dl_info info;

	cr_assert(dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP));
	fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_expect_eq(exports_find(fd, symbols, 3), 2);
	cr_expect(symbols[0].addr && symbols[0].size);
	cr_expect_eq(symbols[1].addr, 0);
	cr_expect_eq(symbols[2].addr + map->l_addr, (uintptr_t)address);
}

Test(exports, of_what_is_no_object_are_an_error)
{
	struct export_symbol symbols[] = { { .name = "malloc", .addr = 1 } };
	_cleanup_close_ int fd = memfd_create("text", MFD_CLOEXEC);

	cr_assert_eq(write(fd, "text", 4), 4);
	cr_expect_lt(exports_find(fd, symbols, 1), 0);
	cr_expect_eq(symbols[0].addr, 0);
}
