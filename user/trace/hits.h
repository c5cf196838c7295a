/* SPDX-License-Identifier: GPL-2.0-only */
/* How often the entries of nodes were hit: the map node_hits, in our own memory. */
#pragma once

#include <stdint.h>

#include "lib/cleanup.h"

struct hits;
struct pathbpf;

/* Before load: room for all nodes, with a stripe a CPU as far as they go. */
void hits_size(struct pathbpf *skel);
/* After load. 0 or a negative errno. */
int hits_open(struct pathbpf *skel, struct hits **ret);
/* Since the trace began, on all CPUs. NULL-safe: 0. */
uint64_t hits_of(const struct hits *h, uint32_t node);
void hits_free(struct hits *h);
DEFINE_CLEANUP(struct hits *, hits_free)
