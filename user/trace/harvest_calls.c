/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths and system calls: the kernel's statistics become the report's. */
#include "trace/harvest_calls.h"

#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "data/report.h"
#include "pathbpf.skel.h"
#include "trace/collect.h"
#include "trace/errornames.h"
#include "trace/harvest_spans.h"
#include "trace/mapread.h"
#include "trace/names.h"
#include "trace/pathtable.h"
#include "trace/plan.h"
#include "trace/resolve.h"
#include "trace/session.h"
#include "trace/windows.h"

struct calls {
	struct report *report;
	struct collect *collect;
	struct resolver *resolver;
	struct path_table paths;
	struct error_names errors;
};

/* The report's row for a system call number. */
static uint32_t syscall_of(struct calls *c, uint32_t nr)
{
	char name[32];
	const char *text = report_str(c->report, syscall_name(nr, name));
	struct syscall row = { .name = text };

	for (uint32_t i = 0; i < c->report->syscalls.n; i++) {
		if (c->report->syscalls.v[i].name == text)
			return i;
	}
	if (!text || vec_push(&c->report->syscalls, row))
		return REPORT_NONE;
	return (uint32_t)c->report->syscalls.n - 1;
}

/* Adds one path's share of a system call to the whole. */
static void merge_stats(struct call_stats *to, struct call_stats *from)
{
	if (from->hist && (!to->hist || from->min_ns < to->min_ns))
		to->min_ns = from->min_ns;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
	to->calls += from->calls;
	to->errors += from->errors;
	to->total_ns += from->total_ns;
	to->self_ns = to->total_ns;
	if (!to->hist) {
		to->hist = TAKE_PTR(from->hist);
	} else if (from->hist) {
		hist_add(to->hist, from->hist);
		free(from->hist);
	}
}

/* A path's share of a system call may have come from two tables. */
static int add_share(struct report *r, const struct syscall_path *row)
{
	if (row->path == REPORT_NONE)
		return 0;
	vec_foreach (known, &r->syscall_paths) {
		if (known->syscall != row->syscall || known->path != row->path)
			continue;
		known->calls += row->calls;
		known->errors += row->errors;
		known->total_ns += row->total_ns;
		return 0;
	}
	return vec_push(&r->syscall_paths, *row);
}

static int add_syscall_stats(const void *key, void *value, void *arg)
{
	const struct pb_syscall_key *k = key;
	struct calls *c = arg;
	struct pb_call_stats sum;
	struct call_stats stats = {};
	struct syscall_path row = { .syscall = syscall_of(c, k->nr) };
	int err;

	if (row.syscall == REPORT_NONE)
		return -ENOMEM;
	err = harvest_sum(value, &sum, &stats);
	if (err)
		return err;
	row.path = path_table_get(&c->paths, k->path);
	row.calls = stats.calls;
	row.errors = stats.errors;
	row.total_ns = stats.total_ns;
	merge_stats(&c->report->syscalls.v[row.syscall].stats, &stats);
	return add_share(c->report, &row);
}

/* By number alone: what is outside of paths. min_ns 0: no call was timed on that CPU. */
static int add_hot_syscall(const void *key, void *value, void *arg)
{
	struct pb_call_stats *per_cpu = value;
	struct pb_syscall_key k = {};
	bool any = false;

	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++) {
		any |= per_cpu[cpu].min_ns != 0;
		if (!per_cpu[cpu].min_ns)
			per_cpu[cpu].min_ns = UINT64_MAX;
	}
	memcpy(&k.nr, key, sizeof(k.nr));
	return any ? add_syscall_stats(&k, value, arg) : 0;
}

/* Of all CPUs. */
static int add_spare_syscall(const void *key, void *value, void *arg)
{
	struct pb_call_stats *per_cpu =
	    calloc((size_t)libbpf_num_possible_cpus(), sizeof(*per_cpu));
	int err = per_cpu ? 0 : -ENOMEM;

	for (int cpu = 1; !err && cpu < libbpf_num_possible_cpus(); cpu++)
		per_cpu[cpu].min_ns = UINT64_MAX;
	if (!err) {
		memcpy(per_cpu, value, sizeof(*per_cpu));
		err = add_syscall_stats(key, per_cpu, arg);
	}
	free(per_cpu);
	return err;
}

