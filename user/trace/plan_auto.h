/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions that nobody named become nodes of the plan. */
#pragma once

#include <stdint.h>

#include "trace/autochoice.h"
#include "trace/plan.h"

/*
 * Plans those of the functions that are no nodes yet and can be probed; they are for moments
 * (plan_node.windowed) until it is known what they cost. How many, or -ENOMEM.
 */
int plan_auto(struct plan *p, struct object_files *objects, const auto_function_vec *functions);
