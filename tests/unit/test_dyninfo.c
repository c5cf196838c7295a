/* SPDX-License-Identifier: GPL-2.0-only */
/* What an object tells the dynamic loader. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sym/dyninfo.h"

static bool needs(const struct dyninfo *d, const char *part)
{
	vec_foreach (name, &d->names) {
		if (strstr(*name, part))
			return true;
	}
	return false;
}

Test(dyninfo, of_the_c_library)
{
	struct dyninfo d;
	Dl_info info;
	_cleanup_close_ int fd = -1;

	cr_assert(dladdr(dlsym(RTLD_NEXT, "memfd_create"), &info));
	fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(dyninfo_read(fd, &d), 0);
	cr_expect_str_eq(d.soname, "libc.so.6");
	cr_expect(needs(&d, "ld-linux"));
	cr_expect(d.dynamic && !d.nodelete);
	cr_expect_eq(strlen(d.build_id), 40);
	cr_expect_eq(d.exec_addr % 4096, d.exec_offset % 4096);
	cr_expect_neq(d.exec_addr, 0);
	dyninfo_done(&d);
}

Test(dyninfo, of_a_program)
{
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct dyninfo d;

	cr_assert_eq(dyninfo_read(fd, &d), 0);
	cr_expect_null(d.soname);
	cr_expect(needs(&d, "libbpf") && needs(&d, "libc.so"));
	dyninfo_done(&d);
}

Test(dyninfo, of_what_is_no_object_is_an_error)
{
	_cleanup_close_ int fd = memfd_create("text", MFD_CLOEXEC);
	struct dyninfo d;

	cr_assert_eq(write(fd, "text", 4), 4);
	cr_expect_lt(dyninfo_read(fd, &d), 0);
}
