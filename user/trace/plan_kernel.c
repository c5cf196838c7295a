/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel functions become nodes of the plan. */
#include "trace/plan_kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/glob.h"
#include "sym/rettype.h"
#include "trace/plan.h"
#include "trace/plan_node.h"

/* struct pt_regs, in words, of the registers that hold arguments: rdi rsi rdx rcx r8 r9. */
static const uint8_t arg_regs[] = { 14, 13, 12, 11, 9, 8 };

/* Symbols that enclose code which is never traced; they stand in the order of addresses. */
static const struct marks {
	const char *begin, *end;
} untraced[] = {
	{ "__noinstr_text_start", "__noinstr_text_end" },
	{ "__entry_text_start", "__entry_text_end" },
	{ "__kprobes_text_start", "__kprobes_text_end" },
	{ "_sinittext", "_einittext" }, /* freed after the boot */
};

#define NO_NODE (UINT32_MAX - 1)

struct scan {
	struct plan *plan;
	const struct kernel_sources *src;
	struct table traceable; /* names */
	struct table types;     /* name → BTF id */
	struct table by_name;   /* names that SPECs match → node, or NO_NODE */
	/* The symbols of one address, which are names of one function. */
	struct buf names; /* each ends with a NUL */
	uint64_t addr;
	const char *untraced_until; /* a mark */
	int added;
	size_t known; /* nodes of the plan that were there before */
};

static void scan_done(struct scan *s)
{
	table_done(&s->traceable);
	table_done(&s->types);
	table_done(&s->by_name);
	buf_done(&s->names);
}

static bool matches(const struct plan *p, const char *name, struct spec_pred *pred,
		    const struct spec_args **args)
{
	bool found = false;

	vec_foreach (s, &p->specs) {
		if (s->kind != SPEC_KERNEL || !spec_match(s, name, s->removes ? NULL : pred))
			continue;
		found = !s->removes;
		if (spec_args_of(s, name))
			*args = spec_args_of(s, name);
	}
	return found;
}

/* Did the user write this very name? Then he wants to know why it is not traced. */
static bool is_named(const struct plan *p, const char *name)
{
	vec_foreach (s, &p->specs) {
		vec_foreach (g, &s->globs) {
			if (s->kind == SPEC_KERNEL && !g->negative && !strcmp(g->glob, name))
				return true;
		}
	}
	return false;
}

/* Parts of functions, and places before them. */
static bool is_function(const char *name)
{
	const char *cold = strstr(name, ".cold");

	return strncmp(name, "__pfx_", 6) != 0 && strncmp(name, "__cfi_", 6) != 0 &&
	       !(cold && (!cold[5] || cold[5] == '.'));
}

static int read_traceable(struct scan *s)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int err = 0;

	while (!err && s->src->traceable && getline(&line, &size, s->src->traceable) > 0) {
		size_t n = strcspn(line, " \t\n");

		if (n)
			err = table_add(&s->traceable, line, n, 0);
		err = err == -EEXIST ? 0 : err;
	}
	return err;
}

static int read_types(struct scan *s)
{
	uint32_t n = s->src->btf ? btf__type_cnt(s->src->btf) : 0;
	int err = 0;

	for (uint32_t id = 1; id < n && !err; id++) {
		const struct btf_type *t = btf__type_by_id(s->src->btf, id);
		const char *name =
		    t && btf_is_func(t) ? btf__name_by_offset(s->src->btf, t->name_off) : NULL;

		if (name)
			err = table_add(&s->types, name, strlen(name), id);
		err = err == -EEXIST ? 0 : err;
	}
	return err;
}

/* What a type of the kernel's is, under its names and qualifiers. */
static const struct btf_type *bare_type(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	for (int i = 0; i < 32 && t && (btf_is_mod(t) || btf_is_typedef(t)); i++)
		t = btf__type_by_id(btf, t->type);
	return t;
}

