/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames as functions: which ones are the same, and what they are to somebody who looks for the
 * paths of a program: its own, or what every program stands on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "data/report.h"

enum function_class {
	FUNCTION_OWN,      /* named code of the program and of libraries that do a job for it */
	FUNCTION_UNNAMED,  /* the same without a name */
	FUNCTION_HOST,     /* native code of a language's virtual machine */
	FUNCTION_PLUMBING, /* the C library, allocators, event libraries, Go's runtime */
	FUNCTION_STARTER,  /* where a process or a thread begins */
	FUNCTION_MARK,     /* frames are missing here */
	FUNCTION_KERNEL,
};

struct function {
	enum function_class class;
	enum frame_kind kind; /* of the first frame of it */
	enum language language;
	uint32_t object;  /* or REPORT_NONE */
	const char *name; /* NULL: none */
	const char *file; /* of an interpreted one, or NULL */
	uint64_t start;   /* of an unnamed one: offset of its first byte, or of the frame */
	uint32_t node;    /* of report.nodes, which counts its calls; REPORT_NONE: none does */
	/* Named for waiting, or of a module that is for it: between a loop and where it waits. */
	bool waits;
};

struct functions {
	VEC(struct function) v;
	uint32_t *of_frame; /* by index of report.frames */
	struct table index;
};

/* Of all frames; 0 or -ENOMEM, with nothing to release. Names stay the report's. */
int functions_init(struct functions *f, const struct report *r);
void functions_done(struct functions *f);

/* Is it what a program calls its beginning: "main"? */
bool function_is_main(const struct function *f);
/*
 * The name that a path's node has: NAME; "NAME (FILE)" if interpreted; "[object+0xSTART]" without
 * a name. Bytes are the target's.
 */
void function_format(struct buf *b, const struct report *r, const struct function *f);
