/* SPDX-License-Identifier: GPL-2.0-only */
/* A plan that changes while it is carried out. */
#include "trace/plan_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/glob.h"
#include "trace/plan_node.h"
#include "trace/plan_point.h"

/* Forgets SPECs of the same text: what comes now decides. */
static void drop_same(struct plan *p, const char *text)
{
	size_t n = 0;

	for (size_t i = 0; i < p->specs.n; i++) {
		if (p->specs.v[i].text && !strcmp(p->specs.v[i].text, text))
			spec_done(&p->specs.v[i]);
		else
			p->specs.v[n++] = p->specs.v[i];
	}
	p->specs.n = n;
}

/* At the end of the list; the one of that text that stands farther ahead goes with drop_same(). */
static int push(struct plan *p, const char *text, char *msg, size_t msg_size)
{
	if (p->specs.n >= PLAN_SPECS_MAX) {
		snprintf(msg, msg_size, "there are %d SPECs already", PLAN_SPECS_MAX);
		return -ENOSPC;
	}
	return plan_add_spec(p, text, msg, msg_size);
}

static void pop(struct plan *p)
{
	spec_done(&p->specs.v[--p->specs.n]);
}

/* What was skipped before is not told twice. */
static int drop_known_skips(struct plan *p, size_t known)
{
	struct table names = {};
	size_t n = known;
	int err = 0;

	for (size_t i = 0; i < p->skipped.n; i++) {
		struct plan_skip *s = &p->skipped.v[i];

		err = err == -ENOMEM ? err : table_add(&names, s->name, strlen(s->name), s->object);
		if (i < known)
			continue;
		if (err == -EEXIST && table_find(&names, s->name, strlen(s->name)) == s->object) {
			free(s->name);
			free(s->why);
		} else {
			p->skipped.v[n++] = *s;
		}
	}
	p->skipped.n = n > known ? n : known;
	table_done(&names);
	return err == -ENOMEM ? err : 0;
}

/* Looks for what the last SPEC names. Nodes that are to be probed, or a negative errno. */
static int look_for_last(struct plan *p, struct object_files *objects, struct processes *processes)
{
	const struct spec *s = &p->specs.v[p->specs.n - 1];
	size_t before = p->nodes.n;
	int removed = 0, n;

	/* Objects that nobody has looked at yet are for all SPECs. */
	n = plan_update(p, objects, processes);
	if (n < 0)
		return n;

	vec_foreach (node, &p->nodes)
		removed += node->removed;
	if (s->kind == SPEC_KERNEL)
		p->kernel_planned = false;
	if (s->kind == SPEC_SYSCALL)
		p->syscalls_planned = false;
	p->only = (uint32_t)p->specs.n;
	p->maps_seen = UINT64_MAX;
	n = plan_update(p, objects, processes);
	p->only = 0;
	if (n < 0)
		return n;
	vec_foreach (node, &p->nodes)
		removed -= node->removed;
	return (int)(p->nodes.n - before) + removed;
}

/* Of one object: what the SPEC names is taken off. */
struct removal {
	struct plan *plan;
	const struct spec *spec;
	uint32_t object;
	bool only_count; /* nothing is taken off */
	uint32_t nodes;  /* that are probed */
};

static void take_off(struct removal *r, struct plan_node *node)
{
	if (node->removed || node->plugin) /* what nobody named is not taken off by name */
		return;
	node->removed = !r->only_count;
	r->nodes += node->attached;
}

static int remove_named(const struct symbol *sym, const struct plan_names *names, void *arg)
{
	struct removal *r = arg;
	uint64_t key[2] = { r->object, sym->offset };
	uint32_t i = table_find(&r->plan->node_index, key, sizeof(key));

	if (i != TABLE_NONE && plan_spec_names(r->spec, names, NULL, NULL))
		take_off(r, &r->plan->nodes.v[i]);
	return 0;
}

static int consider(const struct symbol *sym, void *arg)
{
	return plan_each_named(sym, remove_named, arg);
}

/* Is it a static probe that the SPEC names? Its node is called PROVIDER:NAME. */
static bool is_point(const struct spec *s, const char *name)
{
	const char *colon = strchr(name, ':');
	char provider[128];

	if (!colon || (size_t)(colon - name) >= sizeof(provider))
		return false;
	snprintf(provider, sizeof(provider), "%.*s", (int)(colon - name), name);
	return glob_match(s->provider, provider) && spec_match(s, colon + 1, NULL);
}

static bool names_node(const struct spec *s, const struct plan_node *node)
{
	switch (s->kind) {
	case SPEC_USDT:
		return node->how == PLAN_POINT && is_point(s, node->name);
	case SPEC_KERNEL:
		return node->how == PLAN_KERNEL && spec_match(s, node->name, NULL);
	case SPEC_SYSCALL:
		return node->how == PLAN_SYSCALL && spec_match(s, node->name, NULL);
	default:
		return node->object != OBJECT_NONE && node->how != PLAN_POINT &&
		       spec_match(s, node->name, NULL);
	}
}