/* What counts as an error where the user has not said it: -errno, and for pointers NULL, too. */
static void default_pred(const struct btf *btf, const char *name, struct plan_node *node)
{
	const struct btf_type *t = node->btf_id ? btf__type_by_id(btf, node->btf_id) : NULL;

	t = t ? btf__type_by_id(btf, t->type) : NULL; /* the prototype */
	t = t && btf_is_func_proto(t) && t->type ? bare_type(btf, t->type) : NULL;
	if (!t || node->pred.op != SPEC_PRED_NONE || return_is_comparison(name))
		return;
	if (btf_is_ptr(t))
		node->pred = (struct spec_pred){ .op = SPEC_PRED_ERR_PTR, .width = SPEC_PTR };
	else if (btf_is_int(t) && btf_int_encoding(t) & BTF_INT_SIGNED && t->size >= 4)
		node->pred = (struct spec_pred){ .op = SPEC_PRED_LT,
						 .width = t->size == 4 ? SPEC_INT : SPEC_LONG };
	else
		return;
	node->pred_by_type = true;
}

static int add_args(struct plan *p, const struct spec_args *wanted, struct plan_node *node)
{
	struct plan_args args = { .n = wanted->n, .kernel = true };

	for (uint32_t i = 0; i < wanted->n; i++) {
		const struct spec_arg *w = &wanted->v[i];
		struct plan_arg *a = &args.v[i];

		snprintf(a->label, sizeof(a->label), "arg%u", w->number);
		a->type = w->type;
		a->from.place = PB_ARG_REG;
		a->from.reg = arg_regs[(w->number - 1) % sizeof(arg_regs)];
		a->from.size = w->type == SPEC_ARG_INT ? -4 : 8;
		a->from.index = 255;
	}
	if (vec_push(&p->args, args))
		return -ENOMEM;
	node->args = (uint32_t)p->args.n;
	return 0;
}

/* Two functions of one name: who asks the kernel by name does not know which one it takes. */
static int note_name(struct scan *s, const char *name, uint32_t node)
{
	uint32_t other = table_find(&s->by_name, name, strlen(name));

	if (other == TABLE_NONE)
		return table_add(&s->by_name, name, strlen(name), node);
	if (other != NO_NODE)
		s->plan->nodes.v[other].ambiguous = true;
	if (node != NO_NODE)
		s->plan->nodes.v[node].ambiguous = true;
	return 0;
}

static int add_node(struct scan *s, const char *name, uint32_t btf_id, const struct spec_pred *pred,
		    const struct spec_args *args)
{
	struct plan *p = s->plan;
	struct plan_node node = { .object = OBJECT_NONE,
				  .how = PLAN_KERNEL,
				  .addr = s->addr,
				  .pred = *pred,
				  .btf_id = btf_id };
	int err;

	if (p->nodes.n >= PLAN_NODES_MAX)
		return 0; /* told by the plan as a whole */
	default_pred(s->src->btf, name, &node);
	node.name = strdup(name);
	err = node.name ? 0 : -ENOMEM;
	err = !err && args ? add_args(p, args, &node) : err;
	err = err ? err : vec_push(&p->nodes, node);
	if (err) {
		free(node.name);
		return err;
	}
	s->added++;
	return note_name(s, name, (uint32_t)p->nodes.n - 1);
}

/* Why the kernel would not trace a function; NULL: it would, as far as is known. */
static const char *reason_against(const struct scan *s, bool listed, uint32_t btf_id)
{
	if (s->traceable.n)
		return listed ? NULL : "the kernel does not let it be traced";
	if (s->untraced_until)
		return "it lies in code that the kernel does not trace";
	if (s->types.n && !btf_id)
		return "whether it can be traced is not known: mount -t tracefs none "
		       "/sys/kernel/tracing";
	return NULL;
}

/* Planned before, at an earlier request. */
static bool is_known(struct scan *s, const char *name, const struct spec_pred *pred)
{
	for (size_t i = 0; i < s->known; i++) {
		struct plan_node *node = &s->plan->nodes.v[i];

		if (node->how != PLAN_KERNEL || node->addr != s->addr ||
		    strcmp(node->name, name) != 0)
			continue;
		s->added += plan_node_again(node, pred);
		return true;
	}
	return false;
}

