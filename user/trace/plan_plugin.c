/* SPDX-License-Identifier: GPL-2.0-only */
/* The entry points of a plugin become nodes of the plan. */
#include "trace/plan_plugin.h"

#include <errno.h>
#include <stdio.h>

#include "lib/cleanup.h"
#include "trace/entrypoints.h"
#include "trace/plan_node.h"

static int refuse(char *why, size_t why_size, const char *text)
{
	snprintf(why, why_size, "%s", text);
	return -ENOTSUP;
}

static int plan_all(struct plan_object *o, char *why, size_t why_size)
{
	size_t first = o->plan->nodes.n;
	address_vec entries = {};
	int err = (o->traits->is_go ? entrypoints_find_go : entrypoints_find)(o->fd, o->symbols,
									      &entries);

	if (err == -ENOEXEC)
		return refuse(why, why_size, "it cannot be read");
	if (!err && entries.n > PLAN_ENTRIES_MAX) {
		snprintf(why, why_size, "it has %zu entry points: --plugin and -t choose",
			 entries.n);
		err = -ENOTSUP;
	}
	for (size_t i = 0; i < entries.n && !err; i++)
		err = plan_address(o, entries.v[i]);
	vec_done(&entries);
	err = err ? err : plan_check_entries(o, first);
	if (!err && !o->added)
		err = refuse(why, why_size,
			     o->refused ? "none of its functions can be probed"
					: "it has no entry points");
	return err ? err : o->added;
}

int plan_plugin(struct plan *p, struct object_files *objects, uint32_t object, uint32_t plugin,
		uint64_t text_addr, uint64_t text_size, struct plan_entries *ret)
{
	char *why = ret->why;
	size_t why_size = sizeof(ret->why);
	_cleanup_(plan_object_done) struct plan_object o = { .plan = p,
							     .object = object,
							     .plugin = plugin + 1,
							     .text_addr = text_addr,
							     .text_size = text_size };
	int err = plan_hazards(p, objects);

	if (err)
		return err;
	o.symbols = object_symbols(objects, object);
	if (!o.symbols)
		return refuse(why, why_size, "its symbols cannot be read");
	o.path = objects->files.v[object]->path;
	o.traits = symbols_traits(o.symbols);
	o.fd = objects->files.v[object]->fd;
	if (p->hazard.kind == HAZARD_STACKS) {
		snprintf(why, why_size, "%s: its returns cannot be followed", p->hazard.text);
		return -ENOTSUP;
	}
	err = plan_all(&o, why, why_size);
	ret->refused = o.refused;
	ret->adopted = o.adopted;
	if (err > 0 && o.refused)
		snprintf(ret->why, sizeof(ret->why), "%s", o.refused_why);
	return err;
}
