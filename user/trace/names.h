/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of system calls and of errors. */
#pragma once

#include <stdint.h>

/* "read" for 0; "syscall_N" for numbers newer than this build: static, or in buf. */
const char *syscall_name(uint32_t nr, char buf[32]);
/* 0 for "read", or -ENOENT. */
int syscall_number(const char *name);
/*
 * "ENOENT" for 2; "errno_N" for unknown ones. Of the kernel's own codes for interrupted calls,
 * those that end in EINTR are called so; "ERESTARTSYS" is either that or restarted unseen.
 */
const char *errno_name(int error, char buf[32]);
