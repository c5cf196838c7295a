/* SPDX-License-Identifier: GPL-2.0-only */
/* Executable mappings of a process, and the files behind them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "lib/vec.h"

struct mapping {
	uint64_t start, end; /* addresses, end exclusive */
	uint64_t offset;     /* file offset of start */
	uint64_t dev, ino;   /* dev as makedev(); both 0 for anonymous memory */
	char *path; /* owned: path as the target sees it without " (deleted)", "[vdso]", or "" */
	uint32_t object; /* free for the caller */
	int deleted;
};

typedef VEC(struct mapping) mapping_vec;

/*
 * Parses the format of /proc/PID/maps, keeps executable mappings, sorted by start. Broken lines
 * are skipped. 0 or a negative errno; mappings appended.
 */
int maps_read(FILE *f, mapping_vec *ret);
int maps_read_pid(uint32_t pid, mapping_vec *ret);
void maps_done(mapping_vec *maps);
/* Does it hold code that was compiled at run time? Not in a file, or in one without a name. */
bool mapping_is_jit(const struct mapping *m);
/* The mapping that holds an address, or NULL. */
const struct mapping *maps_find(const mapping_vec *maps, uint64_t addr);

/*
 * Opens the very file behind a mapping of a process: /proc/PID/map_files/START-END, then
 * /proc/PID/root/PATH if device and inode agree. An fd (O_RDONLY|O_CLOEXEC), or a negative errno.
 */
int maps_open(uint32_t pid, const struct mapping *m);
/*
 * A path by which this process (and the kernel on its behalf) reaches the file behind a mapping,
 * for uprobe_multi; NUL-terminated into buf. 0 or a negative errno.
 */
int maps_path(uint32_t pid, const struct mapping *m, char *buf, size_t size);
