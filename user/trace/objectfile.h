/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that targets have mapped: each known once by device and inode, held open from the moment
 * it is seen, so that it can be read after its process has gone. Symbols are read when first
 * asked for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/table.h"
#include "lib/vec.h"
#include "sym/symbols.h"
#include "target/maps.h"

struct object_file {
	uint64_t dev, ino;       /* 0, 0: the vdso */
	char *path;              /* owned; as the first process seen sees it */
	char *via;               /* owned; a path by which the kernel reaches it: for uprobes */
	int root;                /* index into roots: where its debug file may be; -1: our own */
	int fd;                  /* -1: could not be opened */
	int err;                 /* why its symbols could not be read; 0: not tried, or read */
	struct symbols *symbols; /* owned; NULL until object_symbols() */
	bool stale;              /* its contents were changed: who asks for it gets a new one */
};

/* The root directory of a process that is not ours: a container's, held open. */
struct object_root {
	uint64_t dev, ino;
	int fd;
};

struct object_files {
	struct table index;
	VEC(struct object_file *) files;
	VEC(struct object_root) roots;
};

#define OBJECT_NONE UINT32_MAX

void object_files_done(struct object_files *o);
/* The index of the file behind a mapping of a process, entered when new; OBJECT_NONE: none. */
uint32_t object_files_add(struct object_files *o, uint32_t pid, const struct mapping *m);
/* The same for a file that is not mapped yet. Negative errno when it cannot be opened. */
int object_files_add_path(struct object_files *o, const char *path, uint32_t *ret);
/* The same for one that its processes call `path` and we reach by `via`, for now. */
int object_files_add_as(struct object_files *o, const char *path, const char *via, uint32_t *ret);
/* What this very process has mapped: others are likely to map the same C library. */
void object_files_add_own(struct object_files *o);
/* Opens a file anew, the vdso as a copy in memory: a descriptor or a negative errno. */
int object_open(const struct object_files *o, uint32_t index);
/* Symbols of a file; NULL when they cannot be read (object_file.err says why). */
const struct symbols *object_symbols(struct object_files *o, uint32_t index);
