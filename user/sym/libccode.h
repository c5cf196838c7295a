/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recognises two static functions of the GNU C library by the code of exported ones, for a
 * library without symbols: the caller of main(), and that of a thread's function.
 */
#pragma once

#include "sym/cfi.h"

struct roots_object;

struct libc_code {
	struct cfi_function call_main, thread; /* start 0: not found */
};

/* 0 or -ENOMEM. */
int libc_code_find(const struct roots_object *o, struct libc_code *ret);
