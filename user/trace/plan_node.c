/* SPDX-License-Identifier: GPL-2.0-only */
/* One function becomes a node of the plan. */
#include "trace/plan_node.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "lib/cleanup.h"
#include "lib/path.h"
#include "sym/demangle.h"
#include "sym/extent.h"
#include "sym/rettype.h"
#include "trace/entries.h"
#include "trace/glance.h"
#include "trace/intruders.h"

#define GLANCE_MAX (1 << 20) /* bytes of code; larger functions are decoded */

/* struct pt_regs, in words, of the registers that hold arguments: rdi rsi rdx rcx r8 r9. */
static const uint8_t c_args[] = { 14, 13, 12, 11, 9, 8 };
/* Go's: rax rbx rcx rdi rsi r8 */
static const uint8_t go_args[] = { 10, 5, 11, 14, 13, 9 };

void plan_object_done(struct plan_object *o)
{
	return_types_free(o->types);
}

bool plan_node_again(struct plan_node *node, const struct spec_pred *pred)
{
	if (!node->removed)
		return false;
	node->removed = false;
	if (pred->op != SPEC_PRED_NONE) {
		node->pred = *pred;
		node->pred_by_type = false;
	}
	return true;
}

/* Go's names have their package before a dot; C code linked into a Go program has C's names. */
static bool is_go_function(const struct plan_object *o, const char *name)
{
	return o->traits->is_go && strchr(name, '.');
}

static int choose_entry(const struct plan_object *o, const struct symbol *sym,
			struct plan_node *node, const char **why)
{
	bool go = node->how == PLAN_GOROUTINE;
	struct entry_wants wants = { .sp_may_move = node->how != PLAN_RETURN_PROBE };

	wants.past_stack_check = go;
	if (go)
		wants.registers = ENTRY_GOROUTINE | (node->args ? ENTRY_ARGS_GO : 0);
	else
		wants.registers = node->args ? ENTRY_ARGS_C : 0;
	return entry_find(o->fd, o->symbols, sym, &wants, &node->entry, why);
}

