/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry and return probes on the functions of a plan. */
#include "trace/uprobe.h"

#include <errno.h>
#include <linux/types.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "trace/redzone.h"

#define ENOTSUPP 524 /* the kernel's own, for instructions it cannot single-step */

/* Those of plugins come and go by object. */
struct plugin_links {
	uint32_t object;
	struct uprobe_links links;
};

struct uprobes {
	struct uprobe_programs progs;
	bool multi;
	struct uprobe_links *into;          /* where new ones belong */
	VEC(struct plugin_links *) plugins; /* owned */
	enum { REDZONE_UNKNOWN, REDZONE_SAFE, REDZONE_HIT } redzone;
	struct uprobe_links attached;
};

static void places_done(struct uprobe_places *p)
{
	free(p->offsets);
	free(p->cookies);
	free(p->semaphores);
}

void uprobes_prepare(const struct uprobe_programs *progs)
{
	struct bpf_program *const functions[] = { progs->enter,       progs->leave,
						  progs->go_enter,    progs->go_leave,
						  progs->point,       progs->plugin_enter,
						  progs->plugin_leave };

	uprobe_prepare(functions, sizeof(functions) / sizeof(*functions));
	uprobe_prepare(progs->hooks, HOOKS);
}

int uprobes_open(const struct uprobe_programs *progs, struct uprobes **ret)
{
	struct uprobes *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->progs = *progs;
	u->multi = uprobe_is_multi(progs->enter);
	u->into = &u->attached;
	*ret = u;
	return 0;
}

static void skip(struct plan *plan, uint64_t node, const char *why)
{
	plan->nodes.v[node].refused = true;
	plan_add_skip(plan, plan->nodes.v[node].object, plan->nodes.v[node].name, why);
}

/* The kinds of places that a node is probed at, each by a program; ends before beginnings. */
enum part {
	PART_RETURN,
	PART_SITES,
	PART_GO_SITES,
	PART_PLUGIN_SITES,
	PART_ENTRY,
	PART_GO_ENTRY,
	PART_PLUGIN_ENTRY,
	PART_POINT,
	PARTS
};

static struct bpf_program *part_program(const struct uprobes *u, enum part part)
{
	switch (part) {
	case PART_GO_SITES:
		return u->progs.go_leave;
	case PART_ENTRY:
		return u->progs.enter;
	case PART_GO_ENTRY:
		return u->progs.go_enter;
	case PART_PLUGIN_SITES:
		return u->progs.plugin_leave;
	case PART_PLUGIN_ENTRY:
		return u->progs.plugin_enter;
	case PART_POINT:
		return u->progs.point;
	default:
		return u->progs.leave;
	}
}

static void add_place(struct uprobe_places *p, uint64_t offset, uint64_t cookie, uint64_t semaphore)
{
	p->offsets[p->n] = offset;
	p->cookies[p->n] = cookie;
	p->semaphores[p->n++] = semaphore;
}

static uint64_t later_cookie(const struct plan_node *node)
{
	return node->later ? PB_COOKIE_LATER : 0;
}

static uint64_t entry_cookie(const struct plan_node *node, uint32_t id)
{
	return later_cookie(node) | id | (node->how == PLAN_RETURN_SITES ? PB_COOKIE_SITES : 0) |
	       (node->restarts ? PB_COOKIE_RESTARTS : 0) |
	       (uint64_t)node->entry.sp_moved << PB_COOKIE_MOVED;
}

static enum part entry_part(const struct plan_node *node)
{
	return node->how == PLAN_GOROUTINE ? PART_GO_ENTRY
	       : node->plugin              ? PART_PLUGIN_ENTRY
					   : PART_ENTRY;
}

static enum part sites_part(const struct plan_node *node)
{
	return node->how == PLAN_GOROUTINE ? PART_GO_SITES
	       : node->plugin              ? PART_PLUGIN_SITES
					   : PART_SITES;
}

