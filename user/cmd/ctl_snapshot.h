/* SPDX-License-Identifier: GPL-2.0-only */
/* The files of `pathbpf ctl PID snapshot -o FILE`: opened here, with the caller's rights. */
#pragma once

#include <stddef.h>

#include "serve/message.h"

struct snapshot_file {
	char *path; /* owned; NULL: standard output */
	char *part; /* owned: what is written, and renamed at the end; NULL: directly */
};

struct snapshot_files {
	struct snapshot_file v[MESSAGE_FDS];
};

/* format: NULL: by the suffix. Fills the request; -EINVAL and others with a sentence in why. */
int snapshot_files_open(struct snapshot_files *f, const char *file, const char *format,
			struct request *r, char *why, size_t why_size);
/* err: of the request; what was written is put in its place, or removed. 0 or a negative errno. */
int snapshot_files_close(struct snapshot_files *f, int err);
