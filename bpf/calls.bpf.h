/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Paths, and what a call that ends adds to its path: times, errors, whether it is an example. */
#pragma once

#include "filter.bpf.h"
#include "hist.bpf.h"
#include "timeline.bpf.h"

#define PATH_LOST 0xffffffffU
#define MAX_ERRNO 4095 /* include/linux/err.h */

/*
 * Global functions are verified once and not for every way that leads to them, which is most of
 * what starting costs. They take numbers, or pointers to one structure.
 */

/*
 * Enters the statistics of a path that has none yet. The kernel's allocator is refilled in an
 * interrupt, for which it pays to wait some microseconds: this is a path's first call. A table that
 * is full stays so.
 */
#define MAKE_TRIES 512
#define ENOMEM     12

static long path_stats_try(__u32 i, const __u32 *path)
{
	return bpf_map_update_elem(&path_stats, path, &no_calls, BPF_NOEXIST) != -ENOMEM;
}

__weak int path_stats_make(__u32 path)
{
	bpf_loop(MAKE_TRIES, path_stats_try, &path, 0);
	return bpf_map_lookup_elem(&path_stats, &path) != NULL;
}

/* path: in map memory, or on the stack. */
static __always_inline struct pb_call_stats *path_stats_of(const __u32 *path)
{
	struct pb_call_stats *s = NULL;

	if (*path < hot_paths)
		return bpf_map_lookup_elem(&path_stats_hot, path);
	if (*path != PATH_LOST) {
		s = bpf_map_lookup_elem(&path_stats, path);
		if (!s && path_stats_make(*path))
			s = bpf_map_lookup_elem(&path_stats, path);
	}
	if (!s)
		count(PB_LOST_PATHS);
	return s;
}

static __subprog __u32 path_enter(struct spans *s, __u32 parent, __u32 node)
{
	__u32 *known;

	if (parent == PATH_LOST)
		return PATH_LOST;
	s->path_key.parent = parent;
	s->path_key.node = node;
	known = bpf_map_lookup_elem(&path_ids, &s->path_key);
	if (known)
		return *known;
	s->new_path = __sync_fetch_and_add(&last_path, 1) + 1;
	if (!bpf_map_update_elem(&path_ids, &s->path_key, &s->new_path, BPF_NOEXIST))
		return s->new_path;
	known = bpf_map_lookup_elem(&path_ids, &s->path_key); /* another CPU was first */
	return known ? *known : PATH_LOST;
}

/* The path that leads from `parent` to `node`; PATH_LOST when the table is full. */
static __always_inline __u32 path_intern(struct spans *s, __u32 parent, __u32 node)
{
	struct path_cache *c = &s->cache[(node ^ parent * 5) & (PATH_CACHE - 1)];

	if (c->node == node && c->parent == parent && c->path)
		return c->path;
	c->path = path_enter(s, parent, node);
	c->parent = parent;
	c->node = node;
	return c->path;
}

__weak int path_error_add(__u32 path, __u32 kind, __s64 value)
{
	struct pb_path_error_key key = { .value = value, .path = path, .kind = kind };

	if (!tally(&path_errors, &key, 1))
		count(PB_LOST_PATHS);
	return 0;
}

/* An error of a path; also leaves its mark in the recorded trace. */
static __always_inline void path_error(struct spans *s, const struct span *f, __u32 kind,
				       __s64 value)
{
	struct pb_timeline *r = f->slice ? timeline_of(s) : NULL;

	path_error_add(f->path, kind, value);
	s->failed = (__u8)kind;
	s->failed_value = value;
	if (r) {
		struct pb_slice *slice = &r->slices[(f->slice - 1) & (PB_SLICES_MAX - 1)];

		slice->error = (__u8)kind;
		slice->value = value;
	}
}

/* A failed call: an exemplar, unless there were several of late. */
static __always_inline void call_failed(struct spans *s, const struct span *f,
					struct pb_call_stats *stats)
{
	__u32 window = (__u32)(s->now_ns >> PB_WINDOW_SHIFT);

	__sync_fetch_and_add(&stats->errors, 1);
	if (!s->timeline)
		return;
	if (stats->slow_window != window) {
		stats->slow_window = window;
		stats->slow_ns = 0;
		stats->failures = 0;
	}
	if (stats->failures >= PB_WINDOW_FAILURES)
		return;
	stats->failures++;
	if (!(s->why & (PB_WHY_SLOW | PB_WHY_FAILED)))
		s->why_path = f->path;
	s->why |= PB_WHY_FAILED;
}

/* The slowest call of its path in this window is an exemplar. */
static __always_inline void call_slow(struct spans *s, const struct span *f,
				      struct pb_call_stats *stats, __u64 duration_ns)
{
	__u32 window = (__u32)(s->now_ns >> PB_WINDOW_SHIFT);

	if (stats->slow_window != window) {
		stats->slow_window = window;
		stats->failures = 0;
	} else if (duration_ns <= stats->slow_ns) {
		return;
	}
	stats->slow_ns = duration_ns;
	s->why_path = f->path;
	s->why |= PB_WHY_SLOW;
}

static __always_inline bool is_error(const struct pb_node *n, __s64 value)
{
	switch (n->pred) {
	case PB_PRED_LT:
		return value < n->value;
	case PB_PRED_EQ:
		return value == n->value;
	case PB_PRED_NE:
		return value != n->value;
	case PB_PRED_ERR_PTR:
		return value >= -MAX_ERRNO && value <= 0;
	default:
		return false;
	}
}

/* A call has returned a value that is an error. */
static __subprog int value_failed(struct spans *s, const struct span *f,
				  struct pb_call_stats *stats, const struct pb_node *n, __s64 value)
{
	call_failed(s, f, stats);
	if (n->kind == PB_ERROR_ERRNO)
		path_error(s, f,
			   value < 0 && value >= -MAX_ERRNO ? PB_ERROR_ERRNO : PB_ERROR_RETURN,
			   value < 0 && value >= -MAX_ERRNO ? -value : value);
	else
		path_error(s, f, n->kind, value);
	return 0;
}

static __always_inline void check_value(struct spans *s, const struct span *f,
					struct pb_call_stats *stats, __s64 value)
{
	__u32 node = f->node;
	struct pb_node *n = bpf_map_lookup_elem(&nodes, &node);

	if (!n || !n->pred)
		return;
	if (n->width == 4)
		value = (__s32)value;
	if (is_error(n, value))
		value_failed(s, f, stats, n, value);
}

/* Adds the call that ends to its path's statistics. */
__weak int span_account(struct spans *s, struct span *f, struct pb_call_stats *stats)
{
	__u64 duration_ns;

	if (!s || !f || !stats)
		return 0;
	duration_ns = s->now_ns - f->start_ns;
	if (f->child_ns)
		__sync_fetch_and_add(&stats->child_ns, f->child_ns);
	if (f->folded) {
		/* A repeated call's time is part of its caller's, which is the same path. */
		__sync_fetch_and_add(&stats->folded_ns, duration_ns);
		raise_to(&stats->depth_max, f->folded + 1);
	} else {
		__sync_fetch_and_add(&stats->total_ns, duration_ns);
		if (s->offcpu_ns != f->offcpu_ns)
			__sync_fetch_and_add(&stats->offcpu_ns, s->offcpu_ns - f->offcpu_ns);
	}
	call_stats_time(stats, duration_ns, true);
	if (s->timeline)
		call_slow(s, f, stats, duration_ns);
	return 0;
}