/* The places of one kind of one node. */
static void add_places(const struct plan *plan, uint32_t id, enum part part,
		       struct uprobe_places *p)
{
	const struct plan_node *node = &plan->nodes.v[id];
	bool point = node->how == PLAN_POINT;

	if (part == entry_part(node) && !point)
		add_place(p, node->offset + node->entry.skip, entry_cookie(node, id), 0);
	if (part == PART_RETURN && node->how == PLAN_RETURN_PROBE)
		add_place(p, node->offset + node->entry.skip, id, 0);
	for (uint32_t k = 0; part == sites_part(node) && k < node->sites; k++) {
		const struct exit_site *site = &plan->sites.v[node->first_site + k];

		add_place(p, site->offset,
			  later_cookie(node) | id | PB_COOKIE_SITE |
			      (site->has_value ? 0 : PB_COOKIE_NO_VALUE),
			  0);
	}
	for (uint32_t k = 0; part == PART_POINT && point && k < node->places; k++) {
		const struct plan_place *place = &plan->places.v[node->first_place + k];

		add_place(p, place->offset, id | (uint64_t)place->args << PB_COOKIE_ARGS,
			  place->semaphore);
	}
}

static int places_alloc(struct uprobe_places *p, size_t room)
{
	p->offsets = calloc(room + 1, sizeof(*p->offsets));
	p->cookies = calloc(room + 1, sizeof(*p->cookies));
	p->semaphores = calloc(room + 1, sizeof(*p->semaphores));
	return p->offsets && p->cookies && p->semaphores ? 0 : -ENOMEM;
}

/* The places of one kind of some nodes, all of one object. */
static int make_places(const struct plan *plan, const uint32_t *nodes, uint32_t n, enum part part,
		       struct uprobe_places *p)
{
	size_t room = 0;
	int err;

	for (uint32_t i = 0; i < n; i++)
		room += 1 + plan->nodes.v[nodes[i]].sites + plan->nodes.v[nodes[i]].places;
	err = places_alloc(p, room);
	for (uint32_t i = 0; i < n && !err; i++)
		add_places(plan, nodes[i], part, p);
	return err;
}

/* One link, if there is anything to link; its descriptor is added to the others. */
static int attach_part(struct uprobes *u, const struct plan *plan, const char *path,
		       const uint32_t *nodes, uint32_t n, enum part part)
{
	struct uprobe_places p = { .path = path };
	int err = make_places(plan, nodes, n, part, &p);

	if (!err && p.n)
		err =
		    uprobe_links_add_multi(u->into, part_program(u, part), &p, part == PART_RETURN);
	places_done(&p);
	return err;
}

/*
 * Attaches some functions of one object; when the kernel refuses, halves them until what it
 * refuses is alone. Returns go first, so that no entry is seen whose return is not.
 */
static int attach_multi(struct uprobes *u, struct plan *plan, const char *path,
			const uint32_t *nodes, uint32_t n)
{
	size_t before = u->into->fds.n;
	char why[128];
	int err = 0;

	for (enum part part = 0; part < PARTS && !err; part++)
		err = attach_part(u, plan, path, nodes, n, part);
	if (!err) {
		for (uint32_t i = 0; i < n; i++)
			plan->nodes.v[nodes[i]].attached = true;
		return 0;
	}
	uprobe_links_close_from(u->into, before);
	if (err == -EPERM || err == -ENOMEM || err == -EMFILE || err == -EINTR)
		return err;
	if (n == 1) {
		if (err == -ENOEXEC)
			snprintf(why, sizeof(why), "it is in Go, which came after the trace began");
		else
			snprintf(why, sizeof(why), "the kernel refuses a probe there: %s",
				 -err == ENOTSUPP ? "instruction not supported" : strerror(-err));
		skip(plan, nodes[0], why);
		return 0;
	}
	err = attach_multi(u, plan, path, nodes, n / 2);
	return err ? err : attach_multi(u, plan, path, nodes + n / 2, n - n / 2);
}

