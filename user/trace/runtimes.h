/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The targets' language runtimes: which objects have one, what BPF is told of each in a process,
 * and names for the frames that it found.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "runtime/runtime.h"

struct object_files;
struct pb_stack;
struct pb_unwind_image;
struct process;
struct processes;
struct report;
struct runtimes;

/* 0 or -ENOMEM. */
int runtimes_new(struct runtimes **ret);
void runtimes_free(struct runtimes *r);
DEFINE_CLEANUP(struct runtimes *, runtimes_free)

/* From now on BPF is told, through the map runtime_images, whose descriptor stays the caller's. */
void runtimes_begin(struct runtimes *r, int images_fd);
/* Is the object one that a runtime is in? NULL-safe: no. */
bool runtimes_host(struct runtimes *r, struct object_files *o, uint32_t object);
/*
 * Puts the marks of an object's runtime on its unwind table. NULL-safe. 0 or -ENOMEM.
 */
int runtimes_mark(struct runtimes *r, struct object_files *o, uint32_t object,
		  struct unwindtable *t);
/*
 * Opens what is new in a process; true: its image changed, or may have (see below). To be called
 * whenever its mappings changed, and now and then. NULL-safe.
 */
bool runtimes_update(struct runtimes *r, struct object_files *o, const struct process *proc);
/* The process has ended; its frames can still be named. NULL-safe. */
void runtimes_ended(struct runtimes *r, const struct process *proc);
/* What belongs into the process's unwind image. NULL-safe: nothing. */
void runtimes_image(struct runtimes *r, const struct process *proc, struct pb_unwind_image *ret);

/* A frame by name; interned, so that equal frames have equal numbers. */
struct runtime_name {
	const char *name, *file; /* file: NULL if not known */
	uint32_t line;
	bool native;          /* made by the runtime for itself: shown as native code */
	enum pb_runtime kind; /* PB_RUNTIME_NONE: not known */
};

#define RUNTIME_PARTS_MAX 32

/*
 * The names of a word: numbers for runtime_name(), innermost first, RUNTIME_PARTS_MAX at most.
 * How many (0: nothing is to be shown); -1: it is not known.
 */
int runtimes_frames(struct runtimes *r, const struct process *proc, enum pb_runtime kind,
		    const struct runtime_word *w, const uint32_t **ret);
/* The runtime that owns code without a file in this process; PB_RUNTIME_NONE: nobody known. */
enum pb_runtime runtimes_jit(struct runtimes *r, const struct process *proc);
/* The number of a name from elsewhere, of which all is copied; UINT32_MAX: there is no room. */
uint32_t runtimes_add_name(struct runtimes *r, const struct runtime_frame *f);
/* Must BPF know the mappings of this runtime's code that have no file? */
bool runtimes_wants_ranges(enum pb_runtime kind);
const struct runtime_name *runtimes_name(const struct runtimes *r, uint32_t name);
/* Are native frames of this object left out beside frames of its runtime? */
bool runtimes_hide(const struct runtimes *r, uint32_t object);

/* One line each about runtimes that could not be opened, and frames without a name. */
void runtimes_tell(struct runtimes *r, struct report *report);
