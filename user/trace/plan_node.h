/* SPDX-License-Identifier: GPL-2.0-only */
/* One function becomes a node of the plan: where its entry is probed, how its return is seen. */
#pragma once

#include <stdbool.h>

#include "trace/plan.h"

struct return_types;

/* An object whose functions are planned. */
struct plan_object {
	struct plan *plan;
	uint32_t object; /* index into the object files */
	int fd;
	const char *path;
	const struct symbols *symbols;
	const struct elf_traits *traits;
	struct return_types *types; /* owned; opened when first asked for */
	bool types_tried;
	const char *run_as; /* NULL: no executable; see plan_spec_covers() */
	uint32_t plugin;    /* its entries are planned: its index + 1; 0: what SPECs name is */
	uint64_t text_addr, text_size; /* of a plugin */
	int added;
	uint32_t adopted;
	uint32_t refused; /* entries of a plugin; the first, and why: */
	char refused_why[400];
};

void plan_object_done(struct plan_object *o);
/*
 * Plans a function, or notes why it is not probed. args: to be recorded, or NULL. 0, or -ENOMEM.
 */
int plan_function(struct plan_object *o, const struct symbol *sym, const char *name,
		  const struct spec_pred *pred, const struct spec_args *args);
/* Notes that an entry of a plugin is not probed. 0. */
int plan_refuse_entry(struct plan_object *o, const char *name, const char *why);
/*
 * Plans a node's entry and returns for the hazard that is now known. 0, -ENOMEM, or -ENOTSUP with
 * a sentence in why.
 */
int plan_function_probes(struct plan_object *o, const struct symbol *sym, struct plan_node *node,
			 char *why, size_t why_size);
/*
 * Takes the entries of the nodes from `first` on, all of this object's, back to their first
 * instructions where something enters the function behind it. 0 or -ENOMEM.
 */
int plan_check_entries(struct plan_object *o, size_t first);
