/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory of another process, read while it runs on: what is read may change meanwhile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of it: 0, -ESRCH (the process has gone), -EFAULT (nothing is mapped there), -EPERM. */
int memory_read(uint32_t pid, uint64_t addr, void *ret, size_t size);
/* A word; false: it cannot be read. */
bool memory_read_u64(uint32_t pid, uint64_t addr, uint64_t *ret);
/* A string of at most size - 1 bytes, cut there, always terminated. 0 or as above. */
int memory_read_string(uint32_t pid, uint64_t addr, char *ret, size_t size);
