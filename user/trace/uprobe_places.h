/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the functions of a plan are probed, and what the probes have as their cookies. */
#pragma once

#include <stdint.h>

#include "trace/uprobe_group.h"

struct plan;

/*
 * A group of some nodes, all of one object and of one kind, not attached yet. path: of the object;
 * sessions: can be had. 0 or -ENOMEM.
 */
int uprobe_group_make(const struct plan *plan, const char *path, const uint32_t *nodes, uint32_t n,
		      bool sessions, struct uprobe_group **ret);
