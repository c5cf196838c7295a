/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The JSON report, schema 1: times are integers in ns, sizes bytes, wall-clock times RFC 3339 in
 * UTC. A signal that was not traced is absent, and `missing` says so. Elements stand on a line
 * each, so that reports can be compared line by line.
 */
#include "view/view.h"

#include <math.h>
#include <string.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "view/json_out.h"

static json_t *make_signal(int sig)
{
	char name[16];

	return json_string(signal_name(sig, name));
}

static json_t *make_exit(const struct target *t)
{
	switch (t->end) {
	case TARGET_EXITED:
		return json_pack("{s:i}", "code", t->end_value);
	case TARGET_KILLED:
		return json_pack("{s:o}", "signal", make_signal(t->end_value));
	case TARGET_RUNS:
		break;
	}
	return json_null();
}

static void put_targets(struct json_out *j, const struct report *r)
{
	json_open(j, "targets", '[');
	vec_foreach (t, &r->targets) {
		json_put(j, NULL,
			 json_pack("{s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "pid",
				   json_u64(t->pid), "ppid", json_u64(t->ppid), "comm",
				   json_text(t->comm), "exe", json_text(t->exe), "exit",
				   make_exit(t), "threads", json_u64(t->threads_seen), "cpu_ns",
				   json_u64(t->cpu_ns), "runq_ns", json_u64(t->runq_ns),
				   "blocked_ns", json_u64(t->blocked_ns)));
	}
	json_close(j, ']');
}

static json_t *make_event(const struct report *r, const struct event *e)
{
	static const char *const types[] = { [EVENT_FORK] = "fork",
					     [EVENT_EXEC] = "exec",
					     [EVENT_EXIT] = "exit",
					     [EVENT_MMAP] = "mmap" };
	json_t *event =
	    json_pack("{s:o, s:s, s:I, s:I}", "time", json_time(r->started_ns + e->time_ns), "type",
		      types[e->kind], "pid", json_u64(e->pid), "tid", json_u64(e->tid));

	if (!event)
		return NULL;
	switch (e->kind) {
	case EVENT_FORK:
		json_object_set_new(event, "child", json_integer(e->value));
		break;
	case EVENT_EXEC:
		json_object_set_new(event, "file", json_text(e->text));
		break;
	case EVENT_EXIT:
		if (e->signal)
			json_object_set_new(event, "signal", make_signal(e->signal));
		else
			json_object_set_new(event, "code", json_integer(e->value));
		break;
	case EVENT_MMAP:
		json_object_set_new(event, "object", json_text(e->text));
		break;
	}
	return event;
}

static void put_events(struct json_out *j, const struct report *r)
{
	json_open(j, "events", '[');
	vec_foreach (e, &r->events)
		json_put(j, NULL, make_event(r, e));
	json_close(j, ']');
}

static json_t *make_why(const char *what, const char *why)
{
	return json_pack("{s:o, s:o}", "what", json_text(what), "why", json_text(why));
}

static bool is_missing(const struct report *r, const char *what)
{
	vec_foreach (m, &r->missing) {
		if (!strcmp(m->what, what))
			return true;
	}
	return false;
}

/* What the kernel could not give, with reasons, and what nobody asked for. */
static void put_missing(struct json_out *j, const struct report *r)
{
	const struct {
		const char *what;
		bool traced;
	} signals[] = {
		{ "cpu", r->has_cpu },           { "offcpu", r->has_offcpu },
		{ "syscalls", r->has_syscalls }, { "spans", r->has_spans },
		{ "plugins", r->has_plugins },
	};

	json_open(j, "missing", '[');
	vec_foreach (m, &r->missing)
		json_put(j, NULL, make_why(m->what, m->why));
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (!signals[i].traced && !is_missing(r, signals[i].what))
			json_put(j, NULL, make_why(signals[i].what, "was not traced"));
	}
	json_close(j, ']');
}

static void put_remarks(struct json_out *j, const struct report *r)
{
	json_open(j, "skipped", '[');
	vec_foreach (s, &r->skipped)
		json_put(j, NULL, make_why(s->what, s->why));
	json_close(j, ']');
	json_open(j, "notes", '[');
	vec_foreach (n, &r->notes)
		json_put(j, NULL, json_text(*n));
	json_close(j, ']');
}

static json_t *make_pct(double pct)
{
	return json_real(isfinite(pct) ? pct : 0);
}

static json_t *make_overhead(const struct report *r)
{
	json_t *detached = json_array(), *breaker = json_array();

	vec_foreach (c, &r->overhead.breaker) {
		json_array_append_new(breaker,
				      json_pack("{s:I, s:s, s:o}", "time_ns", json_u64(c->time_ns),
						"state", c->state, "why", json_text(c->why)));
	}
	vec_foreach (d, &r->overhead.detached) {
		json_array_append_new(detached, json_pack("{s:o, s:o}", "name", json_text(d->what),
							  "reason", json_text(d->why)));
	}
	return json_pack(
	    "{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "target_pct",
	    make_pct(r->overhead.target_pct), "budget_pct", make_pct(r->overhead.budget_pct),
	    "bpf_ns", json_u64(r->overhead.bpf_ns), "traps_ns", json_u64(r->overhead.traps_ns),
	    "self_cpu_ns", json_u64(r->overhead.self_cpu_ns), "self_rss",
	    json_u64(r->overhead.self_rss), "bpf_memory", json_u64(r->overhead.bpf_memory),
	    "attach_ns", json_u64(r->overhead.attach_ns), "detached", detached, "breaker", breaker);
}

static json_t *make_lost(const struct report *r)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "samples", json_u64(r->lost.samples), "spans",
			 json_u64(r->lost.spans), "events", json_u64(r->lost.events), "paths",
			 json_u64(r->lost.paths), "stacks", json_u64(r->lost.stacks));
}

static int render(const struct report *r, FILE *out)
{
	struct json_out j = { .out = out };

	fputc('{', out);
	json_put(&j, "schema", json_integer(1));
	json_put(&j, "pathbpf", json_text(r->version));
	json_put(&j, "command", json_text(r->command));
	json_put(&j, "host",
		 json_pack("{s:o, s:o, s:I}", "kernel", json_text(r->kernel), "arch",
			   json_text(r->arch), "cpus", json_u64(r->cpus)));
	json_put(&j, "started", json_time(r->started_ns));
	json_put(&j, "duration_ns", json_integer(json_u64(r->duration_ns)));
	json_put(&j, "paused_ns", json_integer(json_u64(r->paused_ns)));
	put_targets(&j, r);
	json_put_paths(&j, r);
	json_put_traces(&j, r);
	json_put_stacks(&j, r);
	json_put_syscalls(&j, r);
	json_put_plugins(&j, r);
	json_put_plugin_events(&j, r);
	json_put_analysis(&j, r);
	put_events(&j, r);
	put_missing(&j, r);
	put_remarks(&j, r);
	json_put(&j, "overhead", make_overhead(r));
	json_put(&j, "lost", make_lost(r));
	fputs("\n}\n", out);
	return j.err;
}

const struct view view_json = { .name = "json", .suffix = ".json", .render = render };
