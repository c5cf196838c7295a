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
 *   syscall       -, system call                  finished calls; detail: errors by type
 *
 * Quoting is RFC 4180's, lines end in a line feed. A text that a spreadsheet would run as a
 * formula (it begins with = + - @) is given a leading apostrophe.
 */
#include "view/view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "view/fold.h"
#include "view/hot.h"

/* The numeric columns, in order. */
enum column {
	PID,
	COUNT,
	SELF_COUNT,
	ERRORS,
	TOTAL_NS,
	SELF_NS,
	CPU_NS,
	READY_NS,
	OFFCPU_NS,
	MIN_NS,
	P50_NS,
	P90_NS,
	P99_NS,
	P999_NS,
	MAX_NS,
	OPEN,
	UNWOUND,
	UNTIMED,
	DEPTH_MAX,
	COLUMNS
};

#define HEADER                                                                                     \
	"kind,process,name,detail,pid,count,self_count,errors,total_ns,self_ns,cpu_ns,ready_ns,"   \
	"offcpu_ns,min_ns,p50_ns,p90_ns,p99_ns,p999_ns,max_ns,"                                    \
	"open,unwound,untimed,depth_max,inside\n"

struct row {
	const char *kind, *process, *name, *detail, *inside; /* NULL: empty */
	uint64_t numbers[COLUMNS];
	bool known[COLUMNS];
};

struct csv {
	FILE *out;
	struct buf line, cell;
};

static void set(struct row *row, enum column column, uint64_t value)
{
	row->numbers[column] = value;
	row->known[column] = true;
}

/* Clean text holds no line breaks or tabs; what is left to fear are quotes and formulas. */
static void add_text(struct csv *c, const char *text)
{
	bool quoted;

	buf_clear(&c->cell);
	text_clean(&c->cell, text);
	text = buf_str(&c->cell);
	quoted = strpbrk(text, ",;\"");
	if (quoted)
		buf_add_char(&c->line, '"');
	if (text[0] && strchr("=+-@", text[0]))
		buf_add_char(&c->line, '\'');
	for (; *text; text++) {
		if (*text == '"')
			buf_add_char(&c->line, '"');
		buf_add_char(&c->line, *text);
	}
	if (quoted)
		buf_add_char(&c->line, '"');
}

static int put(struct csv *c, const struct row *row)
{
	buf_clear(&c->line);
	buf_add_str(&c->line, row->kind);
	buf_add_char(&c->line, ',');
	add_text(c, row->process);
	buf_add_char(&c->line, ',');
	add_text(c, row->name);
	buf_add_char(&c->line, ',');
	add_text(c, row->detail);
	for (int i = 0; i < COLUMNS; i++) {
		buf_add_char(&c->line, ',');
		if (row->known[i])
			buf_printf(&c->line, "%" PRIu64, row->numbers[i]);
	}
	buf_add_char(&c->line, ',');
	add_text(c, row->inside);
	buf_add_char(&c->line, '\n');
	if (c->line.err || c->cell.err)
		return -ENOMEM;
	fwrite(c->line.data, 1, c->line.len, c->out);
	return 0;
}

static int put_targets(struct csv *c, const struct report *r)
{
	int err = 0;

	for (size_t i = 0; !err && i < r->targets.n; i++) {
		const struct target *t = &r->targets.v[i];
		char name[16], end[32] = "running";
		struct row row = {
			.kind = "target", .process = t->comm, .name = t->exe, .detail = end
		};

		if (t->end == TARGET_EXITED)
			snprintf(end, sizeof(end), "exit %d", t->end_value);
		if (t->end == TARGET_KILLED)
			snprintf(end, sizeof(end), "%s", signal_name(t->end_value, name));
		set(&row, PID, t->pid);
		set(&row, CPU_NS, t->cpu_ns);
		set(&row, READY_NS, t->runq_ns);
		set(&row, OFFCPU_NS, t->blocked_ns);
		err = put(c, &row);
	}
	return err;
}