/* A failed call fails nothing but itself; on its path it is noted as "openat ENOENT". */
static int add_inside(struct calls *c, uint32_t path_id, const char *syscall, const char *error,
		      uint64_t n)
{
	uint32_t path = path_table_get(&c->paths, path_id);
	char text[64];

	if (path == REPORT_NONE ||
	    !strcmp(c->report->nodes.v[c->report->paths.v[path].node].name, syscall))
		return 0;
	snprintf(text, sizeof(text), "%s %s", syscall, error);
	return error_counts_add(c->report, &c->report->paths.v[path].inside, text, n);
}

static int add_syscall_error(const void *key, void *value, void *arg)
{
	const struct pb_syscall_error_key *k = key;
	struct calls *c = arg;
	uint32_t i = syscall_of(c, k->nr);
	const char *error;
	char name[32];
	uint64_t n;
	int err;

	if (i == REPORT_NONE)
		return -ENOMEM;
	memcpy(&n, value, sizeof(n));
	error = errno_name((int)k->error, name);
	err = error_counts_add(c->report, &c->report->syscalls.v[i].stats.error_types, error, n);
	return err ? err : add_inside(c, k->path, c->report->syscalls.v[i].name, error, n);
}

static int add_syscall_stack(const void *key, void *value, void *arg)
{
	const struct pb_syscall_stack_key *k = key;
	struct calls *c = arg;
	struct syscall_sample s = { .syscall = syscall_of(c, k->nr) };
	uint32_t raw = collect_stack_by_id(c->collect, k->stack);
	char name[32];

	if (raw == TABLE_NONE)
		return 0; /* lost on the way, and counted there */
	s.stack = resolve_stack(c->resolver, raw);
	s.target = resolve_target(c->resolver, k->pid);
	if (s.syscall == REPORT_NONE || s.stack == REPORT_NONE || s.target == REPORT_NONE)
		return -ENOMEM;
	if (k->error)
		s.error = report_str(c->report, errno_name((int)k->error, name));
	memcpy(&s.count, value, sizeof(s.count));
	return vec_push(&c->report->syscall_samples, s);
}

/* What was seen in a part of the time stands for all of it. */
static void scale_syscalls(struct report *r, double seen)
{
	if (seen >= 1 || seen <= 0)
		return;
	vec_foreach (s, &r->syscalls)
		call_stats_scale(&s->stats, seen);
	vec_foreach (p, &r->syscall_paths) {
		p->calls = (uint64_t)((double)p->calls / seen);
		p->errors = (uint64_t)((double)p->errors / seen);
		p->total_ns = (uint64_t)((double)p->total_ns / seen);
	}
	vec_foreach (s, &r->syscall_samples)
		s->count = (uint64_t)((double)s->count / seen);
}

int harvest_calls(struct session *session, struct collect *collect, struct plan *plan,
		  double syscalls_seen, struct resolver *res, struct report *r,
		  const struct live_sums *live)
{
	struct pathbpf *skel = session_skeleton(session);
	struct calls c = { .report = r,
			   .collect = collect,
			   .resolver = res,
			   .paths = { .report = r },
			   .errors = { .collect = collect, .plan = plan } };
	struct span_harvest spans = { .session = session,
				      .skel = skel,
				      .collect = collect,
				      .plan = plan,
				      .resolver = res,
				      .report = r,
				      .paths = &c.paths,
				      .errors = &c.errors,
				      .live = live };
	int err = plan ? harvest_spans(&spans) : 0;

	if (!err && r->has_syscalls) {
		err = map_each(skel->maps.syscall_stats_hot, add_hot_syscall, &c);
		err = err ? err : map_each(skel->maps.syscall_stats, add_syscall_stats, &c);
		err = err ? err : map_each(skel->maps.syscall_stats_spare, add_spare_syscall, &c);
		err = err ? err : map_each(skel->maps.syscall_errors, add_syscall_error, &c);
		err = err ? err : map_each(skel->maps.syscall_stacks, add_syscall_stack, &c);
		scale_syscalls(r, syscalls_seen);
	}
	if (!err && plan)
		err = harvest_traces(&spans, session_begin_ns(session));
	if (!err && session_windows(session))
		err = windows_report(session_windows(session), &c.paths, plan, r);
	path_table_done(&c.paths);
	error_names_done(&c.errors);
	return err;
}
