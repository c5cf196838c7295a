/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON report: nodes, paths and system calls. */
#include "view/json_out.h"

#include <errno.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "view/fold.h"

static const char *node_object(const struct report *r, const struct node *n)
{
	return n->object < r->objects.n ? r->objects.v[n->object].path : "";
}

static void put_nodes(struct json_out *j, const struct report *r)
{
	static const char *const kinds[] = {
		[NODE_FUNCTION] = "function", [NODE_KERNEL] = "kernel",
		[NODE_USDT] = "usdt",         [NODE_SYSCALL] = "syscall",
		[NODE_PYTHON] = "python",     [NODE_JAVASCRIPT] = "javascript",
		[NODE_ERLANG] = "erlang"
	};

	json_open(j, "nodes", '[');
	for (size_t i = 0; i < r->nodes.n; i++) {
		const struct node *n = &r->nodes.v[i];

		json_put(j, NULL,
			 json_pack("{s:I, s:o, s:o, s:s, s:I}", "id", json_u64(i), "name",
				   json_text(n->name), "object", json_text(node_object(r, n)),
				   "kind", kinds[n->kind], "calls", json_u64(n->calls)));
	}
	json_close(j, ']');
}

/* Types that read the same once cleaned are added up. */
static json_t *error_types(const error_count_vec *v)
{
	json_t *types = json_object();
	struct buf name = {};

	vec_foreach (e, v) {
		json_int_t before;

		buf_clear(&name);
		text_clean(&name, e->type);
		if (name.err)
			break;
		before = json_integer_value(json_object_get(types, buf_str(&name)));
		json_object_set_new(types, buf_str(&name),
				    json_integer(before + json_u64(e->count)));
	}
	if (name.err) {
		json_decref(types);
		types = NULL;
	}
	buf_done(&name);
	return types;
}

static uint64_t quantile(const struct call_stats *s, double q)
{
	return s->hist ? hist_quantile(s->hist, q, s->min_ns, s->max_ns) : 0;
}

json_t *json_stats(const struct call_stats *s)
{
	json_t *stats =
	    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "calls",
		      json_u64(s->calls), "errors", json_u64(s->errors), "total_ns",
		      json_u64(s->total_ns), "min_ns", json_u64(s->min_ns), "max_ns",
		      json_u64(s->max_ns), "p50_ns", json_u64(quantile(s, 0.5)), "p90_ns",
		      json_u64(quantile(s, 0.9)), "p99_ns", json_u64(quantile(s, 0.99)), "p999_ns",
		      json_u64(quantile(s, 0.999)), "error_types", error_types(&s->error_types));
	json_t *seen;

	if (!stats || !s->seen)
		return stats;
	seen = json_pack("{s:b, s:f, s:I}", "sampled", 1, "seen_pct", 100 * s->seen,
			 "observed_calls", json_u64(s->observed));
	if (!seen || json_object_update(stats, seen)) {
		json_decref(stats);
		stats = NULL;
	}
	json_decref(seen);
	return stats;
}

/* From root to leaf; the names or the IDs of a path's nodes. */
static json_t *path_nodes(const struct report *r, uint32_t path, bool names)
{
	json_t *list = json_array();

	while (path < r->paths.n) {
		const struct path *p = &r->paths.v[path];
		const char *name = p->node < r->nodes.n ? r->nodes.v[p->node].name : "[unknown]";

		json_array_insert_new(list, 0, names ? json_text(name) : json_integer(p->node));
		path = p->parent < path ? p->parent : REPORT_NONE;
	}
	return list;
}

json_t *json_path_names(const struct report *r, uint32_t path)
{
	return path_nodes(r, path, true);
}

static json_t *known_time(bool known, uint64_t ns)
{
	return known ? json_integer(json_u64(ns)) : json_null();
}

/*
 * What is known of a sampled path's times: `samples` on the CPU behind them, and the 95 % interval
 * that these give. Its `calls`, `errors`, `min_ns`, … are those that were counted, none, unless
 * `calls_basis` says that `calls` is an estimate.
 */
static int add_estimate(json_t *path, const struct path *p)
{
	const struct path_estimate *e = &p->estimate;
	bool estimate = p->sampled || p->stats.seen > 0;
	const char *basis = p->stats.seen > 0 || e->has_calls ? "estimated"
			    : p->sampled                      ? "unknown"
							      : "counted";
	int err = json_object_set_new(path, "sampled", json_boolean(estimate));

	err |= json_object_set_new(path, "calls_basis", json_string(basis));
	if (!p->sampled)
		return err;
	if (e->has_calls)
		err |= json_object_set_new(path, "calls", json_integer(json_u64(e->calls)));
	err |= json_object_set_new(path, "loop", json_boolean(e->loop));
	err |= json_object_set_new(path, "samples", json_integer(json_u64(e->samples)));
	err |= json_object_set_new(path, "cpu_ns_low", json_integer(json_u64(e->cpu_low_ns)));
	err |= json_object_set_new(path, "cpu_ns_high", json_integer(json_u64(e->cpu_high_ns)));
	err |= json_object_set_new(path, "total_ns_low",
				   json_integer(json_u64(e->cpu_low_ns + p->offcpu_ns)));
	err |= json_object_set_new(path, "total_ns_high",
				   json_integer(json_u64(e->cpu_high_ns + p->offcpu_ns)));
	return err;
}