static int put_functions(struct csv *c, const struct fold *f)
{
	hot_vec functions = {};
	int err = hot_functions(f, &functions);

	for (size_t i = 0; !err && i < functions.n; i++) {
		struct row row = { .kind = "function", .name = functions.v[i].name };

		set(&row, COUNT, functions.v[i].total);
		set(&row, SELF_COUNT, functions.v[i].self);
		err = put(c, &row);
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
		struct row row = { .kind = offcpu ? "offcpu_stack" : "cpu_stack",
				   .process = fold_frame(f, line, 0) };

		buf_clear(&name);
		fold_format(&name, f, line);
		row.name = buf_str(&name);
		set(&row, COUNT, line->count);
		if (offcpu) {
			row.detail = line->tag == OFFCPU_PREEMPTED ? "preempted" : "blocked";
			set(&row, TOTAL_NS, line->value);
			set(&row, MAX_NS, line->max);
		}
		err = name.err ? name.err : put(c, &row);
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

/* "EAGAIN: 5, EINTR: 1" */
static const char *list_errors(struct buf *b, const error_count_vec *v)
{
	buf_clear(b);
	vec_foreach (e, v)
		buf_printf(b, "%s%s: %" PRIu64, b->len ? ", " : "", e->type, e->count);
	return buf_str(b);
}

/* The buffer holds the row's detail. */
static void set_stats(struct row *row, const struct call_stats *s, struct buf *detail)
{
	row->detail = list_errors(detail, &s->error_types);
	set(row, COUNT, s->calls);
	set(row, ERRORS, s->errors);
	set(row, TOTAL_NS, s->total_ns);
	if (!s->calls)
		return;
	set(row, MIN_NS, s->min_ns);
	set(row, MAX_NS, s->max_ns);
	if (!s->hist)
		return;
	set(row, P50_NS, hist_quantile(s->hist, 0.5, s->min_ns, s->max_ns));
	set(row, P90_NS, hist_quantile(s->hist, 0.9, s->min_ns, s->max_ns));
	set(row, P99_NS, hist_quantile(s->hist, 0.99, s->min_ns, s->max_ns));
	set(row, P999_NS, hist_quantile(s->hist, 0.999, s->min_ns, s->max_ns));
}

static int put_paths(struct csv *c, const struct report *r)
{
	_cleanup_(buf_done) struct buf name = {};
	_cleanup_(buf_done) struct buf detail = {};
	_cleanup_(buf_done) struct buf inside = {};
	int err = 0;

	for (uint32_t i = 0; !err && i < r->paths.n; i++) {
		const struct path *p = &r->paths.v[i];
		struct row row = { .kind = "path" };

		buf_clear(&name);
		path_format(&name, r, i, ";");
		row.name = buf_str(&name);
		row.inside = list_errors(&inside, &p->inside);
		set_stats(&row, &p->stats, &detail);
		set(&row, OPEN, p->open);
		set(&row, UNWOUND, p->unwound);
		set(&row, UNTIMED, p->untimed);
		set(&row, DEPTH_MAX, p->depth_max);
		set(&row, SELF_NS, p->stats.self_ns);
		if (p->has_cpu) {
			set(&row, CPU_NS, p->cpu_ns);
			set(&row, OFFCPU_NS, p->offcpu_ns);
		}
		err = name.err || detail.err || inside.err ? -ENOMEM : put(c, &row);
	}
	return err;
}

static int put_syscalls(struct csv *c, const struct report *r)
{
	_cleanup_(buf_done) struct buf detail = {};
	int err = 0;

	for (size_t i = 0; !err && i < r->syscalls.n; i++) {
		struct row row = { .kind = "syscall", .name = r->syscalls.v[i].name };

		set_stats(&row, &r->syscalls.v[i].stats, &detail);
		err = detail.err ? detail.err : put(c, &row);
	}
	return err;
}

static int render(const struct report *r, FILE *out)
{
	struct csv c = { .out = out };
	int err;

	fputs(HEADER, out);
	err = put_targets(&c, r);
	if (!err)
		err = put_cpu(&c, r);
	if (!err)
		err = put_offcpu(&c, r);
	if (!err)
		err = put_paths(&c, r);
	if (!err)
		err = put_syscalls(&c, r);
	buf_done(&c.line);
	buf_done(&c.cell);
	return err;
}

const struct view view_csv = { .name = "csv", .suffix = ".csv", .render = render };
