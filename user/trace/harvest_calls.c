/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths and system calls: the kernel's statistics become the report's. */
#include "trace/harvest_calls.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "data/report.h"
#include "pathbpf.skel.h"
#include "trace/collect.h"
#include "trace/mapread.h"
#include "trace/names.h"
#include "trace/plan.h"
#include "trace/resolve.h"

/* A path as BPF numbers it. */
struct raw_path {
	uint32_t id, parent, node;
	uint32_t index; /* in the report, once there */
};

struct calls {
	struct report *report;
	struct collect *collect;
	struct resolver *resolver;
	VEC(struct raw_path) paths;
	struct table path_index; /* id → paths */
};

static int add_raw_path(const void *key, void *value, void *arg)
{
	const struct pb_path_key *k = key;
	struct calls *c = arg;
	struct raw_path p = { .parent = k->parent, .node = k->node, .index = REPORT_NONE };

	memcpy(&p.id, value, sizeof(p.id));
	if (vec_push(&c->paths, p))
		return -ENOMEM;
	return table_add(&c->path_index, &p.id, sizeof(p.id), (uint32_t)c->paths.n - 1);
}

/* The report's path for an id; its callers' are entered before it. */
static uint32_t path_of(struct calls *c, uint32_t id)
{
	uint32_t i = table_find(&c->path_index, &id, sizeof(id));
	struct path path = { .has_cpu = true };

	if (!id || i == TABLE_NONE)
		return REPORT_NONE;
	if (c->paths.v[i].index != REPORT_NONE)
		return c->paths.v[i].index;
	path.parent = path_of(c, c->paths.v[i].parent);
	path.node = c->paths.v[i].node;
	if (vec_push(&c->report->paths, path))
		return REPORT_NONE;
	c->paths.v[i].index = (uint32_t)c->report->paths.n - 1;
	return c->paths.v[i].index;
}

/* Adds up the CPUs' shares. */
static int sum_stats(const struct pb_call_stats *per_cpu, struct pb_call_stats *sum,
		     struct call_stats *out)
{
	*sum = (struct pb_call_stats){ .min_ns = UINT64_MAX };
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++) {
		const struct pb_call_stats *s = &per_cpu[cpu];

		sum->calls += s->calls;
		sum->errors += s->errors;
		sum->timed += s->timed;
		sum->total_ns += s->total_ns;
		sum->self_ns += s->self_ns;
		sum->offcpu_ns += s->offcpu_ns;
		sum->open += s->open;
		sum->unwound += s->unwound;
		if (s->timed && s->min_ns < sum->min_ns)
			sum->min_ns = s->min_ns;
		if (s->max_ns > sum->max_ns)
			sum->max_ns = s->max_ns;
		for (uint32_t i = 0; i < PB_HIST_BUCKETS; i++)
			sum->hist[i] += s->hist[i];
	}
	out->calls = sum->calls;
	out->errors = sum->errors;
	out->total_ns = sum->total_ns;
	out->self_ns = sum->self_ns;
	out->min_ns = sum->timed ? sum->min_ns : 0;
	out->max_ns = sum->max_ns;
	if (!sum->timed)
		return 0;
	out->hist = malloc(sizeof(*out->hist));
	if (!out->hist)
		return -ENOMEM;
	memcpy(out->hist->buckets, sum->hist, sizeof(out->hist->buckets));
	return 0;
}

static int add_path_stats(const void *key, void *value, void *arg)
{
	struct calls *c = arg;
	struct pb_call_stats sum;
	struct path *path;
	uint32_t id, i;
	int err;

	memcpy(&id, key, sizeof(id));
	i = path_of(c, id);
	if (i == REPORT_NONE)
		return 0;
	path = &c->report->paths.v[i];
	err = sum_stats(value, &sum, &path->stats);
	path->open = sum.open;
	path->unwound = sum.unwound;
	path->offcpu_ns = sum.offcpu_ns < sum.total_ns ? sum.offcpu_ns : sum.total_ns;
	path->cpu_ns = sum.total_ns - path->offcpu_ns;
	c->report->nodes.v[path->node].calls += sum.calls;
	return err;
}

