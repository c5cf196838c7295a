/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: what somebody in a hurry wants to know, a line each. */
#include "view/text.h"

#include <inttypes.h>
#include <string.h>

#include "analysis/findings.h"
#include "analysis/subject.h"
#include "lib/cleanup.h"
#include "view/fold.h"
#include "view/hot.h"

#define LABEL_WIDTH  12
#define DEATHS_MAX   3
#define FINDINGS_MAX 3

/* One entry: "  LABEL     text", wrapped under itself. The text is taken from `line`. */
static void add_entry(struct buf *b, const char *label, struct buf *line)
{
	buf_printf(b, "  %s", label);
	text_para(b, LABEL_WIDTH, LABEL_WIDTH, "%s", buf_str(line));
	if (line->err)
		b->err = line->err;
	buf_clear(line);
}

/* Processes that did not end well. */
static void add_deaths(struct buf *b, const struct report *r, struct buf *line)
{
	size_t n = 0;

	vec_foreach (t, &r->targets) {
		char name[16];

		if (t->end == TARGET_RUNS || (t->end == TARGET_EXITED && !t->end_value))
			continue;
		if (n++ >= DEATHS_MAX)
			continue;
		buf_add_str(line, n > 1 ? ", " : "");
		text_clean(line, t->comm);
		if (t->end == TARGET_KILLED)
			buf_printf(line, " (PID %u) was killed by %s", t->pid,
				   signal_name(t->end_value, name));
		else
			buf_printf(line, " (PID %u) exited with %d", t->pid, t->end_value);
	}
	if (n > DEATHS_MAX)
		buf_printf(line, ", and %zu more", n - DEATHS_MAX);
	if (n)
		add_entry(b, "Ended", line);
}

static int add_cpu(struct buf *b, const struct report *r, const struct fold *cpu, struct buf *line)
{
	uint64_t cpu_ns = text_cpu_ns(r), runq_ns = 0;
	hot_vec hot = {};
	int err = hot_functions(cpu, &hot);

	buf_printf(line, "%s, %s of one CPU", text_ns(cpu_ns).s,
		   text_pct((double)cpu_ns, (double)report_traced_ns(r)).s);
	if (hot.n && r->cpu.samples) {
		buf_printf(line, "; %s of it in ",
			   text_pct((double)hot.v[0].self, (double)r->cpu.samples).s);
		text_frame(line, hot.v[0].name, 48);
	}
	vec_done(&hot);
	if (r->targets.n)
		add_entry(b, "CPU", line);
	else
		buf_clear(line);
	vec_foreach (t, &r->targets)
		runq_ns += t->runq_ns;
	/* Below that, waiting for a CPU is the normal price of sharing one. */
	if (runq_ns > cpu_ns / 10) {
		buf_printf(line, "%s ready to run but without a CPU, %s of the time on CPU",
			   text_ns(runq_ns).s, text_pct((double)runq_ns, (double)cpu_ns).s);
		add_entry(b, "Run queue", line);
	}
	return err;
}

/* The nearest frame to the leaf that is not the kernel's: who asked; 0 when there is none. */
static uint32_t caller(const struct fold *f, const struct fold_line *stack, uint32_t leaf)
{
	for (uint32_t i = leaf; i; i--) {
		const char *frame = fold_frame(f, stack, i);
		size_t len = strlen(frame);

		if (len < 4 || strcmp(frame + len - 4, "_[k]"))
			return i == leaf || !strcmp(frame, "[truncated]") ? 0 : i;
	}
	return 0;
}

static void add_waiting(struct buf *b, const struct report *r, const struct fold *offcpu,
			struct buf *line)
{
	const struct fold_line *top = offcpu->lines.v;
	uint32_t leaf, from;

	if (!r->has_offcpu || !r->offcpu.total_ns)
		return;
	buf_printf(line, "%s blocked, %s preempted", text_ns(r->offcpu.blocked_ns).s,
		   text_ns(r->offcpu.preempted_ns).s);
	if (offcpu->lines.n) {
		leaf = text_leaf(offcpu, top);
		from = caller(offcpu, top, leaf);
		buf_printf(line, "; %s of it ",
			   text_pct((double)top->value, (double)r->offcpu.total_ns).s);
		text_clean(line, fold_frame(offcpu, top, 0));
		buf_add_str(line, top->tag == OFFCPU_PREEMPTED ? ", preempted in " : " in ");
		text_frame(line, fold_frame(offcpu, top, leaf), 40);
		if (from) {
			buf_add_str(line, " from ");
			text_frame(line, fold_frame(offcpu, top, from), 40);
		}
	}
	add_entry(b, "Waiting", line);
}

static void add_failing(struct buf *line, const char *name, const struct call_stats *s)
{
	text_shorten(line, name, 60);
	buf_printf(line, " failed %s of %s times, %s: ", text_count(s->errors).s,
		   text_count(s->calls).s, text_pct((double)s->errors, (double)s->calls).s);
	text_errors(line, &s->error_types, 3);
}

