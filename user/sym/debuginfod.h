/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debug files from the servers that DEBUGINFOD_URLS names, by libdebuginfod, which is loaded only
 * when that variable is set. Off otherwise: nobody is asked anything. All questions together have
 * a few seconds; a server that does not answer is not asked again.
 */
#pragma once

#include <stdint.h>

#include "lib/cleanup.h"

struct debuginfod;

/* `done` of `total` bytes (0: not known) of a file have come. */
typedef void (*debuginfod_progress_fn)(long done, long total, void *arg);

/*
 * progress may be NULL. 0; -ENOENT when DEBUGINFOD_URLS is not set, or empty; -ELIBACC when
 * libdebuginfod cannot be loaded; -ENOMEM. ret is set on success only.
 */
int debuginfod_new(debuginfod_progress_fn progress, void *arg, struct debuginfod **ret);
void debuginfod_free(struct debuginfod *d);
DEFINE_CLEANUP(struct debuginfod *, debuginfod_free)

/*
 * The debug file of a build ID: a descriptor that the caller closes (the library keeps the file
 * in its cache), -ENOENT (the servers do not have it), -ETIME (there is no time left), or another
 * negative errno: the servers did not answer. After the last two all later answers are -ETIME.
 */
int debuginfod_fetch(struct debuginfod *d, const uint8_t *build_id, uint32_t len);
