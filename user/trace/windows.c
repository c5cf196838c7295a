/* SPDX-License-Identifier: GPL-2.0-only */
/* Windows of time, made of differences of the kernel's sums. */
#include "trace/windows.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "data/report.h"
#include "pathbpf.skel.h"
#include "trace/pathtable.h"
#include "trace/plan.h"

struct sums {
	uint64_t calls, errors, total_ns;
};

struct piece {
	uint32_t path; /* as BPF numbers it */
	struct sums sums;
};

struct window {
	uint64_t start_ns, end_ns;
	VEC(struct piece) pieces; /* of paths that were called */
};

struct windows {
	uint64_t length_ns, start_ns;
	uint32_t keep;
	int cpus;
	struct pb_call_stats *scratch; /* one a CPU */
	struct sums last[WINDOWS_PATHS + 1];
	VEC(struct window) all; /* a ring once there are `keep` */
	uint32_t first;
};

int windows_new(uint64_t length_ns, uint32_t keep, struct windows **ret)
{
	_cleanup_(windows_freep) struct windows *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->length_ns = length_ns;
	w->keep = keep;
	w->cpus = libbpf_num_possible_cpus();
	w->scratch = w->cpus > 0 ? calloc((size_t)w->cpus, sizeof(*w->scratch)) : NULL;
	if (!w->scratch)
		return -ENOMEM;
	*ret = TAKE_PTR(w);
	return 0;
}

void windows_free(struct windows *w)
{
	if (!w)
		return;
	vec_foreach (window, &w->all)
		vec_done(&window->pieces);
	vec_done(&w->all);
	free(w->scratch);
	free(w);
}

static bool read_sums(struct windows *w, int fd, uint32_t path, struct sums *ret)
{
	*ret = (struct sums){};
	if (bpf_map_lookup_elem(fd, &path, w->scratch))
		return false;
	for (int cpu = 0; cpu < w->cpus; cpu++) {
		const struct pb_call_stats *s = &w->scratch[cpu];

		ret->calls += s->untimed;
		ret->errors += s->errors;
		ret->total_ns += s->total_ns + s->folded_ns;
		for (uint32_t i = 0; i < PB_HIST_BUCKETS; i++)
			ret->calls += s->hist[i];
	}
	return true;
}

/* The window to be filled: a new one, or the oldest. NULL: out of memory. */
static struct window *take(struct windows *w)
{
	struct window *window;

	if (w->all.n < w->keep)
		return vec_push(&w->all, (struct window){}) ? NULL : &w->all.v[w->all.n - 1];
	window = &w->all.v[w->first];
	w->first = (w->first + 1) % w->keep;
	vec_done(&window->pieces);
	return window;
}

void windows_tick(struct windows *w, struct pathbpf *skel, uint64_t now_ns)
{
	uint32_t hot = skel->rodata->hot_paths, last = skel->bss->last_path;
	struct window *window;

	if (now_ns - w->start_ns < w->length_ns)
		return;
	window = take(w);
	if (!window)
		return;
	window->start_ns = w->start_ns;
	window->end_ns = w->start_ns = now_ns;
	for (uint32_t path = 1; path <= last && path <= WINDOWS_PATHS; path++) {
		int fd =
		    bpf_map__fd(path < hot ? skel->maps.path_stats_hot : skel->maps.path_stats);
		struct sums now, *before = &w->last[path];
		struct piece p = { .path = path };

		if (!read_sums(w, fd, path, &now) || now.calls <= before->calls)
			continue;
		p.sums = (struct sums){ now.calls - before->calls, now.errors - before->errors,
					now.total_ns - before->total_ns };
		*before = now;
		vec_push(&window->pieces, p);
	}
}

static int add(struct report *r, const struct window *w, const struct sums *sums, uint32_t plugin,
	       uint32_t path)
{
	return vec_push(&r->activities, (struct activity){ .plugin = plugin,
							   .path = path,
							   .start_ns = w->start_ns,
							   .end_ns = w->end_ns,
							   .calls = sums->calls,
							   .errors = sums->errors,
							   .total_ns = sums->total_ns });
}

static int report_window(const struct window *w, struct path_table *paths, const struct plan *plan,
			 struct report *r, struct sums *plugins)
{
	int err = 0;

	for (size_t i = 0; i < r->plugins.n; i++)
		plugins[i] = (struct sums){};
	vec_foreach (p, &w->pieces) {
		uint32_t path = path_table_get(paths, p->path), node, plugin;

		if (path == REPORT_NONE || err)
			continue;
		err = add(r, w, &p->sums, REPORT_NONE, path);
		node = r->paths.v[path].node;
		plugin =
		    node < plan->nodes.n ? plan_node_plugin(&plan->nodes.v[node]) - 1 : REPORT_NONE;
		if (plugin >= r->plugins.n)
			continue;
		plugins[plugin].calls += p->sums.calls;
		plugins[plugin].errors += p->sums.errors;
		plugins[plugin].total_ns += p->sums.total_ns;
	}
	for (uint32_t i = 0; i < r->plugins.n && !err; i++) {
		if (plugins[i].calls)
			err = add(r, w, &plugins[i], i, REPORT_NONE);
	}
	return err;
}

int windows_report(const struct windows *w, struct path_table *paths, const struct plan *plan,
		   struct report *r)
{
	_cleanup_free_ struct sums *plugins = calloc(r->plugins.n + 1, sizeof(*plugins));
	int err = plugins ? 0 : -ENOMEM;

	if (!w || !plan)
		return 0;
	r->window_ns = w->length_ns;
	for (uint32_t i = 0; i < w->all.n && !err; i++) {
		const struct window *window = &w->all.v[(w->first + i) % w->all.n];

		if (!i)
			r->windows_from_ns = window->start_ns;
		err = report_window(window, paths, plan, r, plugins);
	}
	return err;
}
