/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Histogram buckets, as user/data/hist.h describes them, and the statistics around them. */
#pragma once

#include "emit.bpf.h"

static __always_inline __u32 log2_u64(__u64 v)
{
	__u32 r = 0, shift;

	shift = (v > 0xffffffff) << 5;
	v >>= shift;
	r |= shift;
	shift = (v > 0xffff) << 4;
	v >>= shift;
	r |= shift;
	shift = (v > 0xff) << 3;
	v >>= shift;
	r |= shift;
	shift = (v > 0xf) << 2;
	v >>= shift;
	r |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	r |= shift;
	return r | (v >> 1);
}

/* Global: what it returns is any number to the verifier, and what follows is looked at once. */
__weak __u32 hist_bucket(__u64 v)
{
	__u32 log;

	if (v < 1 << PB_HIST_SUB_BITS)
		return v;
	if (v >> PB_HIST_MAX_BITS)
		return PB_HIST_BUCKETS - 1;
	log = log2_u64(v);
	return ((log - PB_HIST_SUB_BITS) << PB_HIST_SUB_BITS) +
	       (__u32)(v >> (log - PB_HIST_SUB_BITS));
}

/*
 * Adds to this CPU's own statistics. `shared`: atomically, because a uprobe's program can be
 * preempted by another task's on the same CPU; a tracepoint's cannot.
 */
static __always_inline void stat_add(__u64 *to, __u64 n, bool shared)
{
	if (shared)
		__sync_fetch_and_add(to, n);
	else
		*to += n;
}

/* A finished call's latency. */
static __always_inline void call_stats_time(struct pb_call_stats *s, __u64 duration_ns, bool shared)
{
	__u32 bucket = hist_bucket(duration_ns);

	lower_to(&s->min_ns, duration_ns);
	raise_to(&s->max_ns, duration_ns);
	if (bucket < PB_HIST_BUCKETS)
		stat_add(&s->hist[bucket], 1, shared);
}

/*
 * The entry of a key, made from `init` when it is new; NULL: the table is full. The kernel's
 * allocator keeps few large elements ready and refills in an interrupt: a failure may be over at
 * once.
 */
static __always_inline void *entry_of(void *map, const void *key, const void *init)
{
	void *v = bpf_map_lookup_elem(map, key);

	for (int i = 0; i < 3 && !v; i++) {
		bpf_map_update_elem(map, key, init, BPF_NOEXIST);
		v = bpf_map_lookup_elem(map, key);
	}
	return v;
}

/* Adds one to a counter of a shared hash, entering it when new; false: the table is full. */
static __always_inline bool tally(void *map, const void *key, __u64 n)
{
	__u64 *v = entry_of(map, key, &zero);

	if (!v)
		return false;
	__sync_fetch_and_add(v, n);
	return true;
}
