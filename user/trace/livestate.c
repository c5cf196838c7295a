/* SPDX-License-Identifier: GPL-2.0-only */
/* What can be said of a trace while it runs. */
#include "trace/livestate.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "pathbpf.skel.h"
#include "trace/collect.h"
#include "trace/governor.h"
#include "trace/mapread.h"
#include "trace/plan.h"
#include "trace/session.h"

#define PATHS_MAX 1024 /* whose statistics are read while it runs */

uint64_t live_lost(const struct session *s, const struct collect *c)
{
	static const uint32_t counters[] = { PB_LOST_SAMPLES,  PB_LOST_EVENTS, PB_LOST_STACKS,
					     PB_LOST_PATHS,    PB_LOST_SPANS,  PB_LOST_THREADS,
					     PB_LOST_TIMELINES };
	uint64_t lost = c->lost_events + c->lost_stacks + c->exemplars.broken;

	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		lost += session_counter(s, counters[i]);
	return lost + session_misses(s, "pb_");
}

uint32_t live_probes(const struct plan *p)
{
	uint32_t n = 0;

	vec_foreach (node, &p->nodes)
		n += node->attached;
	return n;
}

double live_cost_pct(const struct session *s)
{
	struct governor_status status;

	governor_status(session_governor(s), &status);
	return status.cpu_ns ? status.cost_pct : -1;
}

struct path_calls {
	const struct session *session;
	uint64_t *calls;
	size_t nodes;
	struct pb_call_stats *values; /* one a CPU */
	int cpus;
};

static int add_path(const void *key, void *value, void *arg)
{
	const struct pb_path_key *k = key;
	struct path_calls *p = arg;
	const struct pathbpf *skel = session_skeleton(p->session);
	uint32_t id;

	memcpy(&id, value, sizeof(id));
	if (k->node >= p->nodes ||
	    bpf_map_lookup_elem(bpf_map__fd(id < skel->rodata->hot_paths ? skel->maps.path_stats_hot
									 : skel->maps.path_stats),
				&id, p->values))
		return 0;
	for (int cpu = 0; cpu < p->cpus; cpu++) {
		const struct pb_call_stats *s = &p->values[cpu];

		p->calls[k->node] += s->untimed;
		for (uint32_t i = 0; i < PB_HIST_BUCKETS; i++)
			p->calls[k->node] += s->hist[i];
	}
	return 0;
}

bool live_calls(const struct session *s, const struct plan *p,
		uint64_t *calls) /* NOLINT: they are added to, through a struct */
{
	struct path_calls sum = { .session = s,
				  .calls = calls,
				  .nodes = p->nodes.n,
				  .cpus = libbpf_num_possible_cpus() };
	const struct pathbpf *skel = session_skeleton(s);
	int err;

	if (sum.cpus < 1 || skel->bss->last_path > PATHS_MAX)
		return false;
	sum.values = calloc((size_t)sum.cpus, sizeof(*sum.values));
	err = sum.values ? map_each(skel->maps.path_ids, add_path, &sum) : -ENOMEM;
	free(sum.values);
	return !err;
}
