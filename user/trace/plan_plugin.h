/* SPDX-License-Identifier: GPL-2.0-only */
/* The entry points of a plugin become nodes of the plan. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "trace/plan.h"

/* More of them cost too much to attach. */
#define PLAN_ENTRIES_MAX 12000

/*
 * Plans the entries of an object, those left out that are nodes already. text_addr, text_size: its
 * code, as in the file. How many were planned; -ENOTSUP with a sentence in why: none can be;
 * -ENOMEM.
 */
int plan_plugin(struct plan *p, struct object_files *objects, uint32_t object, uint32_t plugin,
		uint64_t text_addr, uint64_t text_size, char *why, size_t why_size);
