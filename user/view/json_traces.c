/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON report: recorded traces, and how much of what was asked for is probed. */
#include "view/json_out.h"

#include <errno.h>

#include "data/report.h"
#include "view/timeline.h"

/* As it was recorded, not as timeline_nest() would draw it. */
static json_t *make_slice(const struct trace *t, uint32_t i)
{
	const struct slice *s = &t->slices.v[i];
	json_t *parent = s->parent < i ? json_integer(s->parent) : json_null();

	return json_pack("{s:s, s:o, s:o, s:I, s:I, s:b, s:o, s:o}", "kind", timeline_kind(s->kind),
			 "name", json_text(s->name), "parent", parent, "start_ns",
			 json_u64(s->start_ns), "duration_ns", json_u64(s->duration_ns), "open",
			 s->open, "error", json_optional(s->error), "args", json_optional(s->args));
}

static json_t *make_why(const struct trace *t)
{
	json_t *why = json_array();
	const char *name;

	for (unsigned int bit = 0; (name = timeline_why(bit)); bit++) {
		if (t->why & 1u << bit)
			json_array_append_new(why, json_string(name));
	}
	return why;
}

static json_t *make_cause(const struct report *r, const struct trace *t)
{
	if (t->cause >= r->traces.n || !t->cause_kind)
		return json_null();
	return json_pack("{s:I, s:o, s:I}", "trace", json_u64(t->cause), "kind",
			 json_text(t->cause_kind), "at_ns", json_u64(t->cause_ns));
}

static void put_trace(struct json_out *j, const struct report *r, const struct trace *t)
{
	json_open(j, NULL, '{');
	json_put(j, "pid", json_integer(t->pid));
	json_put(j, "tid", json_integer(t->tid));
	json_put(j, "thread", json_optional(t->thread));
	json_put(j, "why", make_why(t));
	json_put(j, "path", json_path_names(r, t->path));
	json_put(j, "cause", make_cause(r, t));
	json_put(j, "slices_lost", json_integer(json_u64(t->slices_lost)));
	json_open(j, "slices", '[');
	for (uint32_t i = 0; i < t->slices.n; i++)
		json_put(j, NULL, make_slice(t, i));
	json_close(j, ']');
	json_close(j, '}');
}

void json_put_traces(struct json_out *j, const struct report *r)
{
	if (!r->has_spans)
		return;
	json_put(j, "coverage",
		 json_pack("{s:I, s:I, s:I, s:I, s:I}", "matched", json_u64(r->coverage.matched),
			   "probed", json_u64(r->coverage.probed), "emulated",
			   json_u64(r->coverage.emulated), "return_sites",
			   json_u64(r->coverage.sites), "skipped", json_u64(r->skipped.n)));
	json_open(j, "traces", '[');
	vec_foreach (t, &r->traces)
		put_trace(j, r, t);
	json_close(j, ']');
}
