/* SPDX-License-Identifier: GPL-2.0-only */
/* The probe plan. */
#include "trace/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/glob.h"
#include "sym/demangle.h"
#include "trace/dependencies.h"
#include "trace/exits.h"
#include "trace/trapcost.h"

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
	if (spec.kind != SPEC_FUNCTION) {
		spec_done(&spec);
		snprintf(msg, msg_size,
			 "SPEC '%s': only user functions can be traced by this version", text);
		return -ENOTSUP;
	}
	err = vec_push(&p->specs, spec);
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
	vec_done(&p->skipped);
	table_done(&p->node_index);
	table_done(&p->object_index);
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Does a SPEC look into this object? BINARY is a path, a file name, or a glob of these. */
static bool spec_covers(const struct spec *s, const char *path, bool is_exe)
{
	if (!s->binary)
		return is_exe;
	if (glob_match(s->binary, path) || glob_match(s->binary, last_component(path)))
		return true;
	return !strcmp(s->binary, path);
}

/* A function that SPECs are held against. */
struct candidate {
	struct plan *plan;
	const char *path;
	uint32_t object;
	const struct symbols *symbols;
	int fd;
	bool is_exe;
	int added;
};

static bool matches(const struct candidate *c, const char *name, struct spec_pred *pred)
{
	bool found = false;

	vec_foreach (s, &c->plan->specs) {
		if (spec_covers(s, c->path, c->is_exe) && spec_match(s, name, pred))
			found = true;
	}
	return found;
}

static void add_skip(struct plan *p, const char *name, const char *why)
{
	struct plan_skip s = { .name = strdup(name), .why = strdup(why) };

	if (!s.name || !s.why || vec_push(&p->skipped, s)) {
		free(s.name);
		free(s.why);
	}
}

/* Return probes are out of the question: finds the function's own exits. */
static int add_sites(const struct candidate *c, const struct symbol *sym, struct plan_node *node,
		     char *why, size_t why_size)
{
	struct plan *p = c->plan;
	const char *reason = "";
	int err;

	node->first_site = (uint32_t)p->sites.n;
	err = exits_find(c->fd, c->symbols, sym, &p->sites, &reason);
	node->sites = (uint32_t)p->sites.n - node->first_site;
	if (err == -ENOTSUP)
		snprintf(why, why_size, "%s: a return probe could abort it, and %s", p->hazard.text,
			 reason);
	return err;
}

#define INSTRUCTION_MAX 15

static bool entry_is_emulated(const struct candidate *c, uint64_t offset)
{
	uint8_t code[INSTRUCTION_MAX];
	ssize_t n = pread(c->fd, code, sizeof(code), (off_t)offset);

	return n > 0 && trap_is_emulated(code, (size_t)n);
}

static int add_node(struct candidate *c, const struct symbol *sym, const char *name,
		    const struct spec_pred *pred)
{
	struct plan *p = c->plan;
	char why[320];
	struct plan_node node = { .object = c->object,
				  .offset = sym->offset,
				  .addr = sym->addr,
				  .size = sym->size,
				  .pred = *pred };
	uint64_t key[2] = { c->object, sym->offset };
	int err;

	if (p->hazard.kind == HAZARD_STACKS) {
		snprintf(why, sizeof(why), "%s: its returns cannot be followed", p->hazard.text);
		add_skip(p, name, why);
		return 0;
	}
	if (sym->ifunc) {
		add_skip(p, name,
			 "an indirect function: what it resolves to has a name of its own");
		return 0;
	}
	if (!sym->size) {
		add_skip(p, name, "its size is not known");
		return 0;
	}
	if (p->nodes.n >= PLAN_NODES_MAX) {
		add_skip(p, name, "too many functions");
		return 0;
	}
	if (p->hazard.kind != HAZARD_NONE) {
		err = add_sites(c, sym, &node, why, sizeof(why));
		if (err == -ENOTSUP)
			add_skip(p, name, why);
		if (err)
			return err == -ENOTSUP ? 0 : err;
	}
	node.entry_emulated = entry_is_emulated(c, node.offset);
	node.name = strdup(name);
	if (!node.name || vec_push(&p->nodes, node)) {
		free(node.name);
		return -ENOMEM;
	}
	c->added++;
	return table_add(&p->node_index, key, sizeof(key), (uint32_t)p->nodes.n - 1);
}

static int consider(const struct symbol *sym, void *arg)
{
	struct candidate *c = arg;
	_cleanup_free_ char *readable = demangle(sym->name);
	const char *name = readable ? readable : sym->name;
	uint64_t key[2] = { c->object, sym->offset };
	struct spec_pred pred = {};

	if (!matches(c, name, &pred) && !(readable && matches(c, sym->name, &pred)))
		return 0;
	if (table_find(&c->plan->node_index, key, sizeof(key)) != TABLE_NONE)
		return 0; /* an alias */
	return add_node(c, sym, name, &pred);
}

static bool wanted(const struct plan *p, const char *path, bool is_exe)
{
	vec_foreach (s, &p->specs) {
		if (spec_covers(s, path, is_exe))
			return true;
	}
	return false;
}

