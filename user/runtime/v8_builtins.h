/* SPDX-License-Identifier: GPL-2.0-only */
/* Where in an object file V8's embedded builtins lie: code without unwind information. */
#pragma once

#include <stdint.h>

/* Addresses of the file, end exclusive. 0 or a negative errno (-ENOENT: not found). */
int v8_builtins_find(int fd, uint64_t *start, uint64_t *end);