/* The dearest path by its own time, and what fails most. */
/* How much of the time is in paths, where these were looked for. */
static void add_coverage(struct buf *b, const struct report *r, struct buf *line)
{
	const struct time_share *cpu = &r->attributed.cpu, *offcpu = &r->attributed.offcpu;
	size_t counted = 0;

	if (!r->paths_auto || !r->paths.n)
		return;
	vec_foreach (p, &r->paths)
		counted += !p->sampled;
	if (cpu->all_ns)
		buf_printf(line, "%s of the CPU",
			   text_pct((double)cpu->named_ns, (double)cpu->all_ns).s);
	if (offcpu->all_ns)
		buf_printf(line, "%s%s of the waiting", line->len ? " and " : "",
			   text_pct((double)offcpu->named_ns, (double)offcpu->all_ns).s);
	buf_printf(line, " under %zu named paths (%zu exact)", r->paths.n, counted);
	if (r->attributed.idle_ns)
		buf_printf(line, ", without %s of waiting for work",
			   text_ns(r->attributed.idle_ns).s);
	add_entry(b, "Paths", line);
}

static void add_dearest(struct buf *b, const struct report *r, uint32_t path, struct buf *line)
{
	const struct path *p = &r->paths.v[path];
	const struct call_stats *s = &p->stats;
	_cleanup_(buf_done) struct buf name = {};

	text_path(&name, r, path);
	text_shorten(line, buf_str(&name), 60);
	if (p->sampled)
		buf_printf(line, " took most: about %s itself, of which %s on the CPU",
			   text_ns(s->self_ns).s,
			   text_pct((double)p->cpu_ns, (double)s->total_ns).s);
	else
		buf_printf(line, " took most: %s itself in %s calls, average %s, worst %s",
			   text_ns(s->self_ns).s, text_count(s->calls).s,
			   text_ns(text_average(p)).s, text_ns(s->max_ns).s);
	add_entry(b, "Paths", line);
	if (name.err)
		b->err = name.err;
}

static void add_paths(struct buf *b, const struct report *r, struct buf *line)
{
	_cleanup_(buf_done) struct buf name = {};
	uint32_t dear = REPORT_NONE, failing = REPORT_NONE;

	for (uint32_t i = 0; i < r->paths.n; i++) {
		const struct path *p = &r->paths.v[i];
		const struct call_stats *s = &p->stats;

		if ((s->calls || p->sampled) &&
		    (dear == REPORT_NONE || s->self_ns > r->paths.v[dear].stats.self_ns))
			dear = i;
		if (s->errors &&
		    (failing == REPORT_NONE || s->errors > r->paths.v[failing].stats.errors))
			failing = i;
	}
	add_coverage(b, r, line);
	if (dear != REPORT_NONE)
		add_dearest(b, r, dear, line);
	if (failing != REPORT_NONE) {
		path_format(&name, r, failing, " > ");
		add_failing(line, buf_str(&name), &r->paths.v[failing].stats);
		add_entry(b, "Failing", line);
	}
	if (name.err)
		b->err = name.err;
}

static void add_syscalls(struct buf *b, const struct report *r, struct buf *line)
{
	const struct syscall *worst = NULL;

	vec_foreach (s, &r->syscalls) {
		if (s->stats.errors && (!worst || s->stats.errors > worst->stats.errors))
			worst = s;
	}
	if (!worst)
		return;
	add_failing(line, worst->name, &worst->stats);
	add_entry(b, "Failing", line);
}

/* Which rules are broken: the sentences stand right below. */
static int add_findings(struct buf *b, const struct report *r, struct buf *line)
{
	finding_vec findings = {};
	size_t n = 0;
	int err = findings_make(r, &findings);

	vec_foreach (f, &findings) {
		if (f->inherited || n++ >= FINDINGS_MAX)
			continue;
		buf_printf(line, "%s%s by ", n > 1 ? ", " : "", finding_rule_name(f->rule));
		subject_format(line, r, f->plugin, f->path);
	}
	if (n > FINDINGS_MAX)
		buf_printf(line, ", and %zu more", n - FINDINGS_MAX);
	if (n)
		add_entry(b, "Findings", line);
	findings_done(&findings);
	return err;
}

static void add_trust(struct buf *b, const struct report *r, struct buf *line)
{
	uint64_t lost =
	    r->lost.samples + r->lost.spans + r->lost.events + r->lost.paths + r->lost.stacks;
	uint64_t complete = r->cpu.samples - r->cpu.truncated;

	if (r->cpu.samples)
		buf_printf(line, "%s of the CPU stacks are complete; ",
			   text_pct((double)complete, (double)r->cpu.samples).s);
	if (lost)
		buf_printf(line, "lost records: %s, see Quality", text_count(lost).s);
	else
		buf_add_str(line, "nothing was lost");
	add_entry(b, "Trust", line);
}

int text_summary(struct buf *b, const struct report *r, const struct fold *cpu,
		 const struct fold *offcpu)
{
	_cleanup_(buf_done) struct buf line = {};
	int err;

	text_title(b, "In short");
	add_deaths(b, r, &line);
	err = add_cpu(b, r, cpu, &line);
	add_waiting(b, r, offcpu, &line);
	add_paths(b, r, &line);
	add_syscalls(b, r, &line);
	err = err ? err : add_findings(b, r, &line);
	add_trust(b, r, &line);
	return err ? err : line.err;
}
