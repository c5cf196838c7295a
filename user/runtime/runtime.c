/* SPDX-License-Identifier: GPL-2.0-only */
/* The language runtimes that are known. */
#include "runtime/runtime.h"

#include <stdlib.h>

#include "runtime/beam.h"
#include "runtime/python.h"
#include "runtime/v8.h"

const struct runtime *const runtimes_known[] = {
	&runtime_python,
	&runtime_v8,
	&runtime_beam,
	NULL,
};

void runtime_frames_done(runtime_frames *frames)
{
	vec_foreach (f, frames) {
		free((char *)f->name);
		free((char *)f->file);
	}
	vec_done(frames);
}
