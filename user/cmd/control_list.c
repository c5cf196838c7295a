/* SPDX-License-Identifier: GPL-2.0-only */
/* `pathbpf ctl PID list`: what is traced and probed. */
#include "cmd/control_list.h"

#include <stdbool.h>
#include <stdlib.h>

#include "cmd/control.h"
#include "data/report.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/path.h"
#include "serve/status.h"
#include "trace/collect.h"
#include "trace/livestate.h"
#include "trace/plan.h"
#include "trace/session.h"

#define NODES_MAX 2000 /* told in one answer */

static json_t *text(const char *s)
{
	_cleanup_(buf_done) struct buf b = {};

	text_clean(&b, s);
	return json_string(buf_str(&b));
}

static const char *kind(const struct plan_node *n)
{
	switch (n->how) {
	case PLAN_POINT:
		return "usdt";
	case PLAN_SYSCALL:
		return "syscall";
	case PLAN_KERNEL:
		return "kernel";
	default:
		return "function";
	}
}

static const char *state(const struct plan_node *n)
{
	if (n->removed)
		return "removed";
	if (n->attached)
		return n->gone ? "gone" : "probed";
	return n->refused ? "refused" : n->costly ? "too costly" : "detached";
}

static json_t *node(const struct control_subject *on, const struct plan_node *n,
		    const uint64_t *calls)
{
	json_t *o =
	    json_pack("{s:o, s:s, s:s}", "name", text(n->name), "kind", kind(n), "state", state(n));

	if (o && n->object != OBJECT_NONE)
		json_object_set_new(o, "object",
				    text(path_last(on->collect->objects.files.v[n->object]->path)));
	if (o && calls)
		json_object_set_new(o, "calls", json_integer((json_int_t)*calls));
	return o;
}

static json_t *nodes(const struct control_subject *on)
{
	const struct plan *p = on->plan;
	_cleanup_free_ uint64_t *calls = calloc(p->nodes.n + 1, sizeof(*calls));
	bool known = calls && live_calls(on->session, p, calls);
	json_t *list = json_array();

	for (size_t i = 0; list && i < p->nodes.n && i < NODES_MAX; i++)
		json_array_append_new(list, node(on, &p->nodes.v[i], known ? &calls[i] : NULL));
	return list;
}

static json_t *signals(const struct record_options *o)
{
	json_t *list = json_array();

	if (list && !o->no_cpu)
		json_array_append_new(list, json_string("cpu"));
	if (list && !o->no_offcpu)
		json_array_append_new(list, json_string("offcpu"));
	if (list && !o->no_syscalls)
		json_array_append_new(list, json_string("syscalls"));
	return list;
}

/* In their order: the later one decides. */
static json_t *specs(const struct plan *p)
{
	json_t *list = json_array();

	vec_foreach (s, &p->specs) {
		_cleanup_(buf_done) struct buf b = {};

		buf_printf(&b, "%s%s", s->removes ? "not " : "", s->text);
		if (list)
			json_array_append_new(list, text(buf_str(&b)));
	}
	return list;
}

json_t *control_list(const struct control_subject *on, const struct trace_status *status)
{
	size_t n = on->plan->nodes.n;

	return json_pack("{s:o, s:o, s:o, s:o, s:I}", "status", status_format(status), "signals",
			 signals(on->opt), "specs", specs(on->plan), "nodes", nodes(on),
			 "nodes_left_out", (json_int_t)(n > NODES_MAX ? n - NODES_MAX : 0));
}
