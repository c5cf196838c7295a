/* SPDX-License-Identifier: GPL-2.0-only */
/* Static probes and system calls become nodes of the plan. */
#include "trace/plan_point.h"

#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/wire.h"
#include "lib/cleanup.h"
#include "lib/glob.h"
#include "sym/usdt.h"
#include "trace/names.h"

/* An argument of a site as BPF fetches it; false: it cannot be had. */
static bool make_arg(const struct usdt_arg *from, const struct spec_arg *wanted,
		     struct plan_arg *ret)
{
	static const uint8_t shifts[] = { 0, 0, 1, 1, 2, 2, 2, 2, 3 };

	snprintf(ret->label, sizeof(ret->label), "arg%u", wanted->number);
	ret->type = wanted->type;
	ret->from.value = from->value;
	ret->from.size = from->size;
	ret->from.reg = from->reg;
	ret->from.index = from->index;
	ret->from.shift = shifts[from->scale <= 8 ? from->scale : 0];
	if (from->kind == USDT_CONST)
		ret->from.place = PB_ARG_CONST;
	else if (from->kind == USDT_REG)
		ret->from.place = PB_ARG_REG;
	else if (from->kind == USDT_MEM && from->reg != USDT_NONE)
		ret->from.place = PB_ARG_MEMORY;
	else
		return false;
	return true;
}

/* The wanted arguments of a site: an index into plan.args + 1, or 0. */
static uint32_t site_args(struct plan *p, const struct usdt_probe *site,
			  const struct spec_args *wanted)
{
	struct plan_args args = {};

	for (uint32_t i = 0; wanted && i < wanted->n; i++) {
		const struct spec_arg *w = &wanted->v[i];

		if (w->number <= site->nargs &&
		    make_arg(&site->args[w->number - 1], w, &args.v[args.n]))
			args.n++;
	}
	return args.n && !vec_push(&p->args, args) ? (uint32_t)p->args.n : 0;
}

static bool usdt_matches(const struct plan_object *o, const struct usdt_probe *site,
			 const struct spec_args **args)
{
	bool found = false;

	vec_foreach (s, &o->plan->specs) {
		if (s->kind != SPEC_USDT || !plan_spec_covers(s, o->path, o->run_as) ||
		    !glob_match(s->provider, site->provider) || !spec_match(s, site->name, NULL))
			continue;
		found = !s->removes;
		*args = spec_args_of(s, site->name);
	}
	return found;
}

/* A probe that was planned before, at an earlier request: it has all its sites. */
static bool is_known(struct plan_object *o, const char *name, size_t known)
{
	static const struct spec_pred none;

	for (size_t i = 0; i < known; i++) {
		struct plan_node *node = &o->plan->nodes.v[i];

		if (node->how != PLAN_POINT || node->object != o->object ||
		    strcmp(node->name, name) != 0)
			continue;
		o->added += plan_node_again(node, &none);
		return true;
	}
	return false;
}

/* The node that a site belongs to; sites of one name stand together in the sorted list. */
static int add_site(struct plan_object *o, const struct usdt_probe *site, const char *name,
		    const struct spec_args *args)
{
	struct plan *p = o->plan;
	struct plan_place place = { .offset = site->offset,
				    .semaphore = site->semaphore,
				    .args = site_args(p, site, args) };
	struct plan_node node = { .object = o->object,
				  .how = PLAN_POINT,
				  .offset = site->offset,
				  .addr = site->addr,
				  .entry = { .class = site->nop5 ? SITE_NOP5 : SITE_NOP },
				  .first_place = (uint32_t)p->places.n,
				  .places = 1,
				  .args = place.args };
	struct plan_node *last = p->nodes.n ? &p->nodes.v[p->nodes.n - 1] : NULL;

	if (vec_push(&p->places, place))
		return -ENOMEM;
	if (last && last->how == PLAN_POINT && last->object == o->object &&
	    last->first_place + last->places == node.first_place && !strcmp(last->name, name)) {
		last->places++;
		return 0;
	}
	node.name = strdup(name);
	if (!node.name || vec_push(&p->nodes, node)) {
		free(node.name);
		return -ENOMEM;
	}
	o->added++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct usdt_probe *x = a, *y = b;
	int order = strcmp(x->provider, y->provider);

	return order ? order : strcmp(x->name, y->name);
}

int plan_usdt(struct plan_object *o)
{
	struct usdt_probes probes = {};
	size_t known = o->plan->nodes.n;
	int err = 0;

	if (!plan_wants(o->plan, SPEC_USDT) || usdt_read(o->fd, &probes))
		return 0;
	if (probes.sites.n)
		qsort(probes.sites.v, probes.sites.n, sizeof(*probes.sites.v), by_name);
	vec_foreach (site, &probes.sites) {
		const struct spec_args *args = NULL;
		char name[256];

		if (err || !usdt_matches(o, site, &args))
			continue;
		snprintf(name, sizeof(name), "%s:%s", site->provider, site->name);
		if (!is_known(o, name, known))
			err = add_site(o, site, name, args);
	}
	usdt_done(&probes);
	return err;
}

static bool syscall_is_known(struct plan *p, const struct plan_node *planned)
{
	vec_foreach (node, &p->nodes) {
		if (node->how != PLAN_SYSCALL || node->nr != planned->nr)
			continue;
		if (plan_node_again(node, &planned->pred))
			node->attached = true;
		return true;
	}
	return false;
}

int plan_syscalls(struct plan *p)
{
	if (p->syscalls_planned)
		return 0;
	p->syscalls_planned = true;
	for (uint32_t nr = 0; nr < PB_SYSCALL_MAX; nr++) {
		struct plan_node node = { .object = OBJECT_NONE, .how = PLAN_SYSCALL, .nr = nr };
		char buf[32];
		const char *name = syscall_name(nr, buf);
		bool found = false;

		vec_foreach (s, &p->specs) {
			if (s->kind == SPEC_SYSCALL && name != buf &&
			    spec_match(s, name, s->removes ? NULL : &node.pred))
				found = !s->removes;
		}
		if (!found || syscall_is_known(p, &node))
			continue;
		node.name = strdup(name);
		node.attached = true;
		if (!node.name || vec_push(&p->nodes, node)) {
			free(node.name);
			return -ENOMEM;
		}
	}
	return 0;
}
