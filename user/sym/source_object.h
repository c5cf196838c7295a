/* SPDX-License-Identifier: GPL-2.0-only */
/* What sym/source.h answers from, of one object: made by the symbols at the first question. */
#pragma once

#include <stddef.h>

#include "lib/cleanup.h"
#include "sym/source.h"

struct source;

/* What is known of the object. */
struct source_object {
	int fd, debug_fd; /* debug_fd -1: there is no separate debug file */
	const char *root; /* prefix for files that debug information names */
	bool is_go;       /* a Go program, which has tables of its own */
};

/* The descriptors stay the caller's, and need not outlive this. 0 or -ENOMEM. */
int source_open(const struct source_object *o, struct source **ret);
void source_free(struct source *s);
DEFINE_CLEANUP(struct source *, source_free)

/* By address in the object. 0 or -ENOMEM. */
int source_find(struct source *s, uint64_t addr, source_frames *ret);
bool source_given_up(const struct source *s);
/* Bytes of memory held. */
size_t source_memory(const struct source *s);