/* All names of one address are known: is it asked for, by one of them? */
static int end_function(struct scan *s)
{
	const char *hit = NULL, *why;
	const struct spec_args *args = NULL;
	struct spec_pred pred = {};
	bool listed = false;
	uint32_t btf_id = 0;

	for (size_t i = 0; i < s->names.len; i += strlen(s->names.data + i) + 1) {
		const char *name = s->names.data + i;
		uint32_t id;

		if (!hit && is_function(name) && matches(s->plan, name, &pred, &args))
			hit = name;
		id = table_find(&s->types, name, strlen(name));
		if (id != TABLE_NONE && (!btf_id || name == hit))
			btf_id = id;
		listed |= table_find(&s->traceable, name, strlen(name)) != TABLE_NONE;
	}
	if (!hit || is_known(s, hit, &pred))
		return 0;
	why = reason_against(s, listed, btf_id);
	if (!why)
		return add_node(s, hit, btf_id, &pred, args);
	if (is_named(s->plan, hit))
		plan_add_skip(s->plan, OBJECT_NONE, hit, why);
	return note_name(s, hit, NO_NODE);
}

/* Code of BPF programs and of the kernel's own trampolines is listed as of such modules. */
static bool is_pseudo_module(const char *module)
{
	return !strncmp(module, "[bpf]", 5) || !strncmp(module, "[__builtin__", 12);
}

static void pass_mark(struct scan *s, const char *name)
{
	if (s->untraced_until && !strcmp(name, s->untraced_until))
		s->untraced_until = NULL;
	for (size_t i = 0; i < sizeof(untraced) / sizeof(*untraced); i++) {
		if (!strcmp(name, untraced[i].begin))
			s->untraced_until = untraced[i].end;
	}
}

/* "ADDRESS TYPE NAME", and for modules "\t[MODULE]". */
static int read_symbol(struct scan *s, char *line)
{
	char *type, *name, *module;
	uint64_t addr = strtoull(line, &type, 16);
	int err = 0;

	if (type == line || type[0] != ' ' || !type[1] || !strchr("tTwW", type[1]) ||
	    type[2] != ' ')
		return 0;
	name = type + 3;
	module = name + strcspn(name, "\t \n");
	if (*module)
		*module++ = '\0';
	if (!*name || is_pseudo_module(module + strspn(module, "\t ")))
		return 0;
	if (addr != s->addr || !addr) {
		err = end_function(s);
		buf_clear(&s->names);
		s->addr = addr;
	}
	pass_mark(s, name);
	buf_add(&s->names, name, strlen(name) + 1);
	return err ? err : s->names.err;
}

int plan_kernel_from(struct plan *p, const struct kernel_sources *src)
{
	_cleanup_(scan_done) struct scan s = { .plan = p, .src = src, .known = p->nodes.n };
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int err = read_traceable(&s);

	err = err ? err : read_types(&s);
	while (!err && getline(&line, &size, src->symbols) > 0)
		err = read_symbol(&s, line);
	err = !err && ferror(src->symbols) ? -EIO : err;
	err = err ? err : end_function(&s);
	if (!err && p->nodes.n >= PLAN_NODES_MAX)
		plan_add_skip(p, OBJECT_NONE, "further kernel functions", "too many functions");
	return err ? err : s.added;
}

int plan_kernel(struct plan *p)
{
	_cleanup_fclose_ FILE *symbols = NULL, *traceable = NULL;
	struct kernel_sources src;
	struct btf *btf;
	int added;

	if (p->kernel_planned || !plan_wants(p, SPEC_KERNEL))
		return 0;
	p->kernel_planned = true;
	symbols = fopen("/proc/kallsyms", "re");
	if (!symbols)
		return -errno;
	traceable = fopen("/sys/kernel/tracing/available_filter_functions", "re");
	if (!traceable)
		traceable = fopen("/sys/kernel/debug/tracing/available_filter_functions", "re");
	btf = btf__load_vmlinux_btf();
	src = (struct kernel_sources){ symbols, traceable, libbpf_get_error(btf) ? NULL : btf };
	added = plan_kernel_from(p, &src);
	btf__free(btf);
	return added < 0 ? added : 0;
}
