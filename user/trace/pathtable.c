/* SPDX-License-Identifier: GPL-2.0-only */
/* From BPF's paths to the report's. */
#include "trace/pathtable.h"

#include <errno.h>
#include <linux/types.h>
#include <string.h>

#include "bpf/wire.h"
#include "data/report.h"
#include "trace/mapread.h"

static int add(const void *key, void *value, void *arg)
{
	const struct pb_path_key *k = key;
	struct path_table *t = arg;
	struct raw_path p = { .parent = k->parent, .node = k->node, .index = REPORT_NONE };

	memcpy(&p.id, value, sizeof(p.id));
	if (vec_push(&t->paths, p))
		return -ENOMEM;
	return table_add(&t->index, &p.id, sizeof(p.id), (uint32_t)t->paths.n - 1);
}

int path_table_read(struct path_table *t, struct bpf_map *path_ids)
{
	return map_each(path_ids, add, t);
}

void path_table_done(struct path_table *t)
{
	vec_done(&t->paths);
	table_done(&t->index);
}

uint32_t path_table_get(struct path_table *t, uint32_t id)
{
	uint32_t i = table_find(&t->index, &id, sizeof(id));
	struct path path = { .has_cpu = true, .depth_max = 1 };

	if (!id || i == TABLE_NONE)
		return REPORT_NONE;
	if (t->paths.v[i].index != REPORT_NONE)
		return t->paths.v[i].index;
	path.parent = path_table_get(t, t->paths.v[i].parent);
	path.node = t->paths.v[i].node;
	if (path.node >= t->report->nodes.n || vec_push(&t->report->paths, path))
		return REPORT_NONE;
	t->paths.v[i].index = (uint32_t)t->report->paths.n - 1;
	return t->paths.v[i].index;
}
