/* SPDX-License-Identifier: GPL-2.0-only */
/* Merges the report's stacks into one tree. */
#include "view/flame.h"

#include <inttypes.h>
#include <string.h>

/* How many process names a title lists. */
#define TITLE_NAMES 3

/* Names are interned by the report, so that their pointers tell them apart. */
struct site_key {
	const char *name, *file; /* file: interpreted code has no object to tell it apart */
	uint64_t offset;         /* of unnamed code in a known object */
	uint32_t kind, object;
};

struct node_key {
	uint32_t parent, site;
};

void flame_done(struct flame *f)
{
	vec_done(&f->nodes);
	table_done(&f->index);
}

void flame_sites_done(struct flame_sites *s)
{
	vec_done(&s->v);
	table_done(&s->index);
	free(s->of_frame);
	*s = (struct flame_sites){};
}

uint64_t flame_total(const struct flame_node *n)
{
	uint64_t sum = 0;

	for (int i = 0; i < FLAME_COLUMNS; i++)
		sum += n->total[i];
	return sum;
}

/* Finds or enters a site by its key. */
static int site_intern(struct flame_sites *s, const struct site_key *key,
		       const struct flame_site *site, uint32_t *ret)
{
	uint32_t i = table_find(&s->index, key, sizeof(*key));

	if (i == TABLE_NONE) {
		i = (uint32_t)s->v.n;
		if (vec_push(&s->v, *site) || table_add(&s->index, key, sizeof(*key), i))
			return -ENOMEM;
	}
	*ret = i;
	return 0;
}

static int site_of_comm(struct flame_sites *s, const char *comm, uint32_t *ret)
{
	struct site_key key;
	struct flame_site site = { .comm = comm ? comm : "", .frame = REPORT_NONE };

	memset(&key, 0, sizeof(key)); /* padding is part of the key */
	key.name = comm;
	key.kind = UINT32_MAX;
	return site_intern(s, &key, &site, ret);
}

static int site_of_frame(const struct report *r, struct flame_sites *s, uint32_t frame,
			 uint32_t *ret)
{
	const struct frame *f = &r->frames.v[frame];
	struct flame_site site = { .frame = frame, .line_first = f->line, .line_last = f->line };
	bool named = f->name && f->name[0];
	struct flame_site *known;
	struct site_key key;
	int err;

	if (s->of_frame[frame] != FLAME_NONE) {
		*ret = s->of_frame[frame];
		return 0;
	}
	memset(&key, 0, sizeof(key));
	key.name = f->name;
	key.file = f->kind == FRAME_INTERPRETED ? f->file : NULL;
	key.offset = named || f->object == REPORT_NONE ? 0 : f->offset;
	key.kind = f->kind;
	key.object = f->object;
	err = site_intern(s, &key, &site, ret);
	if (err)
		return err;
	known = &s->v.v[*ret];
	if (f->line && (!known->line_first || f->line < known->line_first))
		known->line_first = f->line;
	if (f->line > known->line_last)
		known->line_last = f->line;
	s->of_frame[frame] = *ret;
	return 0;
}

static int sites_prepare(const struct report *r, struct flame_sites *s)
{
	if (s->of_frame)
		return 0;
	s->n_frames = r->frames.n;
	s->of_frame = malloc((s->n_frames + 1) * sizeof(*s->of_frame));
	if (!s->of_frame)
		return -ENOMEM;
	memset(s->of_frame, 0xff, (s->n_frames + 1) * sizeof(*s->of_frame));
	return 0;
}

/* The child of a node at a site, entered when new. */
static int node_child(struct flame *f, uint32_t parent, uint32_t site, uint32_t *ret)
{
	struct node_key key = { parent, site };
	struct flame_node node = {
		.parent = parent, .site = site, .child = FLAME_NONE, .next = FLAME_NONE
	};
	uint32_t i = table_find(&f->index, &key, sizeof(key));

	if (i == TABLE_NONE) {
		i = (uint32_t)f->nodes.n;
		node.depth = f->nodes.v[parent].depth + 1;
		if (node.depth > f->depth)
			f->depth = node.depth;
		if (vec_push(&f->nodes, node) || table_add(&f->index, &key, sizeof(key), i))
			return -ENOMEM;
	}
	*ret = i;
	return 0;
}

static int add_stack(const struct report *r, struct flame_sites *s, struct flame *f,
		     uint32_t target, uint32_t stack, int column, uint64_t value)
{
	const struct stack *st = &r->stacks.v[stack];
	uint32_t node, site;
	int err;

	err = site_of_comm(s, r->targets.v[target].comm, &site);
	if (err)
		return err;
	err = node_child(f, 0, site, &node);
	for (uint32_t i = 0; !err && i < st->n; i++) {
		err = site_of_frame(r, s, st->frames[i], &site);
		if (!err)
			err = node_child(f, node, site, &node);
	}
	if (!err)
		f->nodes.v[node].self[column] += value;
	return err;
}

