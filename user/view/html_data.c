/* SPDX-License-Identifier: GPL-2.0-only */
/* The report as compact JSON for the HTML report's script. */
#include "view/html_data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "view/flame.h"
#include "view/html_writer.h"
#include "view/timeline.h"

#define TRACES_MAX 50   /* in the page: the others are for other formats */
#define SLICES_MAX 2000 /* of a trace */

/* A member whose value is text of ours or the target's, written in place. */
static void add_text_member(struct html_writer *w, const char *key, const char *value)
{
	buf_printf(w->out, "\"%s\":", key);
	buf_clear(&w->text);
	text_clean(&w->text, value);
	w->err = w->err ?: w->text.err;
	html_json_text(w->out, buf_str(&w->text));
	buf_add_str(w->out, ",\n");
}

static void add_sites(struct html_writer *w, const struct flame_sites *sites)
{
	buf_add_str(w->out, "\"sites\":[");
	for (size_t i = 0; i < sites->v.n; i++) {
		const struct flame_site *s = &sites->v.v[i];
		const struct frame *f = s->comm ? NULL : &w->r->frames.v[s->frame];

		buf_clear(&w->text);
		flame_label(&w->text, w->r, s);
		buf_printf(w->out, "%s%d,%" PRIu32 ",", i ? "," : "",
			   f ? (int)f->kind : FRAME_TRUNCATED + 1, html_intern(w));
		html_str(w, f ? html_object_name(w->r, f->object) : NULL);
		html_comma(w);
		html_str(w, f ? f->file : NULL);
		buf_printf(w->out, ",%" PRIu32 ",%" PRIu32, s->line_first, s->line_last);
	}
	buf_add_str(w->out, "],\n");
}

/* Node 0 is left out; of the others: how far back the parent stands, the site, and the values. */
static void add_nodes(struct html_writer *w, const struct flame *f, int columns)
{
	buf_add_str(w->out, "\"nodes\":[");
	for (uint32_t i = 1; i < f->nodes.n; i++) {
		const struct flame_node *n = &f->nodes.v[i];

		buf_printf(w->out, "%s%" PRIu32 ",%" PRIu32, i > 1 ? "," : "", i - n->parent,
			   n->site);
		for (int c = 0; c < columns; c++)
			buf_printf(w->out, ",%" PRIu64, n->self[c]);
	}
	buf_add_str(w->out, "]},\n");
}

static int add_stacks(struct html_writer *w, struct flame_sites *sites)
{
	_cleanup_(flame_done) struct flame cpu = {}, offcpu = {};
	const struct report *r = w->r;
	int err = 0;

	if (r->has_cpu) {
		err = flame_build(r, FLAME_CPU, sites, &cpu);
		if (err)
			return err;
		buf_printf(w->out,
			   "\"cpu\":{\"hz\":%" PRIu32 ",\"samples\":%" PRIu64
			   ",\"truncated\":%" PRIu64 ",\"fired\":%" PRIu64 ",",
			   r->cpu.frequency_hz, r->cpu.samples, r->cpu.truncated, r->cpu.fired);
		add_nodes(w, &cpu, 1);
	}
	if (r->has_offcpu) {
		err = flame_build(r, FLAME_OFFCPU, sites, &offcpu);
		if (err)
			return err;
		buf_printf(w->out,
			   "\"offcpu\":{\"total\":%" PRIu64 ",\"truncated\":%" PRIu64
			   ",\"switches\":%" PRIu64 ",\"taken\":%" PRIu64 ",\"min\":%" PRIu64
			   ",\"leftOut\":%" PRIu64 ",",
			   r->offcpu.total_ns, r->offcpu.truncated_ns, r->offcpu.switches,
			   r->offcpu.stacks_taken, r->offcpu.min_ns, r->offcpu.left_out_ns);
		add_nodes(w, &offcpu, FLAME_COLUMNS);
	}
	add_sites(w, sites);
	return 0;
}

static void add_target(struct html_writer *w, const struct target *t)
{
	char buf[16];

	buf_printf(w->out, "[%" PRIu32 ",", t->pid);
	html_str(w, t->comm);
	html_comma(w);
	html_str(w, t->exe);
	html_comma(w);
	buf_clear(&w->text);
	if (t->end == TARGET_EXITED)
		buf_printf(&w->text, "exited %d", t->end_value);
	else if (t->end == TARGET_KILLED)
		buf_add_str(&w->text, signal_name(t->end_value, buf));
	else
		buf_add_str(&w->text, "running");
	html_u64(w, html_intern(w));
	buf_printf(w->out, ",%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", t->threads_seen,
		   t->cpu_ns, t->runq_ns, t->blocked_ns);
}

static void add_targets(struct html_writer *w)
{
	buf_add_str(w->out, "\"targets\":[");
	vec_foreach (t, &w->r->targets) {
		buf_add_str(w->out, t > w->r->targets.v ? "," : "");
		add_target(w, t);
	}
	buf_add_str(w->out, "],\n");
}

