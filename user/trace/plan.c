/* SPDX-License-Identifier: GPL-2.0-only */
/* The probe plan. */
#include "trace/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/glob.h"
#include "lib/path.h"
#include "sym/demangle.h"
#include "sym/extent.h"
#include "sym/goinfo.h"
#include "trace/dependencies.h"
#include "trace/plan_kernel.h"
#include "trace/plan_node.h"
#include "trace/plan_point.h"

int plan_add_spec(struct plan *p, const char *text, char *msg, size_t msg_size)
{
	struct spec spec;
	char why[200];
	int err = spec_parse(text, &spec, why, sizeof(why));

	if (err == -ENOMEM)
		return err;
	if (err) {
		snprintf(msg, msg_size, "bad SPEC '%s': %s", text, why);
		return err;
	}
	spec.text = strdup(text);
	err = spec.text ? vec_push(&p->specs, spec) : -ENOMEM;
	if (err)
		spec_done(&spec);
	return err;
}

void plan_done(struct plan *p)
{
	vec_foreach (s, &p->specs)
		spec_done(s);
	vec_foreach (n, &p->nodes)
		free(n->name);
	vec_foreach (s, &p->skipped) {
		free(s->name);
		free(s->why);
	}
	vec_done(&p->specs);
	vec_done(&p->nodes);
	vec_done(&p->sites);
	vec_done(&p->places);
	vec_done(&p->args);
	vec_done(&p->hooks);
	vec_done(&p->skipped);
	table_done(&p->node_index);
	table_done(&p->object_index);
	table_done(&p->name_index);
	table_done(&p->hazard_index);
}

/* Does a SPEC look into this object? BINARY is a path, a file name, or a glob of these. */
bool plan_spec_covers(const struct spec *s, const char *path, const char *run_as)
{
	if (s->kind != SPEC_FUNCTION && s->kind != SPEC_USDT)
		return false;
	if (!s->binary)
		return run_as;
	if (glob_match(s->binary, path) || glob_match(s->binary, path_last(path)))
		return true;
	if (run_as && glob_match(s->binary, run_as))
		return true;
	return !strcmp(s->binary, path);
}

bool plan_wants(const struct plan *p, enum spec_kind kind)
{
	vec_foreach (s, &p->specs) {
		if (s->kind == kind && !s->removes)
			return true;
	}
	return false;
}

bool plan_has_probes(const struct plan *p)
{
	bool has = false;

	vec_foreach (s, &p->specs)
		has |= s->kind != SPEC_KERNEL && !s->removes;
	vec_foreach (n, &p->nodes)
		has |= n->attached;
	return has;
}

void plan_add_skip(struct plan *p, uint32_t object, const char *name, const char *why)
{
	struct plan_skip s = { .name = strdup(name), .why = strdup(why), .object = object };

	if (!s.name || !s.why || vec_push(&p->skipped, s)) {
		free(s.name);
		free(s.why);
	}
}

/*
 * A C++ or Rust name without the list of its parameters: who asks for ns::f means ns::f(int), too.
 * On the heap; NULL: it has none.
 */
static char *without_parameters(const char *name)
{
	int depth = 0;

	for (size_t i = 0; name[i]; i++) {
		if (name[i] == '<')
			depth++;
		if (name[i] == '>' && depth)
			depth--;
		if (name[i] != '(' || depth || !i)
			continue;
		if (!strncmp(name + i, "(anonymous namespace)", 21))
			i += 20;
		else if (i >= 8 && !strncmp(name + i - 8, "operator()", 10))
			i++;
		else
			return strndup(name, i);
	}
	return NULL;
}

static bool matches(const struct plan_object *o, const struct plan_names *names,
		    struct spec_pred *pred, const struct spec_args **args)
{
	const struct spec *only = o->plan->only ? &o->plan->specs.v[o->plan->only - 1] : NULL;
	bool found = false;

	if (only && (only->kind != SPEC_FUNCTION || !plan_spec_names(only, names, NULL, NULL)))
		return false;
	vec_foreach (s, &o->plan->specs) {
		if (s->kind != SPEC_FUNCTION || !plan_spec_covers(s, o->path, o->run_as) ||
		    !plan_spec_names(s, names, s->removes ? NULL : pred, args))
			continue;
		found = !s->removes;
		if (s->removes)
			*pred = (struct spec_pred){};
	}
	return found;
}

