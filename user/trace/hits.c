/* SPDX-License-Identifier: GPL-2.0-only */
/* How often the entries of nodes were hit. */
#include "trace/hits.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "pathbpf.skel.h"
#include "trace/plan.h"

_Static_assert(PB_NODES_MAX == PLAN_NODES_MAX, "every node has its place");

struct hits {
	uint64_t *all;
	size_t size; /* bytes */
	uint32_t stripes;
};

void hits_size(struct pathbpf *skel)
{
	int cpus = libbpf_num_possible_cpus();
	uint32_t stripes = 1;

	while (stripes < PB_HIT_STRIPES_MAX && (int)stripes < cpus)
		stripes *= 2;
	skel->rodata->hit_stripes = stripes - 1;
	bpf_map__set_max_entries(skel->maps.node_hits, stripes * PB_NODES_MAX);
}

int hits_open(struct pathbpf *skel, struct hits **ret)
{
	_cleanup_(hits_freep) struct hits *h = calloc(1, sizeof(*h));
	void *all;

	if (!h)
		return -ENOMEM;
	h->stripes = skel->rodata->hit_stripes + 1;
	h->size = (size_t)bpf_map__max_entries(skel->maps.node_hits) * sizeof(*h->all);
	all = mmap(NULL, h->size, PROT_READ, MAP_SHARED, bpf_map__fd(skel->maps.node_hits), 0);
	if (all == MAP_FAILED)
		return -errno;
	h->all = all;
	*ret = TAKE_PTR(h);
	return 0;
}

uint64_t hits_of(const struct hits *h, uint32_t node)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; h && node < PB_NODES_MAX && i < h->stripes; i++)
		sum += __atomic_load_n(&h->all[i * PB_NODES_MAX + node], __ATOMIC_RELAXED);
	return sum;
}

void hits_free(struct hits *h)
{
	if (!h)
		return;
	if (h->all)
		munmap(h->all, h->size);
	free(h);
}