/* cpu, off the CPU, or -1; of a sampled one [samples, loop, limits of cpu, calls or -1], else [] */
static void add_estimate(struct html_writer *w, const struct path *p)
{
	const struct path_estimate *e = &p->estimate;

	if (p->has_cpu)
		buf_printf(w->out, ",%" PRIu64 ",%" PRIu64, p->cpu_ns, p->offcpu_ns);
	else
		buf_add_str(w->out, ",-1,-1");
	if (!p->sampled) {
		buf_add_str(w->out, ",[]");
		return;
	}
	buf_printf(w->out, ",[%" PRIu64 ",%d,%" PRIu64 ",%" PRIu64 ",", e->samples, e->loop,
		   e->cpu_low_ns, e->cpu_high_ns);
	if (e->has_calls)
		buf_printf(w->out, "%" PRIu64 "]", e->calls);
	else
		buf_add_str(w->out, "-1]");
}

static void add_paths(struct html_writer *w)
{
	const struct report *r = w->r;

	buf_add_str(w->out, "\"paths\":[");
	vec_foreach (p, &r->paths) {
		const struct node *n = &r->nodes.v[p->node];

		buf_add_str(w->out, p > r->paths.v ? ",\n[" : "[");
		if (p->parent == REPORT_NONE)
			buf_add_str(w->out, "-1,");
		else
			buf_printf(w->out, "%" PRIu32 ",", p->parent);
		html_str(w, n->name);
		html_comma(w);
		html_str(w, html_object_name(r, n->object));
		buf_printf(w->out, ",%d,%" PRIu64 ",", (int)n->kind, p->open);
		html_stats(w, &p->stats);
		buf_add_str(w->out, ",[");
		html_errors(w, &p->inside);
		buf_add_char(w->out, ']');
		add_estimate(w, p);
		buf_add_char(w->out, ']');
	}
	buf_add_str(w->out, "],\n");
}

/* Time in paths, and time that nobody waited for. */
static void add_attributed(struct html_writer *w)
{
	const struct report *r = w->r;

	buf_printf(
	    w->out,
	    "\"attributed\":{\"cpu\":%" PRIu64 ",\"cpuNamed\":%" PRIu64 ",\"offcpu\":%" PRIu64
	    ",\"offcpuNamed\":%" PRIu64 ",\"idle\":%" PRIu64 ",\"places\":[",
	    r->attributed.cpu.all_ns, r->attributed.cpu.named_ns, r->attributed.offcpu.all_ns,
	    r->attributed.offcpu.named_ns, r->attributed.idle_ns);
	vec_foreach (i, &r->idle) {
		buf_add_str(w->out, i > r->idle.v ? ",[" : "[");
		html_str(w, i->where);
		buf_printf(w->out, ",%" PRIu64 "]", i->total_ns);
	}
	buf_add_str(w->out, "]},\n");
}

/* kind, name, depth, start since the trace's, duration, error, args, whether it runs */
static void add_slice(struct html_writer *w, const struct slice *s, const struct timeline_slice *at,
		      uint64_t start_ns)
{
	buf_printf(w->out, "[%d,", (int)s->kind);
	html_str(w, s->name);
	buf_printf(w->out, ",%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",", at->depth,
		   at->start_ns - start_ns, at->end_ns - at->start_ns);
	html_str(w, s->error);
	html_comma(w);
	html_str(w, s->args);
	buf_printf(w->out, ",%d]", s->open);
}

