/* SPDX-License-Identifier: GPL-2.0-only */
/* What makes a return probe dangerous for a process: the rule stands in plan.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sym/symbols.h"
#include "trace/stackswitch.h"

enum hazard_kind {
	HAZARD_NONE,
	HAZARD_UNWIND,  /* return addresses are read: probe `ret` instructions instead */
	HAZARD_SECCOMP, /* the same remedy */
	HAZARD_STACKS,  /* stacks move or are switched: no spans */
};

struct hazard {
	enum hazard_kind kind;
	char text[256];   /* a sentence */
	char forcer[64];  /* the first object that can cancel or end threads from within; or "" */
	char cleaner[64]; /* the first that then runs code of its own; or "" */
};

/* Raises *h to what the object, its code, or the process, adds. */
void hazard_add_object(struct hazard *h, const struct elf_traits *traits, const char *path);
void hazard_add_code(struct hazard *h, const struct stackswitch *found, const char *path);
/* Is it worth a look what the object's code does to stacks? Not if all is known without. */
bool hazard_asks_for_code(const struct hazard *h, const struct elf_traits *traits,
			  const char *path);
void hazard_add_process(struct hazard *h, uint32_t pid);
