/* SPDX-License-Identifier: GPL-2.0-only */
/* Text report: system calls, their errors, and where the dearest and the failing ones come from. */
#include "view/text.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "view/fold.h"

#define CALLS_MAX   12
#define ORIGINS_MAX 3

/* Indices of system calls; those that failed most where they would have fallen off the end. */
struct order {
	const struct report *r;
	bool by_errors;
};

static int compare(const void *a, const void *b, void *arg)
{
	const struct order *o = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	const struct call_stats *x = &o->r->syscalls.v[i].stats, *y = &o->r->syscalls.v[j].stats;
	uint64_t v = o->by_errors ? x->errors : x->total_ns;
	uint64_t w = o->by_errors ? y->errors : y->total_ns;

	if (v != w)
		return v > w ? -1 : 1;
	return i < j ? -1 : 1;
}

static uint32_t *sorted(const struct report *r, bool by_errors)
{
	struct order o = { .r = r, .by_errors = by_errors };
	uint32_t *calls = calloc(r->syscalls.n, sizeof(*calls));

	if (!calls)
		return NULL;
	for (uint32_t i = 0; i < r->syscalls.n; i++)
		calls[i] = i;
	qsort_r(calls, r->syscalls.n, sizeof(*calls), compare, &o);
	return calls;
}

static void add_call(struct buf *b, const struct syscall *c)
{
	const struct call_stats *s = &c->stats;
	_cleanup_(buf_done) struct buf errors = {};

	buf_add_str(b, "  ");
	text_pad(b, c->name, 18);
	buf_printf(b, " %7s %7s %6s", text_count(s->calls).s, text_count(s->errors).s,
		   text_pct((double)s->errors, (double)s->calls).s);
	if (s->calls)
		buf_printf(
		    b, " %7s %7s %7s %7s", text_ns(s->total_ns).s,
		    text_ns(s->total_ns / s->calls).s,
		    text_ns(s->hist ? hist_quantile(s->hist, 0.99, s->min_ns, s->max_ns) : 0).s,
		    text_ns(s->max_ns).s);
	buf_add_char(b, '\n');
	if (!s->error_types.n)
		return;
	text_errors(&errors, &s->error_types, 5);
	text_para(b, 6, 6, "%s", buf_str(&errors));
	if (errors.err)
		b->err = errors.err;
}

/* The path that made most of a system call's time, or most of its errors; NULL: none known. */
static const struct syscall_path *top_path(const struct report *r, uint32_t call, bool by_errors)
{
	const struct syscall_path *top = NULL;
	uint64_t most = 0;

	vec_foreach (p, &r->syscall_paths) {
		uint64_t value = by_errors ? p->errors : p->total_ns;

		if (p->syscall == call && value > most) {
			most = value;
			top = p;
		}
	}
	return top;
}

static void add_top_path(struct buf *b, const struct report *r, uint32_t call, bool by_errors)
{
	const struct syscall_path *top = top_path(r, call, by_errors);
	const struct call_stats *s = &r->syscalls.v[call].stats;
	_cleanup_(buf_done) struct buf name = {};

	/* Without spans, all of it is outside them: no news. */
	if (!top || !r->has_spans)
		return;
	if (top->path < r->paths.n)
		path_format(&name, r, top->path, " > ");
	else
		buf_add_str(&name, "outside every traced function");
	text_para(b, 6, 8, "%s of its %s: %s",
		  by_errors ? text_pct((double)top->errors, (double)s->errors).s
			    : text_pct((double)top->total_ns, (double)s->total_ns).s,
		  by_errors ? "errors" : "time", buf_str(&name));
}

/* The most frequent sampled stack of a system call; of the failing ones only, if asked. */
static const struct fold_line *top_stack(const struct fold *f, uint32_t call, bool failed,
					 uint64_t *ret_all)
{
	const struct fold_line *top = NULL;
	uint64_t all = 0;

	vec_foreach (line, &f->lines) {
		if (fold_syscall(line) != call || (failed && !fold_error(f, line)))
			continue;
		all += line->value;
		if (!top || line->value > top->value)
			top = line;
	}
	*ret_all = all;
	return top;
}