/* number, pid, tid, thread, why, path, number of the cause or -1, pieces lost, [slice, …] */
static int add_trace(struct html_writer *w, uint32_t i)
{
	const struct trace *t = &w->r->traces.v[i];
	_cleanup_free_ struct timeline_slice *at = calloc(t->slices.n + 1, sizeof(*at));
	uint32_t cause = timeline_cause(w->r, t);
	int err = at ? timeline_nest(t, at) : -ENOMEM;

	if (err)
		return err;
	buf_printf(w->out, "[%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",", i, t->pid, t->tid);
	html_str(w, t->thread);
	html_comma(w);
	buf_clear(&w->text);
	timeline_format_why(&w->text, t);
	html_u64(w, html_intern(w));
	html_comma(w);
	buf_clear(&w->text);
	path_format(&w->text, w->r, t->path, " > ");
	html_u64(w, html_intern(w));
	buf_printf(w->out, ",%" PRId64 ",%" PRIu64 ",[",
		   cause == REPORT_NONE ? INT64_C(-1) : (int64_t)cause, t->slices_lost);
	for (size_t s = 0; s < t->slices.n && s < SLICES_MAX; s++) {
		buf_add_str(w->out, s ? "," : "");
		add_slice(w, &t->slices.v[s], &at[s], at[0].start_ns);
	}
	buf_add_str(w->out, "]]");
	return 0;
}

/* The longest ones, which the page shows one by one. */
static int add_traces(struct html_writer *w)
{
	_cleanup_free_ uint32_t *by_length = timeline_by_length(w->r);
	size_t n = 0;
	int err = by_length ? 0 : -ENOMEM;

	buf_printf(w->out, "\"recorded\":%zu,\"traces\":[", w->r->traces.n);
	for (size_t i = 0; i < w->r->traces.n && n < TRACES_MAX && !err; i++) {
		if (!w->r->traces.v[by_length[i]].slices.n)
			continue;
		buf_add_str(w->out, n++ ? ",\n" : "");
		err = add_trace(w, by_length[i]);
	}
	buf_add_str(w->out, "],\n");
	return err;
}

static void add_syscalls(struct html_writer *w)
{
	buf_add_str(w->out, "\"syscalls\":[");
	vec_foreach (s, &w->r->syscalls) {
		buf_add_str(w->out, s > w->r->syscalls.v ? ",\n[" : "[");
		html_str(w, s->name);
		html_comma(w);
		html_stats(w, &s->stats);
		buf_add_char(w->out, ']');
	}
	buf_add_str(w->out, "],\n");
}

static void add_whys(struct html_writer *w, const char *key, const struct named_why *v, size_t n)
{
	buf_printf(w->out, "\"%s\":[", key);
	for (size_t i = 0; i < n; i++) {
		buf_add_str(w->out, i ? ",[" : "[");
		html_str(w, v[i].what);
		html_comma(w);
		html_str(w, v[i].why);
		buf_add_char(w->out, ']');
	}
	buf_add_str(w->out, "],\n");
}

static void add_quality(struct html_writer *w)
{
	const struct report *r = w->r;

	add_whys(w, "missing", r->missing.v, r->missing.n);
	add_whys(w, "skipped", r->skipped.v, r->skipped.n);
	add_whys(w, "detached", r->overhead.detached.v, r->overhead.detached.n);
	buf_add_str(w->out, "\"notes\":[");
	vec_foreach (note, &r->notes) {
		buf_add_str(w->out, note > r->notes.v ? "," : "");
		html_str(w, *note);
	}
	buf_printf(w->out,
		   "],\n\"overhead\":{\"target\":%.4f,\"budget\":%.4f,\"bpf\":%" PRIu64
		   ",\"self\":%" PRIu64 ",\"rss\":%" PRIu64 ",\"maps\":%" PRIu64 "},\n",
		   r->overhead.target_pct, r->overhead.budget_pct, r->overhead.bpf_ns,
		   r->overhead.self_cpu_ns, r->overhead.self_rss, r->overhead.bpf_memory);
	buf_printf(w->out,
		   "\"lost\":{\"samples\":%" PRIu64 ",\"spans\":%" PRIu64 ",\"events\":%" PRIu64
		   ",\"paths\":%" PRIu64 ",\"stacks\":%" PRIu64 "},\n",
		   r->lost.samples, r->lost.spans, r->lost.events, r->lost.paths, r->lost.stacks);
}

static void add_head(struct html_writer *w)
{
	const struct report *r = w->r;
	time_t seconds = (time_t)(r->started_ns / 1000000000);
	char started[32] = "";
	struct tm tm;
	struct buf title = {};

	flame_title(&title, r);
	w->err = w->err ?: title.err;
	add_text_member(w, "title", buf_str(&title));
	buf_done(&title);
	if (gmtime_r(&seconds, &tm))
		strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &tm);
	add_text_member(w, "started", started);
	add_text_member(w, "version", r->version);
	add_text_member(w, "kernel", r->kernel);
	add_text_member(w, "arch", r->arch);
	add_text_member(w, "command", r->command);
	buf_printf(w->out, "\"cpus\":%" PRIu32 ",\"duration\":%" PRIu64 ",\n", r->cpus,
		   r->duration_ns);
}

int html_data(struct buf *b, const struct report *r)
{
	_cleanup_(flame_sites_done) struct flame_sites sites = {};
	_cleanup_(html_writer_done) struct html_writer w = { .r = r, .out = b };
	int err;

	buf_add_str(b, "{");
	add_head(&w);
	err = add_stacks(&w, &sites);
	if (err)
		return err;
	add_targets(&w);
	if (r->has_spans || r->paths_auto)
		add_paths(&w);
	if (r->paths_auto)
		add_attributed(&w);
	if (r->has_spans) {
		err = add_traces(&w);
		if (err)
			return err;
	}
	if (r->has_syscalls)
		add_syscalls(&w);
	err = html_plugins(&w);
	if (err)
		return err;
	add_quality(&w);
	buf_add_str(b, "\"strings\":[");
	buf_add(b, w.strings.data, w.strings.len);
	buf_add_str(b, "]}");
	return w.err ?: w.strings.err ?: b->err;
}