bool plan_spec_names(const struct spec *s, const struct plan_names *names, struct spec_pred *pred,
		     const struct spec_args **args)
{
	for (size_t i = 0; i < sizeof(names->v) / sizeof(*names->v); i++) {
		if (!names->v[i] || !spec_match(s, names->v[i], pred))
			continue;
		if (args && spec_args_of(s, names->v[i]))
			*args = spec_args_of(s, names->v[i]);
		return true;
	}
	return false;
}

int plan_each_named(const struct symbol *sym, plan_named_fn fn, void *arg)
{
	_cleanup_free_ char *readable = demangle(sym->name);
	_cleanup_free_ char *bare = readable ? without_parameters(readable) : NULL;
	struct plan_names names = { { readable ? readable : sym->name, readable ? sym->name : NULL,
				      bare } };

	return fn(sym, &names, arg);
}

static int consider_named(const struct symbol *sym, const struct plan_names *names, void *arg)
{
	struct plan_object *o = arg;
	uint64_t key[2] = { o->object, sym->offset };
	const struct spec_args *args = NULL;
	struct spec_pred pred = {};
	uint32_t known;

	if (!matches(o, names, &pred, &args))
		return 0;
	known = table_find(&o->plan->node_index, key, sizeof(key));
	if (known != TABLE_NONE) { /* an alias, or it was there before */
		o->added += plan_node_again(&o->plan->nodes.v[known], &pred);
		return 0;
	}
	return plan_function(o, sym, names->v[0], &pred, args);
}

static int consider(const struct symbol *sym, void *arg)
{
	return plan_each_named(sym, consider_named, arg);
}

/* A function that only the unwind tables know. */
static int consider_unnamed(const struct symbol *sym, void *arg)
{
	struct plan_object *o = arg;
	char name[300];
	struct plan_names names = { { name } };

	snprintf(name, sizeof(name), "%s+0x%" PRIx64, path_last(o->path), sym->offset);
	return consider_named(sym, &names, o);
}

static bool wanted(const struct plan *p, const char *path, const char *run_as)
{
	bool any = false;

	vec_foreach (s, &p->specs) {
		if (s->removes || (p->only && s != &p->specs.v[p->only - 1]) ||
		    !plan_spec_covers(s, path, run_as))
			continue;
		s->covered = true;
		any = true;
	}
	return any;
}

static int update_file(struct plan *p, struct object_files *objects, uint32_t object,
		       const char *run_as)
{
	_cleanup_(plan_object_done) struct plan_object o = { .plan = p,
							     .object = object,
							     .run_as = run_as };
	size_t first = p->nodes.n;
	struct go_info go;
	int err;

	o.path = objects->files.v[object]->path;
	if (!wanted(p, o.path, run_as))
		return 0;
	if (table_add(&p->object_index, &object, sizeof(object), 0) == -EEXIST && !p->only)
		return 0;
	o.symbols = object_symbols(objects, object);
	if (!o.symbols) {
		plan_add_skip(p, object, o.path, "its symbols cannot be read");
		return 0;
	}
	o.traits = symbols_traits(o.symbols);
	o.fd = objects->files.v[object]->fd;
	if (symbols_go_info(o.symbols, &go))
		p->goid_offset = go.goid_offset;
	err = symbols_each(o.symbols, consider, &o);
	err = err ? err : symbols_each_unnamed(o.symbols, consider_unnamed, &o);
	err = err ? err : plan_check_entries(&o, first);
	err = err ? err : plan_usdt(&o);
	return err ? err : o.added;
}

/* 0 or -ENOMEM: code that cannot be read adds nothing. */
static int find_code_hazards(struct plan *p, const struct object_file *file)
{
	struct stackswitch found = {};
	int err;

	if (file->fd < 0 ||
	    !hazard_asks_for_code(&p->hazard, symbols_traits(file->symbols), file->path))
		return 0;
	err = stackswitch_find(file->fd, file->symbols, &found);
	hazard_add_code(&p->hazard, &found, file->path);
	return err == -ENOMEM ? err : 0;
}

/*
 * One object that can unwind or switch stacks makes return probes dangerous in every file of its
 * process, so all objects are looked at before any function is planned.
 */
int plan_hazards(struct plan *p, struct object_files *objects)
{
	for (uint32_t i = 0; i < objects->files.n; i++) {
		const struct symbols *symbols = object_symbols(objects, i);

		if (!symbols || table_add(&p->hazard_index, &i, sizeof(i), 0) == -EEXIST)
			continue;
		hazard_add_object(&p->hazard, symbols_traits(symbols), objects->files.v[i]->path);
		if (find_code_hazards(p, objects->files.v[i]) || hooks_find(i, symbols, &p->hooks))
			return -ENOMEM;
	}
	return 0;
}