static void add_origin(struct buf *b, const struct report *r, const struct fold *f, uint32_t call,
		       bool by_errors)
{
	const struct call_stats *s = &r->syscalls.v[call].stats;
	const struct fold_line *top;
	const char *error;
	uint64_t all;

	top = top_stack(f, call, by_errors, &all);
	if (!top && !top_path(r, call, by_errors))
		return;
	buf_add_str(b, "    ");
	text_shorten(b, r->syscalls.v[call].name, 30);
	if (by_errors)
		buf_printf(b, ", %s errors\n", text_count(s->errors).s);
	else
		buf_printf(b, ", %s\n", text_ns(s->total_ns).s);
	add_top_path(b, r, call, by_errors);
	if (!top)
		return;
	error = fold_error(f, top);
	buf_printf(b, "      %s of its sampled %s", text_pct((double)top->value, (double)all).s,
		   by_errors ? "errors" : "calls");
	buf_add_str(b, error ? ", " : "");
	text_shorten(b, error ? error : "", 20);
	buf_add_str(b, ": ");
	text_shorten(b, fold_frame(f, top, 0), 20);
	buf_printf(b, "\n%8s", "");
	text_stack(b, f, top, 8, 2);
}

static void add_origins(struct buf *b, const struct report *r, const struct fold *f,
			const uint32_t *calls, bool by_errors)
{
	size_t start, title;

	start = b->len;
	buf_printf(b, "\n  Where the %s come from:\n",
		   by_errors ? "most failing ones" : "dearest ones");
	title = b->len;
	for (size_t i = 0; i < r->syscalls.n && i < ORIGINS_MAX; i++) {
		if (!by_errors || r->syscalls.v[calls[i]].stats.errors)
			add_origin(b, r, f, calls[i], by_errors);
	}
	if (b->len == title && !b->err) {
		b->len = start;
		b->data[start] = '\0';
	}
}

/* The dearest ones, and those that failed most. */
static void add_table(struct buf *b, const struct report *r, const uint32_t *by_time,
		      const uint32_t *by_errors)
{
	size_t shown = r->syscalls.n < CALLS_MAX ? r->syscalls.n : CALLS_MAX;
	uint64_t last = r->syscalls.v[by_time[shown - 1]].stats.total_ns;

	buf_printf(b, "  %-18s %7s %7s %6s %7s %7s %7s %7s\n", "NAME", "CALLS", "ERRORS", "ERR%",
		   "TOTAL", "AVG", "P99", "MAX");
	for (size_t i = 0; i < shown; i++)
		add_call(b, &r->syscalls.v[by_time[i]]);
	for (size_t i = 0; i < r->syscalls.n && i < ORIGINS_MAX; i++) {
		const struct syscall *c = &r->syscalls.v[by_errors[i]];

		if (r->syscalls.n > shown && c->stats.errors && c->stats.total_ns < last) {
			add_call(b, c);
			shown++;
		}
	}
	if (shown < r->syscalls.n)
		buf_printf(b, "  %zu more; -o FILE.json or FILE.csv shows all\n",
			   r->syscalls.n - shown);
}

int text_syscalls(struct buf *b, const struct report *r)
{
	_cleanup_free_ uint32_t *by_time = NULL, *by_errors = NULL;
	_cleanup_(fold_done) struct fold f = {};
	uint64_t calls = 0, errors = 0;
	int err;

	if (!r->has_syscalls)
		return 0;
	if (!r->syscalls.n) {
		text_heading(b, "System calls", "none was made");
		return 0;
	}
	err = fold_init(&f, r);
	if (!err)
		err = fold_syscalls(&f);
	if (err)
		return err;
	fold_sort_by_value(&f);
	by_time = sorted(r, false);
	by_errors = sorted(r, true);
	if (!by_time || !by_errors)
		return -ENOMEM;
	vec_foreach (c, &r->syscalls) {
		calls += c->stats.calls;
		errors += c->stats.errors;
	}
	text_heading(b, "System calls", "%s calls, %s failed", text_count(calls).s,
		     text_count(errors).s);
	add_table(b, r, by_time, by_errors);
	add_origins(b, r, &f, by_time, false);
	add_origins(b, r, &f, by_errors, true);
	return 0;
}
