/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes that come and go together. */
#include "trace/uprobe_group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

int uprobe_places_alloc(struct uprobe_places *p, size_t room)
{
	p->offsets = calloc(room + 1, sizeof(*p->offsets));
	p->cookies = calloc(room + 1, sizeof(*p->cookies));
	p->semaphores = calloc(room + 1, sizeof(*p->semaphores));
	return p->offsets && p->cookies && p->semaphores ? 0 : -ENOMEM;
}

void uprobe_places_add(struct uprobe_places *p, uint64_t offset, uint64_t cookie,
		       uint64_t semaphore)
{
	p->offsets[p->n] = offset;
	p->cookies[p->n] = cookie;
	p->semaphores[p->n++] = semaphore;
}

void uprobe_places_done(struct uprobe_places *p)
{
	free(p->offsets);
	free(p->cookies);
	free(p->semaphores);
}

struct uprobe_group *uprobe_group_new(const char *path, uint32_t object, uint32_t n)
{
	_cleanup_(uprobe_group_freep) struct uprobe_group *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->object = object;
	g->path = strdup(path);
	g->nodes = calloc(n + 1, sizeof(*g->nodes));
	return g->path && g->nodes ? TAKE_PTR(g) : NULL;
}

void uprobe_group_free(struct uprobe_group *g)
{
	if (!g)
		return;
	uprobe_links_close(&g->links);
	for (enum uprobe_part part = 0; part < PARTS; part++)
		uprobe_places_done(&g->parts[part]);
	free(g->nodes);
	free(g->path);
	free(g);
}

/* Without uprobe_multi a place is a perf event. */
static int open_perf(struct uprobe_group *g, struct bpf_program *prog,
		     const struct uprobe_places *p, bool at_return)
{
	int err = 0;

	for (uint32_t i = 0; i < p->n && !err; i++)
		err = uprobe_links_add_perf(&g->links, prog, g->path, p->offsets[i], p->cookies[i],
					    at_return);
	return err;
}

int uprobe_group_open(struct uprobe_group *g, struct bpf_program *const progs[PARTS])
{
	int err = 0;

	for (enum uprobe_part part = 0; part < PARTS && !err; part++) {
		struct uprobe_places *p = &g->parts[part];
		bool at_return = part == PART_RETURN;

		if (!p->n)
			continue;
		p->path = g->path;
		err = uprobe_is_multi(progs[part])
			  ? uprobe_links_add_multi(&g->links, progs[part], p, at_return)
			  : open_perf(g, progs[part], p, at_return);
	}
	if (err) {
		uprobe_links_close(&g->links);
		return err;
	}
	g->state = GROUP_OPEN;
	return 0;
}

bool uprobe_group_has(const struct uprobe_group *g, uint32_t node)
{
	for (uint32_t i = 0; i < g->nodes_n; i++) {
		if (g->nodes[i] == node)
			return true;
	}
	return false;
}
