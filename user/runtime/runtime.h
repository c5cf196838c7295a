/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Language runtimes: how one is recognised, what BPF must know to walk its frames, and what these
 * are called. Each is a file behind this interface, and a line in runtime.c; its BPF side is a file
 * beside bpf/runtime.bpf.h.
 *
 * Everything read from a target is hostile, and changes while it is read: a runtime verifies what
 * it finds, and rather gives no name than a wrong one.
 */
#pragma once

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "lib/vec.h"
#include "sym/exports.h"
#include "sym/unwindmark.h"

#define RUNTIME_EXPORTS_MAX 8
#define RUNTIME_WHY_MAX     160
#define RUNTIME_NOTHING     1

/* An object file that has a runtime in it. */
struct runtime_object {
	int fd;                              /* the caller's */
	const struct export_symbol *exports; /* those of the runtime, in its order */
};

/* The same as a process has it mapped. */
struct runtime_host {
	uint32_t pid;
	uint64_t bias; /* to be added to addresses of the file */
	struct runtime_object object;
};

/* A piece of a stack to be named. */
struct runtime_word {
	uint64_t what, where; /* as BPF put them; or an address of code without a file, and 0 */
	bool is_address;
	bool is_return; /* an address: it is a return address, the call stands before it */
};

struct runtime_frame {
	const char *name, *file; /* heap, taken over by the caller; file may be NULL */
	uint32_t line;           /* 0: unknown */
	bool native;             /* compiled by the runtime for its own use, not of the program */
};

typedef VEC(struct runtime_frame) runtime_frames;

void runtime_frames_done(runtime_frames *frames);

struct runtime {
	const char *name; /* "Python": for messages */
	enum pb_runtime kind;
	/* An object that exports all of the first `needed` of these is a host. NULL-terminated. */
	const char *const *exports;
	size_t needed;
	/* One of them that tells that it is this runtime, even if others are missing: said then. */
	bool has_sign;
	size_t sign;
	/* Native frames of the host object are left out of stacks that have frames of this runtime.
	 */
	bool hides_host;
	/* Code without a file (compiled at run time) belongs to this runtime. */
	bool has_jit;
	/*
	 * Where that code lies is told to BPF, also what has no file: for runtimes with few
	 * mappings, which must know addresses of their code from other words.
	 */
	bool wants_ranges;
	/* Code is replaced: what lies at an address is to be asked each time. */
	bool replaces_code;

	/*
	 * Code of the object at which BPF is to look for frames; may be NULL. 0 or a negative
	 * errno: the object is none of this runtime's after all.
	 */
	int (*mark)(const struct runtime_object *o, unwind_marks *ret);
	/*
	 * Gets to know the runtime in a process: fills the image for BPF. Called again while it
	 * answers -EAGAIN (it is not there yet). Any other error is final, `why` (one line, without
	 * the name of the runtime) is told to the user. *ret is closed by close().
	 */
	int (*open)(const struct runtime_host *h, union pb_runtime_image *image, void **ret,
		    char why[RUNTIME_WHY_MAX]);
	/*
	 * What lies there, innermost first: several frames where functions were inlined. 0, also
	 * when nothing is added: not known; RUNTIME_NOTHING: nothing that is to be shown; or
	 * -ENOMEM. Asked for soon after the stack was taken.
	 */
	int (*frames)(void *state, const struct runtime_word *w, runtime_frames *ret);
	void (*close)(void *state);
};

/* All of them; NULL-terminated. */
extern const struct runtime *const runtimes_known[];
