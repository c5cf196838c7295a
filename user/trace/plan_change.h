/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A plan that changes while it is carried out: SPECs come and go. The list of SPECs is read in
 * order, and the last one that names a function decides, so that `remove 'f*'` takes away what -t
 * 'ff' names, also in objects that are loaded later, and `add 'ff'` names it again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/plan.h"

#define PLAN_SPECS_MAX 256

struct plan_change {
	uint32_t nodes;   /* to be probed from now on; or not any more */
	uint32_t skipped; /* named, but not to be probed: see plan.skipped, the last ones */
	bool waits;       /* its BINARY is not mapped yet */
	bool known;       /* what it names was there already */
};

/*
 * Adds a SPEC and looks for its functions. 0, or a negative errno with a sentence in msg: -EINVAL:
 * it is malformed; -ENOENT: it names nothing. Then the plan is as it was.
 */
int plan_change_add(struct plan *p, struct object_files *objects, struct processes *processes,
		    const char *text, struct plan_change *ret, char *msg, size_t msg_size);
/*
 * Takes away what a SPEC names: those nodes are marked as removed, and later ones are not planned.
 * As above.
 */
int plan_change_remove(struct plan *p, struct object_files *objects,
		       const struct processes *processes, const char *text, struct plan_change *ret,
		       char *msg, size_t msg_size);