static int add_path_error(const void *key, void *value, void *arg)
{
	const struct pb_path_error_key *k = key;
	struct calls *c = arg;
	uint32_t i = path_of(c, k->path);
	char type[32];
	uint64_t n;

	if (i == REPORT_NONE)
		return 0;
	memcpy(&n, value, sizeof(n));
	snprintf(type, sizeof(type), "ret=%" PRId64, (int64_t)k->value);
	return call_stats_add_error(c->report, &c->report->paths.v[i].stats, type, n);
}

static int add_nodes(struct calls *c, struct plan *plan)
{
	for (size_t i = 0; i < plan->nodes.n; i++) {
		const struct plan_node *p = &plan->nodes.v[i];
		struct node node = { .name = report_str(c->report, p->name),
				     .kind = NODE_FUNCTION,
				     .object = resolve_object(c->resolver, p->object) };

		if (vec_push(&c->report->nodes, node))
			return -ENOMEM;
	}
	vec_foreach (s, &plan->skipped) {
		struct named_why why = { report_str(c->report, s->name),
					 report_str(c->report, s->why) };

		if (vec_push(&c->report->skipped, why))
			return -ENOMEM;
	}
	return 0;
}

/* Functions that were probed and never entered. */
static int add_unused(struct calls *c, const struct plan *plan)
{
	struct report *r = c->report;
	bool *entered = calloc(r->nodes.n + 1, sizeof(*entered));
	int err = entered ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < r->paths.n; i++)
		entered[r->paths.v[i].node] = true;
	for (size_t i = 0; !err && i < r->nodes.n; i++) {
		const struct node *n = &r->nodes.v[i];
		struct unused u = { .name = n->name };

		if (entered[i] || !plan->nodes.v[i].attached)
			continue;
		if (n->object != REPORT_NONE)
			u.object = r->objects.v[n->object].name;
		err = vec_push(&r->unused, u);
	}
	free(entered);
	return err;
}

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
	err = sum_stats(value, &sum, &stats);
	if (err)
		return err;
	row.path = path_of(c, k->path);
	row.calls = stats.calls;
	row.errors = stats.errors;
	row.total_ns = stats.total_ns;
	merge_stats(&c->report->syscalls.v[row.syscall].stats, &stats);
	return row.path == REPORT_NONE ? 0 : vec_push(&c->report->syscall_paths, row);
}

static int add_syscall_error(const void *key, void *value, void *arg)
{
	const struct pb_syscall_error_key *k = key;
	struct calls *c = arg;
	uint32_t i = syscall_of(c, k->nr);
	char name[32];
	uint64_t n;

	if (i == REPORT_NONE)
		return -ENOMEM;
	memcpy(&n, value, sizeof(n));
	return call_stats_add_error(c->report, &c->report->syscalls.v[i].stats,
				    errno_name((int)k->error, name), n);
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

static int harvest_spans(struct pathbpf *skel, struct calls *c, struct plan *plan)
{
	int err = add_nodes(c, plan);

	err = err ? err : map_each(skel->maps.path_ids, add_raw_path, c);
	err = err ? err : map_each(skel->maps.path_stats, add_path_stats, c);
	err = err ? err : map_each(skel->maps.path_errors, add_path_error, c);
	return err ? err : add_unused(c, plan);
}

int harvest_calls(struct pathbpf *skel, struct collect *collect, struct plan *plan,
		  struct resolver *res, struct report *r)
{
	struct calls c = { .report = r, .collect = collect, .resolver = res };
	int err = plan ? harvest_spans(skel, &c, plan) : 0;

	if (!err && r->has_syscalls) {
		err = map_each(skel->maps.syscall_stats, add_syscall_stats, &c);
		err = err ? err : map_each(skel->maps.syscall_errors, add_syscall_error, &c);
		err = err ? err : map_each(skel->maps.syscall_stacks, add_syscall_stack, &c);
	}
	vec_done(&c.paths);
	table_done(&c.path_index);
	return err;
}
