/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of system calls and of errors. */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>

#include "trace/names.h"

Test(names, system_calls_are_named_by_number)
{
	static const struct {
		uint32_t nr;
		const char *name;
	} calls[] = {
		{ SYS_read, "read" },
		{ SYS_write, "write" },
		{ SYS_rt_sigreturn, "rt_sigreturn" },
		{ SYS_pread64, "pread64" },
		{ SYS_exit_group, "exit_group" },
		{ SYS_epoll_wait, "epoll_wait" },
		{ SYS_openat, "openat" },
		{ SYS_io_uring_setup, "io_uring_setup" }, /* behind the gap in the numbers */
		{ SYS_clone3, "clone3" },
	};
	char buf[32];

	cr_assert_str_eq(syscall_name(0, buf), "read", "the table begins with it");
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		cr_assert_str_eq(syscall_name(calls[i].nr, buf), calls[i].name);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		cr_assert_eq(syscall_number(calls[i].name), (int)calls[i].nr);
	cr_assert_eq(syscall_number("reed"), -ENOENT);
	cr_assert_eq(syscall_number(""), -ENOENT);
}

Test(names, unknown_system_calls_keep_their_number)
{
	char buf[32];

	cr_assert_str_eq(syscall_name(400, buf), "syscall_400", "a gap");
	cr_assert_str_eq(syscall_name(1023, buf), "syscall_1023");
	cr_assert_str_eq(syscall_name(UINT32_MAX, buf), "syscall_4294967295");
}

Test(names, errors_are_named_by_number)
{
	char buf[32];

	cr_assert_str_eq(errno_name(EPERM, buf), "EPERM");
	cr_assert_str_eq(errno_name(ENOENT, buf), "ENOENT");
	cr_assert_str_eq(errno_name(EAGAIN, buf), "EAGAIN");
	cr_assert_str_eq(errno_name(ETIMEDOUT, buf), "ETIMEDOUT");
	cr_assert_str_eq(errno_name(EHWPOISON, buf), "EHWPOISON");
}

Test(names, the_kernels_codes_for_interrupted_calls_are_told_apart)
{
	char buf[32];

	cr_assert_str_eq(errno_name(512, buf), "ERESTARTSYS");
	cr_assert_str_eq(errno_name(513, buf), "ERESTARTNOINTR");
	cr_assert_str_eq(errno_name(514, buf), "EINTR");
	cr_assert_str_eq(errno_name(516, buf), "EINTR");
	cr_assert_str_eq(errno_name(515, buf), "errno_515");
}

Test(names, unknown_errors_keep_their_number)
{
	char buf[32];

	cr_assert_str_eq(errno_name(4000, buf), "errno_4000");
	cr_assert_str_eq(errno_name(-1, buf), "errno_-1");
	cr_assert_str_eq(errno_name(INT_MIN, buf), "errno_-2147483648");
}
