/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of code that a process compiled at run time, from what it writes for perf: a perf map, or
 * a JIT dump, which it maps executable so that it is found. Both are read on as they grow.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "sym/codemap.h"
#include "target/maps.h"

struct jitcode;

/* Of a process, whose mappings are the caller's. Nothing is read yet. 0 or -ENOMEM. */
int jitcode_new(uint32_t pid, struct jitcode **ret);
void jitcode_free(struct jitcode *j);
DEFINE_CLEANUP(struct jitcode *, jitcode_free)

/*
 * What lay at an address at a time (CLOCK_MONOTONIC). The files are looked for now and then, and
 * when an address is not known; those that are there are read on to that time.
 */
bool jitcode_find(struct jitcode *j, const mapping_vec *maps, uint64_t addr, uint64_t time_ns,
		  struct code_place *ret);
/* The same at the end of the trace: all that was written is read. */
bool jitcode_find_last(struct jitcode *j, const mapping_vec *maps, uint64_t addr,
		       struct code_place *ret);
