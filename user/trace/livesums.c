/* SPDX-License-Identifier: GPL-2.0-only */
/* What the traced threads would add to the totals. */
#include "trace/livesums.h"

#include <errno.h>
#include <linux/types.h>
#include <string.h>

#include "pathbpf.skel.h"
#include "trace/mapread.h"

void live_sums_done(struct live_sums *l)
{
	vec_done(&l->targets);
	vec_done(&l->offcpu);
	vec_done(&l->paths);
	table_done(&l->target_index);
	table_done(&l->offcpu_index);
	table_done(&l->path_index);
}

static int add_target(struct live_sums *l, uint32_t pid, const struct pb_target_stats *from)
{
	uint32_t i = table_find(&l->target_index, &pid, sizeof(pid));
	struct pb_target_stats *to;

	if (i == TABLE_NONE) {
		i = (uint32_t)l->targets.n;
		if (vec_push(&l->targets, (struct live_target){ .pid = pid }) ||
		    table_add(&l->target_index, &pid, sizeof(pid), i))
			return -ENOMEM;
	}
	to = &l->targets.v[i].stats;
	to->cpu_ns += from->cpu_ns;
	to->runq_ns += from->runq_ns;
	to->wall_ns += from->wall_ns;
	to->blocked_ns += from->blocked_ns;
	to->preempted_ns += from->preempted_ns;
	to->left_out_ns += from->left_out_ns;
	to->switches += from->switches;
	to->stacks_taken += from->stacks_taken;
	to->threads += from->threads;
	return 0;
}

static int add_offcpu(struct live_sums *l, const struct pb_offcpu_key *key,
		      const struct pb_offcpu_value *from)
{
	uint32_t i = table_find(&l->offcpu_index, key, sizeof(*key));
	struct pb_offcpu_value *to;

	if (!from->count)
		return 0;
	if (i == TABLE_NONE) {
		i = (uint32_t)l->offcpu.n;
		if (vec_push(&l->offcpu, (struct live_offcpu){ .key = *key }) ||
		    table_add(&l->offcpu_index, key, sizeof(*key), i))
			return -ENOMEM;
	}
	to = &l->offcpu.v[i].value;
	to->count += from->count;
	to->total_ns += from->total_ns;
	to->exact_ns += from->exact_ns;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
	return 0;
}

static int add_path(struct live_sums *l, uint32_t path, bool unseen)
{
	uint32_t i = table_find(&l->path_index, &path, sizeof(path));

	if (i == TABLE_NONE) {
		i = (uint32_t)l->paths.n;
		if (vec_push(&l->paths, (struct live_path){ .path = path }) ||
		    table_add(&l->path_index, &path, sizeof(path), i))
			return -ENOMEM;
	}
	if (unseen)
		l->paths.v[i].untimed++;
	else
		l->paths.v[i].open++;
	return 0;
}

int live_sums_add(struct live_sums *l, const void *data, size_t size)
{
	const unsigned char *at = data, *end = at + size;
	struct pb_live_span span;
	struct pb_live live;
	int err = 0;

	while (!err && at < end) {
		if ((size_t)(end - at) < sizeof(live))
			return -EPROTO;
		memcpy(&live, at, sizeof(live));
		at += sizeof(live);
		if (live.spans > (size_t)(end - at) / sizeof(span))
			return -EPROTO;
		err = add_target(l, live.pid, &live.stats);
		err = err ? err : add_offcpu(l, &live.off, &live.off_value);
		for (uint32_t i = 0; i < live.spans && !err; i++) {
			memcpy(&span, at, sizeof(span));
			at += sizeof(span);
			err = add_path(l, span.path, span.unseen);
		}
	}
	return err;
}

struct goroutines {
	struct live_sums *sums;
	struct pb_goroutine_layout layout;
	size_t value_size;
};

static int add_goroutine(const void *key, void *value, void *arg)
{
	const struct goroutines *g = arg;
	const unsigned char *bytes = value;
	uint32_t depth, path;
	int err = 0;

	(void)key;
	memcpy(&depth, bytes + g->layout.depth, sizeof(depth));
	for (uint32_t i = 0; i < depth && i < PB_GO_DEPTH && !err; i++) {
		size_t at = g->layout.room + (size_t)i * g->layout.span_size + g->layout.path;

		if (at + sizeof(path) > g->value_size)
			return 0;
		memcpy(&path, bytes + at, sizeof(path));
		err = add_path(g->sums, path, false);
	}
	return err;
}

static int add_ended_target(const void *key, void *value, void *arg)
{
	struct pb_target_stats stats;
	uint32_t pid;

	memcpy(&pid, key, sizeof(pid));
	memcpy(&stats, value, sizeof(stats));
	return add_target(arg, pid, &stats);
}

static int add_ended_offcpu(const void *key, void *value, void *arg)
{
	struct pb_offcpu_value v;
	struct pb_offcpu_key k;

	memcpy(&k, key, sizeof(k));
	memcpy(&v, value, sizeof(v));
	return add_offcpu(arg, &k, &v);
}

int live_sums_read(struct live_sums *l, const struct pathbpf *skel)
{
	struct goroutines g = { .sums = l,
				.value_size = bpf_map__value_size(skel->maps.goroutines) };
	int err = map_each(skel->maps.target_stats, add_ended_target, l);

	memcpy(&g.layout, (const void *)&skel->rodata->goroutine_layout, sizeof(g.layout));
	err = err ? err : map_each(skel->maps.offcpu, add_ended_offcpu, l);
	return err ? err : map_each(skel->maps.goroutines, add_goroutine, &g);
}