/* A node that needs nothing but two probes at one place. */
static const char *perf_objection(const struct uprobes *u, const struct plan_node *node)
{
	if (u->attached.links.n >= 2UL * UPROBES_PERF_MAX)
		return "more than 64 probes: this kernel (before 6.6) takes 0.1 s to remove each";
	if (node->how != PLAN_RETURN_PROBE)
		return "probes on return instructions and static probes need Linux 6.6";
	return NULL;
}

static int attach_perf(struct uprobes *u, struct plan *plan, const char *path,
		       const uint32_t *nodes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct plan_node *node = &plan->nodes.v[nodes[i]];
		uint64_t place = node->offset + node->entry.skip;
		const char *objection = perf_objection(u, node);
		struct bpf_link *leave, *enter;

		if (objection) {
			skip(plan, nodes[i], objection);
			continue;
		}
		leave = uprobe_link_perf(u->progs.leave, path, place, nodes[i], true);
		enter = leave ? uprobe_link_perf(u->progs.enter, path, place,
						 entry_cookie(node, nodes[i]), false)
			      : NULL;
		if (!enter) {
			skip(plan, nodes[i], "the kernel refuses a probe there");
			bpf_link__destroy(leave);
			continue;
		}
		if (vec_push(&u->attached.links, leave) || vec_push(&u->attached.links, enter))
			return -ENOMEM;
		plan->nodes.v[nodes[i]].attached = true;
	}
	return 0;
}

/*
 * A runtime's functions of one kind in one object. Those that cannot be probed are done without,
 * and told.
 */
static int attach_hooks(struct uprobes *u, struct plan *plan, uint32_t object, enum hook_kind kind,
			const char *path)
{
	struct uprobe_places p = { .path = path };
	int err = places_alloc(&p, plan->hooks.n), failed = 0;

	vec_foreach (h, &plan->hooks) {
		if (err || h->object != object || h->kind != kind || h->attached)
			continue;
		add_place(&p, h->offset, 0, 0);
		h->attached = true;
	}
	if (p.n && u->multi)
		failed = uprobe_links_add_multi(&u->attached, u->progs.hooks[kind], &p, false);
	for (uint32_t i = 0; i < p.n && !u->multi && !failed; i++)
		failed = uprobe_links_add_perf(&u->attached, u->progs.hooks[kind], path,
					       p.offsets[i], 0);
	vec_foreach (h, &plan->hooks) {
		if (h->object == object && h->kind == kind)
			h->refused |= failed != 0;
	}
	places_done(&p);
	return err;
}

/* Static probes on nops of five bytes stand in the midst of functions, which may use the red zone.
 */
static void refuse_unsafe_nops(struct uprobes *u, struct plan *plan)
{
	for (uint32_t i = 0; i < plan->nodes.n; i++) {
		const struct plan_node *node = &plan->nodes.v[i];

		if (node->how != PLAN_POINT || node->entry.class != SITE_NOP5 || node->attached ||
		    node->refused)
			continue;
		if (u->redzone == REDZONE_UNKNOWN)
			u->redzone = redzone_survives(u->progs.point) ? REDZONE_SAFE : REDZONE_HIT;
		if (u->redzone == REDZONE_HIT)
			skip(
			    plan, i,
			    "a nop of five bytes: a probe on it would damage the function's memory "
			    "below the stack pointer on this kernel (6.18 to 7.1)");
	}
}

static struct uprobe_links *plugin_links(struct uprobes *u, uint32_t object)
{
	struct plugin_links *l;

	vec_foreach (known, &u->plugins) {
		if ((*known)->object == object)
			return &(*known)->links;
	}
	l = calloc(1, sizeof(*l));
	if (!l || vec_push(&u->plugins, l)) {
		free(l);
		return NULL;
	}
	l->object = object;
	return &l->links;
}

