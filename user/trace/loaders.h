/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes on the dynamic loaders of the targets, one registration a file: dlopen(), dlmopen() and
 * dlclose() where the C library (or, before glibc 2.34, libdl) has them, and what tells how far
 * they got: _dl_debug_state(), _dl_catch_exception(), _dl_signal_exception(), _dl_signal_error().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"

struct bpf_program;
struct loaders;
struct object_files;
struct process;

struct loader_programs {
	struct bpf_program *loader, *leave;
};

/* 0 or -ENOMEM. uprobe_prepare() has been told of the programs before load. */
int loaders_new(const struct loader_programs *progs, struct loaders **ret);
void loaders_free(struct loaders *l);
DEFINE_CLEANUP(struct loaders *, loaders_free)

/*
 * Probes what is new among the objects. What cannot be probed is done without, and told by
 * loaders_why(). NULL-safe. 0 or -ENOMEM.
 */
int loaders_update(struct loaders *l, struct object_files *o);
/* Removes all probes. NULL-safe. */
void loaders_detach(struct loaders *l);
/* Can loads and unloads of this process be followed? NULL-safe: no. */
bool loaders_follow(const struct loaders *l, const struct process *proc);
/* Why the first loader that could not be probed was not: valid as long as l; NULL: none was. */
const char *loaders_why(const struct loaders *l);
