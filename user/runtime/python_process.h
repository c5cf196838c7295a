/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gets to know CPython in a process: sees whether a layout holds for what is there, and how a
 * thread's state is found by the thread itself.
 */
#pragma once

#include "runtime/python_object.h"

#define PYTHON_THREADS_MAX 1024 /* that are looked at */

struct python_slot {
	int kind; /* enum pb_python_tls */
	uint32_t offset, second;
};

struct python_process {
	const struct python_memory *memory;
	const struct python_layout *layout;
	uint64_t runtime;          /* address of _PyRuntime */
	uint64_t frame_type;       /* address of PyFrame_Type; 0: not exported */
	struct python_types types; /* code: the exported one's, made the real one's */
	uint64_t main;             /* address of the first interpreter */
	struct python_slot slot;
};

/*
 * Checks what there is: types, interpreters, threads, a frame of each and its code object, and
 * fills what is missing above. 0; -EAGAIN: it is not there yet, or it changed under our eyes;
 * -EINVAL: it is not as the layout says. *why is then what it was, a constant.
 */
int python_process_check(struct python_process *p, const char **why);
