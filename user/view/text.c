/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text report: plain text for a terminal or a pager, 80 columns. What was traced and a
 * summary come first; the sections behind it hold the evidence, and the last ones say how far
 * it can be trusted and what it cost.
 */
#include "view/view.h"

#include <errno.h>
#include <time.h>

#include "lib/cleanup.h"
#include "view/fold.h"
#include "view/text.h"

#define TARGETS_MAX 8

static void add_title(struct buf *b, const struct report *r)
{
	time_t sec = (time_t)(r->started_ns / 1000000000);
	char date[40] = "";
	struct tm tm;

	if (gmtime_r(&sec, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	text_para(b, 0, 2, "pathbpf %s, traced %s from %s", r->version ? r->version : "",
		  text_ns(report_traced_ns(r)).s, date);
	if (r->pauses)
		text_para(b, 2, 4, "paused on request for %s", text_ns(r->paused_ns).s);
	if (r->command)
		text_para(b, 2, 4, "%s", r->command);
	if (r->kernel)
		text_para(b, 2, 4, "Linux %s %s, %u CPUs", r->kernel, r->arch ? r->arch : "",
			  r->cpus);
}

static const char *ending(const struct target *t, char buf[32])
{
	char name[16];

	switch (t->end) {
	case TARGET_RUNS:
		snprintf(buf, 32, "running");
		break;
	case TARGET_EXITED:
		snprintf(buf, 32, "exit %d", t->end_value);
		break;
	case TARGET_KILLED:
		snprintf(buf, 32, "%s", signal_name(t->end_value, name));
		break;
	}
	return buf;
}

static int by_cpu(const void *a, const void *b)
{
	const struct target *x = *(const struct target *const *)a;
	const struct target *y = *(const struct target *const *)b;

	if (x->cpu_ns != y->cpu_ns)
		return x->cpu_ns > y->cpu_ns ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static void add_target(struct buf *b, const struct report *r, const struct target *t)
{
	char end[32];

	buf_printf(b, "%9u  ", t->pid);
	text_pad(b, t->comm, 15);
	buf_printf(b, " %7s %8s %8s %8s %7s  %s\n",
		   text_pct((double)t->cpu_ns, (double)report_traced_ns(r)).s, text_ns(t->cpu_ns).s,
		   text_ns(t->runq_ns).s, text_ns(t->blocked_ns).s, text_count(t->threads_seen).s,
		   ending(t, end));
}

int text_header(struct buf *b, const struct report *r)
{
	_cleanup_free_ const struct target **order = NULL;
	size_t n = r->targets.n;

	add_title(b, r);
	if (!n) {
		text_para(b, 2, 2, "No process was seen that matches.");
		return 0;
	}
	order = calloc(n, sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		order[i] = &r->targets.v[i];
	qsort(order, n, sizeof(*order), by_cpu);
	buf_printf(b, "\n%9s  %-15s %7s %8s %8s %8s %7s  %s\n", "PID", "PROCESS", "CPU", "ON CPU",
		   "RUNQUEUE", "BLOCKED", "THREADS", "STATE");
	for (size_t i = 0; i < n && i < TARGETS_MAX; i++)
		add_target(b, r, order[i]);
	if (n > TARGETS_MAX)
		buf_printf(b, "%11sand %zu more\n", "", n - TARGETS_MAX);
	return 0;
}

static int add_sections(struct buf *b, const struct report *r, const struct fold *cpu,
			const struct fold *offcpu)
{
	int err;

	err = text_header(b, r);
	if (!err)
		err = text_summary(b, r, cpu, offcpu);
	if (!err)
		err = text_findings(b, r);
	if (!err)
		err = text_trends(b, r);
	if (!err)
		err = text_cpu(b, r, cpu);
	if (!err)
		err = text_offcpu(b, r, offcpu);
	if (!err)
		err = text_paths(b, r);
	if (!err)
		err = text_timelines(b, r);
	if (!err)
		err = text_plugins(b, r);
	if (!err)
		err = text_syscalls(b, r);
	if (!err)
		err = text_processes(b, r);
	if (!err)
		err = text_gaps(b, r);
	if (!err)
		err = text_quality(b, r);
	return err ? err : b->err;
}

static int render(const struct report *r, FILE *out)
{
	_cleanup_(fold_done) struct fold cpu = {};
	_cleanup_(fold_done) struct fold offcpu = {};
	_cleanup_(buf_done) struct buf b = {};
	int err;

	err = fold_init(&cpu, r);
	if (!err)
		err = fold_cpu(&cpu);
	if (!err)
		err = fold_init(&offcpu, r);
	if (!err)
		err = fold_offcpu(&offcpu, FOLD_SPLIT);
	if (err)
		return err;
	fold_sort_by_value(&cpu);
	fold_sort_by_value(&offcpu);
	err = add_sections(&b, r, &cpu, &offcpu);
	if (!err)
		fwrite(b.data, 1, b.len, out);
	return err;
}

const struct view view_text = { .name = "text", .suffix = ".txt", .render = render };