/* How an object is called in SPECs when it is some process's executable, or NULL. */
static const char *run_as(const struct processes *processes, const char *path)
{
	vec_foreach (proc, &processes->all) {
		if ((*proc)->exe && !strcmp((*proc)->exe, path))
			return (*proc)->comm;
	}
	return NULL;
}

static int remove_in_object(struct removal *r, struct object_files *objects,
			    const struct processes *processes)
{
	const char *path = objects->files.v[r->object]->path;
	const struct symbols *symbols;

	if (table_find(&r->plan->object_index, &r->object, sizeof(r->object)) == TABLE_NONE ||
	    !plan_spec_covers(r->spec, path, run_as(processes, path)))
		return 0;
	vec_foreach (node, &r->plan->nodes) {
		if (node->object == r->object && !node->plugin && names_node(r->spec, node))
			take_off(r, node);
	}
	symbols = r->spec->kind == SPEC_FUNCTION ? object_symbols(objects, r->object) : NULL;
	return symbols ? symbols_each(symbols, consider, r) : 0;
}

static int remove_all(struct removal *r, struct object_files *objects,
		      const struct processes *processes)
{
	int err = 0;

	if (r->spec->kind == SPEC_KERNEL || r->spec->kind == SPEC_SYSCALL) {
		vec_foreach (node, &r->plan->nodes) {
			if (names_node(r->spec, node))
				take_off(r, node);
		}
		return 0;
	}
	for (r->object = 0; r->object < objects->files.n && !err; r->object++)
		err = remove_in_object(r, objects, processes);
	return err;
}

static bool has_text(const struct plan *p, const char *text)
{
	for (size_t i = 0; i + 1 < p->specs.n; i++) {
		if (!strcmp(p->specs.v[i].text, text) && !p->specs.v[i].removes)
			return true;
	}
	return false;
}

static bool names_anything(const struct plan *p)
{
	vec_foreach (s, &p->specs) {
		if (!s->removes)
			return true;
	}
	return false;
}

/* Is something probed that the last SPEC names? */
static bool is_known(struct plan *p, struct object_files *objects,
		     const struct processes *processes)
{
	struct removal r = { .plan = p, .spec = &p->specs.v[p->specs.n - 1], .only_count = true };

	return !remove_all(&r, objects, processes) && r.nodes;
}

int plan_change_add(struct plan *p, struct object_files *objects, struct processes *processes,
		    const char *text, struct plan_change *ret, char *msg, size_t msg_size)
{
	size_t skips = p->skipped.n;
	const struct spec *s;
	struct spec last;
	int err = push(p, text, msg, msg_size), n;

	if (err)
		return err;
	n = look_for_last(p, objects, processes);
	err = n < 0 ? n : drop_known_skips(p, skips);
	if (err) {
		snprintf(msg, msg_size, "cannot look for functions: %s", strerror(-err));
		pop(p);
		return err;
	}
	s = &p->specs.v[p->specs.n - 1];
	*ret = (struct plan_change){ .nodes = (uint32_t)n,
				     .skipped = (uint32_t)(p->skipped.n - skips),
				     .waits = s->binary && !s->covered };
	if (!n && !ret->skipped && !ret->waits) {
		ret->known = is_known(p, objects, processes);
		snprintf(msg, msg_size, "%s",
			 ret->known ? "all that it names is traced already"
				    : "no function matches it");
		pop(p);
		return -ENOENT;
	}
	last = p->specs.v[--p->specs.n];
	drop_same(p, text);
	p->specs.v[p->specs.n++] = last;
	return 0;
}

int plan_change_remove(struct plan *p, struct object_files *objects,
		       const struct processes *processes, const char *text, struct plan_change *ret,
		       char *msg, size_t msg_size)
{
	struct removal r = { .plan = p };
	struct spec last;
	int err = push(p, text, msg, msg_size);

	if (err)
		return err;
	r.spec = &p->specs.v[p->specs.n - 1];
	err = remove_all(&r, objects, processes);
	if (!err && !r.nodes && !has_text(p, text)) {
		snprintf(msg, msg_size, "nothing that it names is traced");
		err = -ENOENT;
	} else if (err) {
		snprintf(msg, msg_size, "cannot look for functions: %s", strerror(-err));
	}
	if (err) {
		pop(p);
		return err;
	}
	*ret = (struct plan_change){ .nodes = r.nodes };
	last = p->specs.v[--p->specs.n];
	last.removes = true;
	drop_same(p, text);
	if (names_anything(p)) /* what is loaded later may be named by others */
		p->specs.v[p->specs.n++] = last;
	else
		spec_done(&last);
	return 0;
}
