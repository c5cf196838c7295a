/* SPDX-License-Identifier: GPL-2.0-only */
/* One function becomes a node of the plan: where its entry is probed, how its return is seen. */
#pragma once

#include <stdbool.h>

#include "trace/plan.h"

struct return_types;
struct symbol;

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
	bool inner;       /* see plan_node */
	double value;     /* see plan_node */
	bool automatic;   /* nobody named its functions: see plan_auto.h */
	uint32_t adopted; /* entries of a plugin that SPECs had named */
	uint32_t refused; /* of functions that nobody named; the first, and why: */
	char refused_why[400];
};

/* What a function is called: as people write it, as linkers do, and without its parameters. */
struct plan_names {
	const char *v[3]; /* NULL: it has none */
};

/* Calls fn with all names of a symbol, valid during the call. What it returns. */
typedef int (*plan_named_fn)(const struct symbol *sym, const struct plan_names *names, void *arg);
int plan_each_named(const struct symbol *sym, plan_named_fn fn, void *arg);
/* Does a SPEC name it, by any of them? Sets pred and args (NULL: not wanted) if it says something.
 */
bool plan_spec_names(const struct spec *s, const struct plan_names *names, struct spec_pred *pred,
		     const struct spec_args **args);
/* A node that is there is named again: true if it had been taken off, which it is no more. */
bool plan_node_again(struct plan_node *node, const struct spec_pred *pred);

void plan_object_done(struct plan_object *o);
/*
 * Plans a function, or notes why it is not probed. args: to be recorded, or NULL. 0, or -ENOMEM.
 */
int plan_function(struct plan_object *o, const struct symbol *sym, const char *name,
		  const struct spec_pred *pred, const struct spec_args *args);
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
/*
 * The same for the function at an address in the file's space; one that only the unwind tables know
 * is named by where it lies. One that is a node already becomes an entry of the plugin as well.
 */
int plan_address(struct plan_object *o, uint64_t addr);