static int by_from(const void *a, const void *b)
{
	const struct guarded *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

int plan_check_entries(struct plan_object *o, size_t first)
{
	struct plan *p = o->plan;
	_cleanup_free_ struct guarded *ranges = calloc(p->nodes.n - first + 1, sizeof(*ranges));
	size_t n = 0;
	int err;

	if (!ranges)
		return -ENOMEM;
	for (size_t i = first; i < p->nodes.n; i++) {
		const struct plan_node *node = &p->nodes.v[i];

		if (node->entry.skip)
			ranges[n++] = (struct guarded){ .from = node->addr + 1,
							.to = node->addr + node->entry.skip };
	}
	if (!n)
		return 0;
	qsort(ranges, n, sizeof(*ranges), by_from);
	err = intruders_find(o->fd, o->symbols, ranges, n);
	for (size_t i = first; i < p->nodes.n; i++) {
		struct plan_node *node = &p->nodes.v[i];
		struct guarded key = { .from = node->addr + 1 };
		const struct guarded *range =
		    node->entry.skip ? bsearch(&key, ranges, n, sizeof(*ranges), by_from) : NULL;

		if (range && (err || range->entered))
			node->entry = (struct entry_site){ .class = SITE_STEPPED,
							   .why = "something jumps into its "
								  "first instructions" };
	}
	return err == -ENOMEM ? err : 0;
}

static bool looks_odd(const struct plan_object *o, const struct symbol *sym)
{
	_cleanup_free_ uint8_t *code = sym->size <= GLANCE_MAX ? malloc(sym->size) : NULL;

	return !code || pread(o->fd, code, sym->size, (off_t)sym->offset) != (ssize_t)sym->size ||
	       glance_is_odd(code, sym->size);
}

static int find_exits(const struct plan_object *o, const struct symbol *sym, struct plan_node *node,
		      const char **why)
{
	struct plan *p = o->plan;
	int err;

	node->first_site = (uint32_t)p->sites.n;
	err = (node->plugin ? exits_find_within : exits_find)(o->fd, o->symbols, sym, &p->sites,
							      &node->restarts, why);
	node->sites = (uint32_t)p->sites.n - node->first_site;
	return err;
}

static bool is_odd(const struct plan *p, const struct plan_node *node)
{
	bool odd = node->restarts;

	for (uint32_t i = 0; i < node->sites; i++)
		odd |= p->sites.v[node->first_site + i].pops;
	return odd;
}

/* An entry of a plugin has many callers and, most calls being none, no return probe. */
static int plan_entry(struct plan_object *o, const struct symbol *sym, struct plan_node *node,
		      char *why, size_t why_size)
{
	const char *reason = "";
	int err = find_exits(o, sym, node, &reason);

	node->how = PLAN_RETURN_SITES;
	if (err == -ENOTSUP)
		snprintf(why, why_size, "its end cannot be seen: %s", reason);
	return err;
}

/*
 * A function that might start again within a call, or take arguments off the stack, is followed by
 * its exits if those can be found.
 */
static int plan_c(struct plan_object *o, const struct symbol *sym, struct plan_node *node,
		  char *why, size_t why_size)
{
	struct plan *p = o->plan;
	const char *reason = "";
	int err;

	if (p->hazard.kind == HAZARD_STACKS) {
		snprintf(why, why_size, "%s: its returns cannot be followed", p->hazard.text);
		return -ENOTSUP;
	}
	node->how = PLAN_RETURN_PROBE;
	if (node->plugin)
		return plan_entry(o, sym, node, why, why_size);
	if (p->hazard.kind == HAZARD_NONE && !looks_odd(o, sym))
		return 0;
	err = find_exits(o, sym, node, &reason);
	if (!err && p->hazard.kind == HAZARD_NONE && !is_odd(p, node)) {
		p->sites.n = node->first_site; /* it only looked so */
		node->sites = 0;
		return 0;
	}
	if (!err)
		node->how = PLAN_RETURN_SITES;
	if (err != -ENOTSUP || p->hazard.kind == HAZARD_NONE)
		return err == -ENOTSUP ? 0 : err;
	snprintf(why, why_size, "%s: a return probe could abort it, and %s", p->hazard.text,
		 reason);
	return err;
}

int plan_function_probes(struct plan_object *o, const struct symbol *sym, struct plan_node *node,
			 char *why, size_t why_size)
{
	const char *reason = "";
	int err;

	node->sites = 0;
	node->restarts = false;
	if (is_go_function(o, node->name)) {
		node->how = PLAN_GOROUTINE;
		err = find_exits(o, sym, node, &reason);
		if (err == -ENOTSUP)
			snprintf(why, why_size, "its end cannot be seen: %s", reason);
	} else {
		err = plan_c(o, sym, node, why, why_size);
	}
	if (err)
		return err;
	err = choose_entry(o, sym, node, &reason);
	if (err == -ENOTSUP)
		snprintf(why, why_size, "%s", reason);
	return err;
}

/* What counts as an error where the user has not said it: by the function's type. */
static void default_pred(struct plan_object *o, const struct symbol *sym, const char *name,
			 struct plan_node *node)
{
	struct return_type type;

	if (node->pred.op != SPEC_PRED_NONE)
		return;
	if (!o->types_tried) {
		o->types_tried = true;
		if (return_types_open(o->fd, o->path, "", &o->types))
			o->types = NULL;
	}
	if (!o->types || !return_type_of(o->types, sym->addr, &type))
		return;
	node->pred_by_type = true;
	if (type.kind == RETURN_POINTER)
		node->pred = (struct spec_pred){ .op = SPEC_PRED_EQ, .width = SPEC_PTR };
	else if (type.kind == RETURN_INT && type.width >= 4 && !return_is_comparison(name))
		node->pred = (struct spec_pred){ .op = SPEC_PRED_LT,
						 .width = type.width == 4 ? SPEC_INT : SPEC_LONG };
	else if (type.kind == RETURN_GO_ERROR)
		node->pred = (struct spec_pred){ .op = SPEC_PRED_NE, .width = SPEC_PTR };
	else
		node->pred_by_type = false;
	if (type.kind == RETURN_GO_ERROR) {
		node->go_error = true;
		node->go_result = type.reg;
	}
}

static int add_args(struct plan_object *o, const char *name, const struct spec_args *wanted,
		    struct plan_node *node)
{
	const uint8_t *regs = is_go_function(o, name) ? go_args : c_args;
	struct plan_args args = { .n = wanted->n };

	for (uint32_t i = 0; i < wanted->n; i++) {
		const struct spec_arg *w = &wanted->v[i];
		struct plan_arg *a = &args.v[i];

		snprintf(a->label, sizeof(a->label), "arg%u", w->number);
		a->type = w->type;
		a->from.place = PB_ARG_REG;
		a->from.reg = regs[(w->number - 1) % sizeof(c_args)];
		a->from.size = w->type == SPEC_ARG_INT ? -4 : 8;
		a->from.index = 255;
	}
	if (vec_push(&o->plan->args, args))
		return -ENOMEM;
	node->args = (uint32_t)o->plan->args.n;
	return 0;
}

/* Why a function is left alone, whatever its code; NULL: it is not. */
static const char *reason_against(const struct plan *p, const struct symbol *sym, const char *name)
{
	size_t len = strlen(name);

	if (sym->ifunc)
		return "an indirect function: what it resolves to has a name of its own";
	if (!sym->size)
		return "its size is not known, or contradicts the unwind tables";
	if (p->nodes.n >= PLAN_NODES_MAX)
		return "too many functions";
	if (len > 5 && !strcmp(name + len - 5, ".abi0"))
		return "Go assembly of the old calling convention";
	return NULL;
}

static void note_refused(struct plan_object *o, const char *name, const char *why)
{
	if (!o->refused++)
		snprintf(o->refused_why, sizeof(o->refused_why), "%.120s: %.270s", name, why);
}

/* What nobody asked for by name is missed by nobody; of its entries a plugin tells. */
static void refuse(struct plan_object *o, const char *name, const char *why)
{
	if (o->plugin || o->automatic)
		note_refused(o, name, why);
	else
		plan_add_skip(o->plan, o->object, name, why);
}

int plan_function(struct plan_object *o, const struct symbol *sym, const char *name,
		  const struct spec_pred *pred, const struct spec_args *args)
{
	struct plan *p = o->plan;
	struct symbol trusted = *sym;
	struct plan_node node = { .object = o->object,
				  .offset = sym->offset,
				  .addr = sym->addr,
				  .pred = *pred,
				  .plugin = o->plugin,
				  .automatic = o->automatic,
				  .windowed = o->automatic,
				  .inner = o->inner,
				  .value = o->value,
				  .text_addr = o->text_addr,
				  .text_size = o->text_size };
	uint64_t key[2] = { o->object, sym->offset };
	const char *against;
	char why[400];
	int err;

	node.size = trusted.size = symbols_true_size(o->symbols, sym);
	against = reason_against(p, &trusted, name);
	if (against)
		return refuse(o, name, against), 0;
	node.name = strdup(name);
	if (!node.name)
		return -ENOMEM;
	err = args ? add_args(o, name, args, &node) : 0;
	err = err ? err : plan_function_probes(o, &trusted, &node, why, sizeof(why));
	if (err == -ENOTSUP)
		refuse(o, name, why);
	if (!err) {
		default_pred(o, sym, name, &node);
		err = vec_push(&p->nodes, node);
	}
	if (err) {
		free(node.name);
		return err == -ENOTSUP ? 0 : err;
	}
	p->has_go |= node.how == PLAN_GOROUTINE;
	o->added++;
	return table_add(&p->node_index, key, sizeof(key), (uint32_t)p->nodes.n - 1);
}

/* A function that a SPEC has named is an entry as well, probed as it is. */
static void adopt(struct plan_object *o, struct plan_node *node)
{
	if (!o->plugin || plan_node_plugin(node))
		return;
	if (node->windowed) {
		note_refused(o, node->name, "it is looked at for moments");
	} else if (node->refused ||
		   (node->how != PLAN_RETURN_PROBE && node->how != PLAN_RETURN_SITES)) {
		note_refused(o, node->name, "it was named by -t, and cannot be probed");
	} else {
		node->serves = o->plugin;
		node->text_addr = o->text_addr;
		node->text_size = o->text_size;
		o->added++;
		o->adopted++;
	}
}

int plan_address(struct plan_object *o, uint64_t addr)
{
	uint64_t offset = symbols_offset_of(o->symbols, addr), start, end;
	const struct symbol *known = symbols_find(o->symbols, offset);
	_cleanup_free_ char *readable = known ? demangle(known->name) : NULL;
	struct symbol unnamed = { .offset = offset, .addr = addr };
	uint64_t key[2] = { o->object, offset };
	struct spec_pred pred = {};
	uint32_t node = table_find(&o->plan->node_index, key, sizeof(key));
	char name[300];

	if (node != TABLE_NONE)
		return adopt(o, &o->plan->nodes.v[node]), 0;
	if (known)
		return plan_function(o, known, readable ? readable : known->name, &pred, NULL);
	if (!symbols_code_range(o->symbols, addr, &start, &end))
		return 0;
	unnamed.size = end - start;
	snprintf(name, sizeof(name), "%s+0x%" PRIx64, path_last(o->path), offset);
	unnamed.name = name;
	return plan_function(o, &unnamed, name, &pred, NULL);
}