static int add_all(const struct report *r, enum flame_kind kind, struct flame_sites *s,
		   struct flame *f)
{
	int err = 0;

	if (kind == FLAME_CPU) {
		vec_foreach (c, &r->cpu_samples)
			err = err ?: add_stack(r, s, f, c->target, c->stack, 0, c->count);
	} else {
		vec_foreach (o, &r->offcpu_samples)
			err = err ?: add_stack(r, s, f, o->target, o->stack, o->why, o->total_ns);
	}
	return err;
}

struct order {
	const char *name;
	uint64_t total;
	uint32_t node, parent;
};

/* Siblings together; widest first, then by name, then as they came: the same report, one picture.
 */
static int compare_order(const void *x, const void *y)
{
	const struct order *a = x, *b = y;
	int by_name;

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	by_name = strcmp(a->name, b->name);
	if (by_name)
		return by_name;
	return a->node < b->node ? -1 : a->node > b->node;
}

static const char *sort_name(const struct report *r, const struct flame_site *s)
{
	const char *name = s->comm ? s->comm : r->frames.v[s->frame].name;

	return name ? name : "";
}

static int link_children(const struct report *r, const struct flame_sites *s, struct flame *f)
{
	struct order *order = calloc(f->nodes.n, sizeof(*order));
	size_t n = f->nodes.n - 1;

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct flame_node *node = &f->nodes.v[i + 1];

		order[i] = (struct order){ sort_name(r, &s->v.v[node->site]), flame_total(node),
					   i + 1, node->parent };
	}
	qsort(order, n, sizeof(*order), compare_order);
	/* Backwards, so that each child is put before the ones that follow it. */
	for (size_t i = n; i-- > 0;) {
		struct flame_node *node = &f->nodes.v[order[i].node];

		node->next = f->nodes.v[node->parent].child;
		f->nodes.v[node->parent].child = order[i].node;
	}
	free(order);
	return 0;
}

static void add_up(struct flame *f)
{
	for (size_t i = f->nodes.n; i-- > 0;) {
		struct flame_node *node = &f->nodes.v[i];

		for (int c = 0; c < FLAME_COLUMNS; c++) {
			node->total[c] += node->self[c];
			if (i)
				f->nodes.v[node->parent].total[c] += node->total[c];
		}
	}
}

int flame_build(const struct report *r, enum flame_kind kind, struct flame_sites *sites,
		struct flame *ret)
{
	const struct flame_node root = {
		.parent = FLAME_NONE, .site = FLAME_NONE, .child = FLAME_NONE, .next = FLAME_NONE
	};
	struct flame f = {};
	int err;

	err = sites_prepare(r, sites);
	err = err ?: vec_push(&f.nodes, root);
	err = err ?: add_all(r, kind, sites, &f);
	if (!err) {
		add_up(&f);
		err = link_children(r, sites, &f);
	}
	if (err) {
		flame_done(&f);
		return err;
	}
	*ret = f;
	return 0;
}

void flame_label(struct buf *b, const struct report *r, const struct flame_site *s)
{
	const struct frame *f = s->comm ? NULL : &r->frames.v[s->frame];
	const char *name = f ? f->name : s->comm;
	const char *object = f && f->object < r->objects.n ? r->objects.v[f->object].name : NULL;

	if (name && name[0]) {
		text_clean(b, name);
	} else if (f && f->kind == FRAME_TRUNCATED) {
		buf_add_str(b, "[truncated]");
	} else if (!object || !object[0]) {
		buf_add_str(b, "[unknown]");
	} else {
		size_t len = strlen(object);
		bool bracketed = len > 2 && object[0] == '[' && object[len - 1] == ']';

		buf_add_str(b, bracketed ? "" : "[");
		text_clean(b, object);
		if (bracketed && b->len && !b->err)
			b->data[--b->len] = '\0'; /* "[kernel]" gives "[kernel+0x…]" */
		buf_printf(b, "+0x%" PRIx64 "]", f->offset);
	}
}

void flame_title(struct buf *b, const struct report *r)
{
	uint32_t names = 0, left = 0;

	for (size_t i = 0; i < r->targets.n; i++) {
		const struct target *t = &r->targets.v[i];
		uint32_t same = 0;
		size_t j = 0;

		while (j < i && strcmp(r->targets.v[j].comm, t->comm))
			j++;
		if (j < i)
			continue; /* named before */
		for (; j < r->targets.n; j++)
			same += !strcmp(r->targets.v[j].comm, t->comm);
		if (names == TITLE_NAMES) {
			left += same;
			continue;
		}
		buf_add_str(b, names++ ? ", " : "");
		text_clean(b, t->comm);
		if (same == 1)
			buf_printf(b, " (%" PRIu32 ")", t->pid);
		else
			buf_printf(b, " (%" PRIu32 " processes)", same);
	}
	if (left)
		buf_printf(b, " and %" PRIu32 " more", left);
	if (!names)
		buf_add_str(b, "no process");
}
