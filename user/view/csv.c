/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One flat table for a spreadsheet or pandas: a header line, then one row a thing, told apart by
 * `kind`; cells that mean nothing for a kind are empty.
 *
 *   kind          process, name                   count
 *   target        process name, executable
 *   function      -, function                     samples with it anywhere; self_count: as leaf
 *   cpu_stack     process name, folded stack      samples
 *   offcpu_stack  process name, folded stack      intervals; detail: blocked or preempted
 *   path          -, nodes joined by ';'          finished calls; detail: errors by type;
 *                                                 inside: what went wrong in it, by type
 *   sampled_path  -, nodes joined by ';'          -; times are estimates by stacks, and those of
 *                                                 self_count samples on the CPU, between
 *                                                 cpu_low_ns and cpu_high_ns (95 %)
 *   idle          -, loop and what it calls       times that it waited for work: total_ns
 *   syscall       -, system call                  finished calls; detail: errors by type
 *   plugin        state, plugin                   executions; detail: errors by type; inside:
 *                                                 the object's path
 *   plugin_event  PID's process, plugin           -; detail: what happened; inside: the error;
 *                                                 total_ns: how long it took
 *   finding       -, plugin or path               -; detail: the rule; inside: a sentence
 *   trend         -, plugin or path               calls in both halves; detail: of what;
 *                                                 value: the recent average
 *
 * Quoting is RFC 4180's, lines end in a line feed. A text that a spreadsheet would run as a
 * formula (it begins with = + - @) is given a leading apostrophe.
 */
#include "view/view.h"

#include <errno.h>
#include <string.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "view/csv_out.h"
#include "view/fold.h"
#include "view/hot.h"

static int put_targets(struct csv *c, const struct report *r)
{
	int err = 0;

	for (size_t i = 0; !err && i < r->targets.n; i++) {
		const struct target *t = &r->targets.v[i];
		char name[16], end[32] = "running";
		struct csv_row row = {
			.kind = "target", .process = t->comm, .name = t->exe, .detail = end
		};

		if (t->end == TARGET_EXITED)
			snprintf(end, sizeof(end), "exit %d", t->end_value);
		if (t->end == TARGET_KILLED)
			snprintf(end, sizeof(end), "%s", signal_name(t->end_value, name));
		csv_set(&row, PID, t->pid);
		csv_set(&row, CPU_NS, t->cpu_ns);
		csv_set(&row, READY_NS, t->runq_ns);
		csv_set(&row, OFFCPU_NS, t->blocked_ns);
		err = csv_put(c, &row);
	}
	return err;
}

static int put_functions(struct csv *c, const struct fold *f)
{
	hot_vec functions = {};
	int err = hot_functions(f, &functions);

	for (size_t i = 0; !err && i < functions.n; i++) {
		struct csv_row row = { .kind = "function", .name = functions.v[i].name };

		csv_set(&row, COUNT, functions.v[i].total);
		csv_set(&row, SELF_COUNT, functions.v[i].self);
		err = csv_put(c, &row);
	}
	vec_done(&functions);
	return err;
}

static int put_stacks(struct csv *c, struct fold *f, bool offcpu)
{
	_cleanup_(buf_done) struct buf name = {};
	int err = 0;

	fold_sort_by_value(f);
	for (size_t i = 0; !err && i < f->lines.n; i++) {
		const struct fold_line *line = &f->lines.v[i];
		struct csv_row row = { .kind = offcpu ? "offcpu_stack" : "cpu_stack",
				       .process = fold_frame(f, line, 0) };

		buf_clear(&name);
		fold_format(&name, f, line);
		row.name = buf_str(&name);
		csv_set(&row, COUNT, line->count);
		if (offcpu) {
			row.detail = line->tag == OFFCPU_PREEMPTED ? "preempted" : "blocked";
			csv_set(&row, TOTAL_NS, line->value);
			csv_set(&row, MAX_NS, line->max);
		}
		err = name.err ? name.err : csv_put(c, &row);
	}
	return err;
}

static int put_cpu(struct csv *c, const struct report *r)
{
	_cleanup_(fold_done) struct fold f = {};
	int err = fold_init(&f, r);

	if (!err)
		err = fold_cpu(&f);
	if (!err)
		err = put_functions(c, &f);
	return err ? err : put_stacks(c, &f, false);
}