/* What is to be attached of an object: a plugin's entries, or the others. How many. */
static uint32_t list_nodes(const struct plan *plan, uint32_t object, bool plugin, uint32_t *nodes)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < plan->nodes.n; i++) {
		const struct plan_node *node = &plan->nodes.v[i];

		if (node->object == object && !node->plugin == !plugin && !node->attached &&
		    !node->refused && !node->detached && !node->costly && !node->removed)
			nodes[n++] = i;
	}
	return n;
}

static int attach_nodes(struct uprobes *u, struct plan *plan, const char *path,
			const uint32_t *nodes, uint32_t n)
{
	if (!n)
		return 0;
	return u->multi ? attach_multi(u, plan, path, nodes, n)
			: attach_perf(u, plan, path, nodes, n);
}

static int attach_plugin(struct uprobes *u, struct plan *plan, uint32_t object, const char *path,
			 uint32_t *nodes)
{
	uint32_t n = list_nodes(plan, object, true, nodes);
	int err;

	if (!n)
		return 0;
	u->into = plugin_links(u, object);
	err = u->into ? attach_nodes(u, plan, path, nodes, n) : -ENOMEM;
	u->into = &u->attached;
	return err;
}

int uprobes_attach_plugin(struct uprobes *u, struct plan *plan, const struct object_files *objects,
			  uint32_t object)
{
	_cleanup_free_ uint32_t *nodes = calloc(plan->nodes.n + 1, sizeof(*nodes));

	return nodes ? attach_plugin(u, plan, object, objects->files.v[object]->via, nodes)
		     : -ENOMEM;
}

static int attach_object(struct uprobes *u, struct plan *plan, uint32_t object, const char *path,
			 uint32_t *nodes)
{
	uint32_t n = list_nodes(plan, object, false, nodes);
	int err = attach_nodes(u, plan, path, nodes, n);

	return err ? err : attach_plugin(u, plan, object, path, nodes);
}

int uprobes_attach(struct uprobes *u, struct plan *plan, struct object_files *objects)
{
	_cleanup_free_ uint32_t *nodes = calloc(plan->nodes.n + 1, sizeof(*nodes));
	int err = nodes ? 0 : -ENOMEM;

	refuse_unsafe_nops(u, plan);
	for (uint32_t object = 0; object < objects->files.n && !err; object++) {
		const char *path = objects->files.v[object]->via;

		for (enum hook_kind kind = 0; kind < HOOKS && !err && plan->nodes.n; kind++)
			err = attach_hooks(u, plan, object, kind, path);
		err = err ? err : attach_object(u, plan, object, path, nodes);
	}
	return err;
}

static void *close_all(void *arg)
{
	struct uprobe_links *l = arg;

	uprobe_links_close(l);
	free(l);
	return NULL;
}

void uprobes_detach_plugin(struct uprobes *u, struct plan *plan, uint32_t object)
{
	struct uprobe_links *l = u ? plugin_links(u, object) : NULL, *closing = NULL;
	pthread_t thread;

	if (!l)
		return;
	vec_foreach (node, &plan->nodes) {
		if (node->object != object || !node->plugin || !node->attached)
			continue;
		node->attached = false;
		node->detached = true;
		node->later = !node->later;
	}
	closing = malloc(sizeof(*closing));
	if (!closing) {
		uprobe_links_close(l);
		return;
	}
	*closing = *l;
	*l = (struct uprobe_links){};
	if (pthread_create(&thread, NULL, close_all, closing))
		close_all(closing);
	else
		pthread_detach(thread);
}

/* Entries before returns, and so in reverse: calls that were seen to begin may still end. */
void uprobes_detach(struct uprobes *u)
{
	if (!u)
		return;
	uprobe_links_close(&u->attached);
	vec_foreach (l, &u->plugins) {
		uprobe_links_close(&(*l)->links);
		free(*l);
	}
	vec_done(&u->plugins);
}

void uprobes_free(struct uprobes *u)
{
	if (!u)
		return;
	uprobes_detach(u);
	free(u);
}
