/* SPDX-License-Identifier: GPL-2.0-only */
/* The entry points of a plugin become nodes of the plan. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "trace/plan.h"

/* More of them cost too much to attach. */
#define PLAN_ENTRIES_MAX 12000

struct plan_entries {
	uint32_t adopted; /* nodes that SPECs have named: set anew, they are entries now */
	uint32_t refused; /* entries that cannot be probed */
	char why[400];    /* the first of these, and why; or why there are none at all */
};

/*
 * Plans the entries of an object; nodes that SPECs have named become entries as well. text_addr,
 * text_size: its code, as in the file. How many were planned; -ENOTSUP: none can be; -ENOMEM.
 */
int plan_plugin(struct plan *p, struct object_files *objects, uint32_t object, uint32_t plugin,
		uint64_t text_addr, uint64_t text_size, struct plan_entries *ret);
