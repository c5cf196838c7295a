/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of system calls and of errors. */
#include "trace/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Made from <asm/unistd_64.h> at build time: lines "[0] = "read"," */
static const char *const syscalls[] = {
#include "syscall_names.inc"
};

const char *syscall_name(uint32_t nr, char buf[32])
{
	if (nr < sizeof(syscalls) / sizeof(*syscalls) && syscalls[nr])
		return syscalls[nr];
	snprintf(buf, 32, "syscall_%u", nr);
	return buf;
}

int syscall_number(const char *name)
{
	for (size_t nr = 0; nr < sizeof(syscalls) / sizeof(*syscalls); nr++)
		if (syscalls[nr] && !strcmp(syscalls[nr], name))
			return (int)nr;
	return -ENOENT;
}

const char *errno_name(int error, char buf[32])
{
	const char *name;

	/* include/linux/errno.h: seen at a system call's exit before the kernel restarts it. */
	switch (error) {
	case 512: /* EINTR, or restarted after a handler with SA_RESTART: not decided yet */
		return "ERESTARTSYS";
	case 513: /* restarted always */
		return "ERESTARTNOINTR";
	case 514: /* EINTR if there is a handler */
	case 516:
		return "EINTR";
	default:
		break;
	}
	name = strerrorname_np(error);
	if (name)
		return name;
	snprintf(buf, 32, "errno_%d", error);
	return buf;
}
