/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the functions of a plan are probed, and what the probes have as their cookies. */
#include "trace/uprobe_places.h"

#include <errno.h>
#include <linux/types.h>
#include <string.h>

#include "bpf/wire.h"
#include "trace/plan.h"
#include "trace/trapcost.h"

/* What the cookies of all places of a node have. */
static uint64_t node_cookie(const struct plan *plan, const struct plan_node *node, uint32_t id)
{
	return id | (node->later ? PB_COOKIE_LATER : 0) |
	       (uint64_t)trap_class(plan, node) << PB_COOKIE_CLASS;
}

static uint64_t entry_cookie(const struct plan *plan, const struct plan_node *node, uint32_t id)
{
	return node_cookie(plan, node, id) |
	       (node->how == PLAN_RETURN_SITES ? PB_COOKIE_SITES : 0) |
	       (node->restarts ? PB_COOKIE_RESTARTS : 0) | (node->windowed ? PB_COOKIE_WINDOW : 0) |
	       (uint64_t)node->entry.sp_moved << PB_COOKIE_MOVED;
}

static enum uprobe_part entry_part(const struct plan_node *node, bool sessions)
{
	return node->how == PLAN_GOROUTINE                  ? PART_GO_ENTRY
	       : node->plugin                               ? PART_PLUGIN_ENTRY
	       : sessions && node->how == PLAN_RETURN_PROBE ? PART_SESSION
							    : PART_ENTRY;
}

static enum uprobe_part sites_part(const struct plan_node *node)
{
	return node->how == PLAN_GOROUTINE ? PART_GO_SITES
	       : node->plugin              ? PART_PLUGIN_SITES
					   : PART_SITES;
}

/* The places of one kind of one node. */
static void add_places(const struct plan *plan, uint32_t id, bool sessions, enum uprobe_part part,
		       struct uprobe_places *p)
{
	const struct plan_node *node = &plan->nodes.v[id];
	bool point = node->how == PLAN_POINT;

	if (part == entry_part(node, sessions) && !point)
		uprobe_places_add(p, node->offset + node->entry.skip, entry_cookie(plan, node, id),
				  0);
	if (part == PART_RETURN && node->how == PLAN_RETURN_PROBE && !sessions)
		uprobe_places_add(p, node->offset + node->entry.skip, id, 0);
	for (uint32_t k = 0; part == sites_part(node) && k < node->sites; k++) {
		const struct exit_site *site = &plan->sites.v[node->first_site + k];

		uprobe_places_add(p, site->offset,
				  node_cookie(plan, node, id) | PB_COOKIE_SITE |
				      (site->has_value ? 0 : PB_COOKIE_NO_VALUE),
				  0);
	}
	for (uint32_t k = 0; part == PART_POINT && point && k < node->places; k++) {
		const struct plan_place *place = &plan->places.v[node->first_place + k];

		uprobe_places_add(p, place->offset,
				  node_cookie(plan, node, id) | (uint64_t)place->args
								    << PB_COOKIE_ARGS,
				  place->semaphore);
	}
}

static int make_places(const struct plan *plan, bool sessions, struct uprobe_group *g)
{
	size_t room = 0;

	for (uint32_t i = 0; i < g->nodes_n; i++)
		room += 1 + plan->nodes.v[g->nodes[i]].sites + plan->nodes.v[g->nodes[i]].places;
	for (enum uprobe_part part = 0; part < PARTS; part++) {
		struct uprobe_places *p = &g->parts[part];

		if (uprobe_places_alloc(p, room))
			return -ENOMEM;
		for (uint32_t i = 0; i < g->nodes_n; i++)
			add_places(plan, g->nodes[i], sessions, part, p);
		if (!p->n)
			uprobe_places_done(p), *p = (struct uprobe_places){};
	}
	return 0;
}

int uprobe_group_make(const struct plan *plan, const char *path, const uint32_t *nodes, uint32_t n,
		      bool sessions, struct uprobe_group **ret)
{
	const struct plan_node *first = &plan->nodes.v[nodes[0]];
	_cleanup_(uprobe_group_freep) struct uprobe_group *g =
	    uprobe_group_new(path, first->object, n);
	int err;

	if (!g)
		return -ENOMEM;
	memcpy(g->nodes, nodes, n * sizeof(*nodes));
	g->nodes_n = n;
	g->plugin = first->plugin != 0;
	g->windowed = first->windowed;
	err = make_places(plan, sessions, g);
	if (!err)
		*ret = TAKE_PTR(g);
	return err;
}