/* A file named by its path can be probed before anybody maps it: its first call is seen. */
static int update_named_files(struct plan *p, struct object_files *objects)
{
	int added = 0;

	vec_foreach (s, &p->specs) {
		uint32_t object;
		int n;

		if (s->removes || !s->binary || s->binary[0] != '/' ||
		    !glob_is_literal(s->binary) ||
		    object_files_add_path(objects, s->binary, &object))
			continue;
		n = update_file(p, objects, object, NULL);
		if (n < 0)
			return n;
		added += n;
	}
	return added;
}

/* Do all SPECs that name an object wait for one that is not there yet? */
bool plan_waits(const struct plan *p, const char **ret_binary)
{
	vec_foreach (s, &p->specs) {
		if (s->binary && !s->covered && !s->removes) {
			*ret_binary = s->binary;
			return true;
		}
	}
	return false;
}

/* Does a planned node survive a hazard that has come up since? */
static int renew_node(struct plan *p, struct object_files *objects, struct plan_node *node)
{
	struct plan_object o = { .plan = p,
				 .object = node->object,
				 .symbols = object_symbols(objects, node->object) };
	struct symbol sym = { .offset = node->offset, .addr = node->addr, .size = node->size };
	char why[400] = "its symbols cannot be read any more";
	int err = -ENOTSUP;

	if (node->plugin ? p->hazard.kind != HAZARD_STACKS : node->how != PLAN_RETURN_PROBE)
		return 0;
	o.plugin = node->plugin;
	if (o.symbols) {
		o.traits = symbols_traits(o.symbols);
		o.fd = objects->files.v[node->object]->fd;
		err = plan_function_probes(&o, &sym, node, why, sizeof(why));
	}
	if (err != -ENOTSUP)
		return err;
	node->refused = true;
	plan_add_skip(p, node->object, node->name, why);
	return 0;
}

/* A library that throws, say, was loaded into a process with return probes. */
static int renew(struct plan *p, struct object_files *objects)
{
	bool worse = p->hazard.kind == HAZARD_STACKS ||
		     (p->planned_for == HAZARD_NONE && p->hazard.kind != HAZARD_NONE);
	int err = 0;

	if (p->hazard.kind != p->planned_for && worse) {
		vec_foreach (node, &p->nodes) {
			/* Entries of plugins have no return probes. */
			p->renewed |= !node->plugin || p->hazard.kind == HAZARD_STACKS;
			err = err || node->refused ? err : renew_node(p, objects, node);
		}
	}
	p->planned_for = p->hazard.kind;
	return err;
}

int plan_update(struct plan *p, struct object_files *objects, struct processes *processes)
{
	int added = 0, n = plan_kernel(p);

	if (n || p->maps_seen == processes->maps_changes)
		return n;
	p->maps_seen = processes->maps_changes;
	vec_foreach (proc, &processes->all) {
		if (!(*proc)->kernel_thread)
			hazard_add_process(&p->hazard, (*proc)->pid);
	}
	n = plan_hazards(p, objects);
	n = n ? n : renew(p, objects);
	n = n ? n : plan_syscalls(p);
	n = n ? n : update_named_files(p, objects);
	if (n < 0)
		return n;
	added += n;
	for (size_t i = 0; i < processes->all.n; i++) {
		const struct process *proc = processes->all.v[i];

		vec_foreach (m, &proc->maps) {
			bool is_exe = proc->exe && !strcmp(m->path, proc->exe);
			const char *run_as = is_exe ? proc->comm : NULL;

			if (m->object == OBJECT_NONE)
				continue;
			n = update_file(p, objects, m->object, run_as);
			if (n < 0)
				return n;
			added += n;
		}
	}
	return added;
}

int plan_update_program(struct plan *p, struct object_files *objects, uint32_t exe,
			const char *run_as)
{
	const struct symbols *symbols = object_symbols(objects, exe);
	int added = 0, err;

	if (symbols && symbols_traits(symbols)->interp)
		dependencies_add(objects, symbols_traits(symbols)->interp,
				 objects->files.v[exe]->path);
	err = plan_hazards(p, objects);
	p->planned_for = p->hazard.kind;
	err = err ? err : plan_syscalls(p);
	err = err ? err : plan_kernel(p);
	if (err)
		return err;
	for (uint32_t i = 0; i < objects->files.n; i++) {
		int n = update_file(p, objects, i, i == exe ? run_as : NULL);

		if (n < 0)
			return n;
		added += n;
	}
	return added;
}
