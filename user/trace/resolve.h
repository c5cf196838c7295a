/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names for what was collected: raw frames become the report's frames, raw stacks its stacks,
 * cut where the thread began, or marked as truncated where the walk did not get there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"

struct collect;
struct report;
struct resolver;

/*
 * Both stay the caller's and must outlive the resolver. native: in stacks with frames of an
 * interpreted language, the interpreter's own are kept. 0 or -ENOMEM.
 */
int resolver_new(struct collect *c, struct report *r, bool native, struct resolver **ret);
void resolver_free(struct resolver *res);
DEFINE_CLEANUP(struct resolver *, resolver_free)

/* The report's index for a process, which becomes a target; REPORT_NONE: out of memory. */
uint32_t resolve_target(struct resolver *res, uint32_t pid);
/* The report's stack for a raw one (an index into collect.stacks), or REPORT_NONE. */
uint32_t resolve_stack(struct resolver *res, uint32_t stack);
/*
 * Why a stack is incomplete, and its last frame with the object that it lies in, both the report's,
 * or REPORT_NONE.
 */
const char *resolve_cut(struct resolver *res, uint32_t stack, uint32_t *ret_object,
			uint32_t *ret_frame);
/* The report's object for an object file. */
uint32_t resolve_object(struct resolver *res, uint32_t object);
