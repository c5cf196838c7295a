/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions that nobody named become nodes of the plan. */
#include "trace/plan_auto.h"

#include <errno.h>

#include "trace/plan_node.h"

#define OUTER_VALUE 1000

/* Without its beginning a path is of no use. */
static double value_of(const struct auto_function *f)
{
	return (double)(f->total_ns - f->idle_ns) * (f->inner ? 1 : OUTER_VALUE);
}

/* What is chosen once more: the stacks may tell better what calls it. */
static bool update_known(struct plan *p, const struct plan_object *o, const struct auto_function *f)
{
	uint64_t key[2] = { f->object, symbols_offset_of(o->symbols, f->addr) };
	uint32_t node = table_find(&p->node_index, key, sizeof(key));

	if (node != TABLE_NONE && p->nodes.v[node].automatic)
		p->nodes.v[node].inner = f->inner;
	return node != TABLE_NONE;
}

static int plan_one(struct plan *p, struct object_files *objects, const struct auto_function *f)
{
	_cleanup_(plan_object_done) struct plan_object o = { .plan = p,
							     .object = f->object,
							     .inner = f->inner,
							     .value = value_of(f),
							     .automatic = true };
	size_t first = p->nodes.n;
	int err;

	o.symbols = object_symbols(objects, f->object);
	if (!o.symbols)
		return 0;
	if (update_known(p, &o, f))
		return 0;
	o.path = objects->files.v[f->object]->path;
	o.traits = symbols_traits(o.symbols);
	o.fd = objects->files.v[f->object]->fd;
	err = plan_address(&o, f->addr);
	err = err ? err : plan_check_entries(&o, first);
	return err ? err : o.added;
}

int plan_auto(struct plan *p, struct object_files *objects, const auto_function_vec *functions)
{
	int added = 0;

	vec_foreach (f, functions) {
		int n = plan_one(p, objects, f);

		if (n < 0)
			return n;
		added += n;
	}
	return added;
}