static int update_file(struct plan *p, struct object_files *objects, uint32_t object, bool is_exe)
{
	struct candidate c = { .plan = p, .object = object, .is_exe = is_exe };
	const struct symbols *symbols;
	int err;

	c.path = objects->files.v[object]->path;
	if (!wanted(p, c.path, is_exe))
		return 0;
	if (table_add(&p->object_index, &object, sizeof(object), 0) == -EEXIST)
		return 0;
	symbols = object_symbols(objects, object);
	if (!symbols) {
		add_skip(p, c.path, "its symbols cannot be read");
		return 0;
	}
	c.symbols = symbols;
	c.fd = objects->files.v[object]->fd;
	err = symbols_each(symbols, consider, &c);
	return err ? err : c.added;
}

/*
 * One object that can unwind or switch stacks makes return probes dangerous in every file of its
 * process, so all objects are looked at before any function is planned.
 */
static void find_hazards(struct plan *p, struct object_files *objects)
{
	for (uint32_t i = 0; i < objects->files.n; i++) {
		const struct symbols *symbols = object_symbols(objects, i);

		if (symbols)
			hazard_add_object(&p->hazard, symbols_traits(symbols),
					  objects->files.v[i]->path);
	}
}

/* A file named by its path can be probed before anybody maps it: its first call is seen. */
static int update_named_files(struct plan *p, struct object_files *objects)
{
	int added = 0;

	vec_foreach (s, &p->specs) {
		uint32_t object;
		int n;

		if (!s->binary || s->binary[0] != '/' || !glob_is_literal(s->binary) ||
		    object_files_add_path(objects, s->binary, &object))
			continue;
		n = update_file(p, objects, object, false);
		if (n < 0)
			return n;
		added += n;
	}
	return added;
}

/* Do all SPECs that name an object wait for one that is not there yet? */
bool plan_waits(const struct plan *p, const struct object_files *objects, const char **ret_binary)
{
	vec_foreach (s, &p->specs) {
		bool covered = false;

		for (uint32_t i = 0; s->binary && i < objects->files.n; i++)
			covered = covered || spec_covers(s, objects->files.v[i]->path, false);
		if (s->binary && !covered) {
			*ret_binary = s->binary;
			return true;
		}
	}
	return false;
}

/* Does a planned node survive a hazard that has come up since? */
static int renew_node(struct plan *p, struct object_files *objects, struct plan_node *node)
{
	struct candidate c = { .plan = p,
			       .object = node->object,
			       .fd = objects->files.v[node->object]->fd,
			       .symbols = object_symbols(objects, node->object) };
	struct symbol sym = { .offset = node->offset, .addr = node->addr, .size = node->size };
	char why[320];
	int err = 0;

	if (p->hazard.kind == HAZARD_STACKS || !c.symbols) {
		snprintf(why, sizeof(why), "%s: its returns cannot be followed", p->hazard.text);
		err = -ENOTSUP;
	} else if (!node->sites) {
		err = add_sites(&c, &sym, node, why, sizeof(why));
	}
	if (err != -ENOTSUP)
		return err;
	node->refused = true;
	add_skip(p, node->name, why);
	return 0;
}

/* A library that throws, say, was loaded into a process with return probes. */
static int renew(struct plan *p, struct object_files *objects)
{
	bool worse = p->hazard.kind == HAZARD_STACKS ||
		     (p->planned_for == HAZARD_NONE && p->hazard.kind != HAZARD_NONE);
	int err = 0;

	if (p->hazard.kind != p->planned_for && worse && p->nodes.n) {
		vec_foreach (node, &p->nodes)
			err = err || node->refused ? err : renew_node(p, objects, node);
		p->renewed = true;
	}
	p->planned_for = p->hazard.kind;
	return err;
}

int plan_update(struct plan *p, struct object_files *objects, struct processes *processes)
{
	int added = 0, n;

	if (p->maps_seen == processes->maps_changes)
		return 0;
	p->maps_seen = processes->maps_changes;
	vec_foreach (proc, &processes->all) {
		if (!(*proc)->kernel_thread)
			hazard_add_process(&p->hazard, (*proc)->pid);
	}
	find_hazards(p, objects);
	n = renew(p, objects);
	n = n ? n : update_named_files(p, objects);
	if (n < 0)
		return n;
	added += n;
	for (size_t i = 0; i < processes->all.n; i++) {
		const struct process *proc = processes->all.v[i];

		vec_foreach (m, &proc->maps) {
			bool is_exe = proc->exe && !strcmp(m->path, proc->exe);

			if (m->object == OBJECT_NONE)
				continue;
			n = update_file(p, objects, m->object, is_exe);
			if (n < 0)
				return n;
			added += n;
		}
	}
	return added;
}

int plan_update_program(struct plan *p, struct object_files *objects, uint32_t exe)
{
	const struct symbols *symbols = object_symbols(objects, exe);
	int added = 0;

	if (symbols && symbols_traits(symbols)->interp)
		dependencies_add(objects, symbols_traits(symbols)->interp,
				 objects->files.v[exe]->path);
	find_hazards(p, objects);
	for (uint32_t i = 0; i < objects->files.n; i++) {
		int n = update_file(p, objects, i, i == exe);

		if (n < 0)
			return n;
		added += n;
	}
	return added;
}