static int put_offcpu(struct csv *c, const struct report *r)
{
	_cleanup_(fold_done) struct fold f = {};
	int err = fold_init(&f, r);

	if (!err)
		err = fold_offcpu(&f, FOLD_SPLIT);
	return err ? err : put_stacks(c, &f, true);
}

static int put_sampled(struct csv *c, const struct path *p, const char *name)
{
	struct csv_row row = { .kind = "sampled_path", .name = name };

	csv_set(&row, SELF_COUNT, p->estimate.samples);
	csv_set(&row, TOTAL_NS, p->stats.total_ns);
	csv_set(&row, SELF_NS, p->stats.self_ns);
	csv_set(&row, CPU_NS, p->cpu_ns);
	csv_set(&row, CPU_LOW_NS, p->estimate.cpu_low_ns);
	csv_set(&row, CPU_HIGH_NS, p->estimate.cpu_high_ns);
	csv_set(&row, OFFCPU_NS, p->offcpu_ns);
	if (p->estimate.has_calls)
		csv_set(&row, COUNT, p->estimate.calls);
	return csv_put(c, &row);
}

static int put_idle(struct csv *c, const struct report *r)
{
	int err = 0;

	for (size_t i = 0; !err && i < r->idle.n; i++) {
		struct csv_row row = { .kind = "idle", .name = r->idle.v[i].where };

		csv_set(&row, COUNT, r->idle.v[i].count);
		csv_set(&row, TOTAL_NS, r->idle.v[i].total_ns);
		err = csv_put(c, &row);
	}
	return err;
}

static int put_paths(struct csv *c, const struct report *r)
{
	_cleanup_(buf_done) struct buf name = {};
	_cleanup_(buf_done) struct buf detail = {};
	_cleanup_(buf_done) struct buf inside = {};
	int err = 0;

	for (uint32_t i = 0; !err && i < r->paths.n; i++) {
		const struct path *p = &r->paths.v[i];
		struct csv_row row = { .kind = "path" };

		buf_clear(&name);
		path_format(&name, r, i, ";");
		row.name = buf_str(&name);
		if (p->sampled) {
			err = name.err ? name.err : put_sampled(c, p, row.name);
			continue;
		}
		row.inside = csv_errors(&inside, &p->inside);
		csv_set_stats(&row, &p->stats, &detail);
		csv_set(&row, OPEN, p->open);
		csv_set(&row, UNWOUND, p->unwound);
		csv_set(&row, UNTIMED, p->untimed);
		csv_set(&row, DEPTH_MAX, p->depth_max);
		csv_set(&row, SELF_NS, p->stats.self_ns);
		if (p->has_cpu) {
			csv_set(&row, CPU_NS, p->cpu_ns);
			csv_set(&row, OFFCPU_NS, p->offcpu_ns);
		}
		err = name.err || detail.err || inside.err ? -ENOMEM : csv_put(c, &row);
	}
	return err;
}

static int put_syscalls(struct csv *c, const struct report *r)
{
	_cleanup_(buf_done) struct buf detail = {};
	int err = 0;

	for (size_t i = 0; !err && i < r->syscalls.n; i++) {
		struct csv_row row = { .kind = "syscall", .name = r->syscalls.v[i].name };

		csv_set_stats(&row, &r->syscalls.v[i].stats, &detail);
		err = detail.err ? detail.err : csv_put(c, &row);
	}
	return err;
}

static int render(const struct report *r, FILE *out)
{
	struct csv c = { .out = out };
	int err;

	csv_put_header(&c);
	err = put_targets(&c, r);
	if (!err)
		err = put_cpu(&c, r);
	if (!err)
		err = put_offcpu(&c, r);
	if (!err)
		err = put_paths(&c, r);
	if (!err)
		err = put_idle(&c, r);
	if (!err)
		err = put_syscalls(&c, r);
	if (!err)
		err = csv_put_plugins(&c, r);
	if (!err)
		err = csv_put_analysis(&c, r);
	csv_done(&c);
	return err;
}

const struct view view_csv = { .name = "csv", .suffix = ".csv", .render = render };