static json_t *make_path(const struct report *r, uint32_t i)
{
	const struct path *p = &r->paths.v[i];
	json_t *stats = json_stats(&p->stats);
	json_t *path = json_pack(
	    "{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "path", path_nodes(r, i, true),
	    "nodes", path_nodes(r, i, false), "open", json_u64(p->open), "unwound",
	    json_u64(p->unwound), "untimed", json_u64(p->untimed), "depth_max",
	    json_u64(p->depth_max), "self_ns", json_u64(p->stats.self_ns), "cpu_ns",
	    known_time(p->has_cpu, p->cpu_ns), "offcpu_ns", known_time(p->has_cpu, p->offcpu_ns),
	    "inside", error_types(&p->inside));

	if (!path || !stats || json_object_update(path, stats) || add_estimate(path, p)) {
		json_decref(path);
		path = NULL;
	}
	json_decref(stats);
	return path;
}

static json_t *make_share(const struct time_share *s)
{
	uint64_t none_ns = s->all_ns - s->named_ns - s->unnamed_ns;

	return json_pack("{s:I, s:I, s:I, s:I}", "all_ns", json_u64(s->all_ns), "named_ns",
			 json_u64(s->named_ns), "unnamed_ns", json_u64(s->unnamed_ns), "none_ns",
			 json_u64(none_ns));
}

/* How the targets' time divides: under paths, in none, and waiting for work. */
static void put_attributed(struct json_out *j, const struct report *r)
{
	json_open(j, "attributed", '{');
	if (r->has_cpu)
		json_put(j, "cpu", make_share(&r->attributed.cpu));
	if (r->has_offcpu)
		json_put(j, "offcpu", make_share(&r->attributed.offcpu));
	json_put(j, "idle_ns", json_integer(json_u64(r->attributed.idle_ns)));
	json_open(j, "idle", '[');
	vec_foreach (i, &r->idle)
		json_put(j, NULL,
			 json_pack("{s:o, s:I, s:I}", "where", json_text(i->where), "count",
				   json_u64(i->count), "total_ns", json_u64(i->total_ns)));
	json_close(j, ']');
	json_close(j, '}');
}

void json_put_paths(struct json_out *j, const struct report *r)
{
	if (!r->has_spans && !r->paths_auto)
		return;
	put_nodes(j, r);
	json_open(j, "paths", '[');
	for (uint32_t i = 0; i < r->paths.n; i++)
		json_put(j, NULL, make_path(r, i));
	json_close(j, ']');
	if (r->paths_auto)
		put_attributed(j, r);
	json_open(j, "unused", '[');
	vec_foreach (u, &r->unused)
		json_put(j, NULL,
			 json_pack("{s:o, s:o}", "name", json_text(u->name), "object",
				   json_text(u->object)));
	json_close(j, ']');
}

/* Where a system call came from, by span; an empty path is outside every span. */
static void put_syscall_paths(struct json_out *j, const struct report *r, uint32_t i)
{
	json_open(j, "paths", '[');
	vec_foreach (s, &r->syscall_paths) {
		if (s->syscall == i)
			json_put(j, NULL,
				 json_pack("{s:o, s:I, s:I, s:I}", "path",
					   json_path_names(r, s->path), "calls", json_u64(s->calls),
					   "errors", json_u64(s->errors), "total_ns",
					   json_u64(s->total_ns)));
	}
	json_close(j, ']');
}

/* The lines of system call i, which follow each other from *next on. */
static void put_syscall_stacks(struct json_out *j, const struct fold *f, uint32_t i, size_t *next)
{
	_cleanup_(buf_done) struct buf b = {};

	while (*next < f->lines.n && fold_syscall(&f->lines.v[*next]) < i)
		++*next;
	json_open(j, "stacks", '[');
	for (; *next < f->lines.n && fold_syscall(&f->lines.v[*next]) == i && !j->err; ++*next) {
		const struct fold_line *line = &f->lines.v[*next];

		buf_clear(&b);
		fold_format(&b, f, line);
		j->err = b.err;
		json_put(j, NULL,
			 json_pack("[s, I, s?]", buf_str(&b), json_u64(line->value),
				   fold_error(f, line)));
	}
	json_close(j, ']');
}

static void put_syscall(struct json_out *j, const struct report *r, const struct fold *f,
			uint32_t i, size_t *next)
{
	json_t *stats = json_stats(&r->syscalls.v[i].stats);

	if (!stats)
		j->err = -ENOMEM;
	json_open(j, NULL, '{');
	json_put(j, "name", json_text(r->syscalls.v[i].name));
	for (void *it = json_object_iter(stats); it; it = json_object_iter_next(stats, it))
		json_put(j, json_object_iter_key(it), json_incref(json_object_iter_value(it)));
	json_decref(stats);
	put_syscall_paths(j, r, i);
	put_syscall_stacks(j, f, i, next);
	json_close(j, '}');
}

void json_put_syscalls(struct json_out *j, const struct report *r)
{
	_cleanup_(fold_done) struct fold f = {};
	size_t next = 0;

	if (!r->has_syscalls || j->err)
		return;
	j->err = fold_init(&f, r);
	if (!j->err)
		j->err = fold_syscalls(&f);
	if (j->err)
		return;
	fold_sort_by_tag(&f);
	json_open(j, "syscalls", '[');
	for (uint32_t i = 0; i < r->syscalls.n; i++)
		put_syscall(j, r, &f, i, &next);
	json_close(j, ']');
}
