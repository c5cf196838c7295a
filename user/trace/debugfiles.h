/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debug files that servers have, for stripped objects whose names are wanted: asked for once an
 * object, and only when DEBUGINFOD_URLS is set.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct debuginfod;
struct object_files;
struct report;

struct debug_files {
	bool tried; /* to load what asks servers */
	bool over;  /* they do not answer */
	struct debuginfod *debuginfod;
	bool *asked; /* by object file */
	size_t asked_n;
};

/*
 * Adds the debug file of an object whose symbols have been read, if it lacks one and a server has
 * it. What went wrong becomes one note of the report.
 */
void debug_files_add(struct debug_files *d, struct object_files *files, uint32_t index,
		     struct report *r);
void debug_files_done(struct debug_files *d);
