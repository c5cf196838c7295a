/* SPDX-License-Identifier: GPL-2.0-only */
/* The text report's lines: headings, paragraphs, lists and stacks that wrap. */
#include "view/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/cleanup.h"
#include "view/fold.h"

/* Names in stacks are cut to this, so that two or three share a line. */
#define STACK_NAME_WIDTH 44

static void add_spaces(struct buf *b, size_t n)
{
	while (n--)
		buf_add_char(b, ' ');
}

/* Words of clean text, from the current column on. A word longer than a line is cut. */
static void add_words(struct buf *b, size_t column, size_t hang, const char *text)
{
	_cleanup_(buf_done) struct buf word = {};
	bool first = true;

	while (*text) {
		size_t len = strcspn(text, " "), columns;

		buf_clear(&word);
		buf_add(&word, text, len);
		if (word.err)
			b->err = word.err;
		columns = text_columns(buf_str(&word));
		if (!first && column + 1 + columns > TEXT_WIDTH) {
			buf_add_char(b, '\n');
			add_spaces(b, hang);
			column = hang;
			first = true;
		}
		if (!first) {
			buf_add_char(b, ' ');
			column++;
		}
		if (columns > TEXT_WIDTH - column)
			columns = TEXT_WIDTH - column;
		text_shorten(b, buf_str(&word), columns);
		column += columns;
		first = false;
		text += len;
		text += strspn(text, " ");
	}
	buf_add_char(b, '\n');
}

/* Columns of the line that is being written. */
static size_t current_column(const struct buf *b)
{
	size_t start = b->len;

	while (start && b->data[start - 1] != '\n')
		start--;
	return text_columns(buf_str(b) + start);
}

static void add_para(struct buf *b, size_t hang, const char *fmt, va_list args)
{
	_cleanup_(buf_done) struct buf raw = {};
	_cleanup_(buf_done) struct buf clean = {};

	buf_vprintf(&raw, fmt, args);
	text_clean(&clean, buf_str(&raw));
	if (raw.err || clean.err)
		b->err = -ENOMEM;
	add_words(b, current_column(b), hang, buf_str(&clean));
}

void text_title(struct buf *b, const char *title)
{
	buf_printf(b, "\n%s\n", title);
}

void text_heading(struct buf *b, const char *title, const char *fmt, ...)
{
	va_list args;

	buf_printf(b, "\n%s: ", title);
	va_start(args, fmt);
	add_para(b, 2, fmt, args);
	va_end(args);
}

void text_para(struct buf *b, size_t indent, size_t hang, const char *fmt, ...)
{
	size_t column = current_column(b);
	va_list args;

	if (column < indent)
		add_spaces(b, indent - column);
	va_start(args, fmt);
	add_para(b, hang, fmt, args);
	va_end(args);
}

void text_list_add(struct text_list *l, const char *separator, const char *item)
{
	size_t columns = text_columns(item), before = strlen(separator);

	if (l->column > l->hang && l->column + before + columns > TEXT_WIDTH) {
		buf_add_char(l->b, '\n');
		add_spaces(l->b, l->hang);
		l->column = l->hang;
		l->lines++;
		separator += strspn(separator, " ");
		before = strlen(separator);
	}
	buf_add_str(l->b, separator);
	buf_add_str(l->b, item);
	l->column += before + columns;
}

uint32_t text_leaf(const struct fold *f, const struct fold_line *line)
{
	static const char *const noise[] = { "schedule_[k]", "__schedule_[k]",
					     "__traceiter_sched_switch_[k]",
					     "preempt_schedule_common_[k]", "__cond_resched_[k]" };
	uint32_t i = fold_depth(f, line) - 1;

	for (size_t n = 0; i > 1 && n < sizeof(noise) / sizeof(noise[0]);) {
		if (strcmp(fold_frame(f, line, i), noise[n++]))
			continue;
		i--;
		n = 0;
	}
	return i;
}

#define KERNEL_SHOWN 2 /* frames of the kernel in a line */

static bool is_kernel(const char *frame)
{
	size_t len = strlen(frame);

	return len > 4 && !strcmp(frame + len - 4, "_[k]");
}

void text_stack(struct buf *b, const struct fold *f, const struct fold_line *line, size_t hang,
		size_t lines)
{
	struct text_list list = { .b = b, .column = current_column(b), .hang = hang, .lines = 1 };
	_cleanup_(buf_done) struct buf name = {};
	const char *separator = "";
	uint32_t kernel = 0;

	for (uint32_t i = text_leaf(f, line); i; i--) {
		if (is_kernel(fold_frame(f, line, i)) && ++kernel > KERNEL_SHOWN) {
			/* The way into the kernel says less than who took it. */
			separator = " < .. < ";
			continue;
		}
		buf_clear(&name);
		text_frame(&name, fold_frame(f, line, i), STACK_NAME_WIDTH);
		if (name.err)
			b->err = name.err;
		/* The last line keeps room for the remark that frames are left out. */
		if (list.lines == lines && i > 1 &&
		    list.column + text_columns(buf_str(&name)) + 20 > TEXT_WIDTH) {
			buf_printf(b, " < ... %" PRIu32 " more", i);
			break;
		}
		text_list_add(&list, separator, buf_str(&name));
		separator = " < ";
	}
	buf_add_char(b, '\n');
}

/* The most frequent type that comes after `before` (NULL: any) in the order of frequency. */
static const struct error_count *next_error(const error_count_vec *v,
					    const struct error_count *before)
{
	const struct error_count *best = NULL;

	vec_foreach (e, v) {
		if (before &&
		    (e->count > before->count || (e->count == before->count && e <= before)))
			continue;
		if (!best || e->count > best->count)
			best = e;
	}
	return best;
}

void text_errors(struct buf *b, const error_count_vec *v, size_t max)
{
	const struct error_count *e = NULL;
	size_t n;

	for (n = 0; n < max && (e = next_error(v, e)); n++) {
		buf_add_str(b, n ? ", " : "");
		text_clean(b, e->type);
		buf_printf(b, " %s", text_count(e->count).s);
	}
	if (v->n > n)
		buf_printf(b, ", %zu other types", v->n - n);
}

void text_short_files(struct buf *b, const char *s)
{
	for (; *s; s++) {
		size_t len = strcspn(s, ")");
		const char *last = *s == '(' ? memrchr(s, '/', len) : NULL;

		buf_add_char(b, *s);
		if (last)
			s = last;
	}
}

static void add_node(struct buf *b, const struct node *n)
{
	_cleanup_(buf_done) struct buf name = {};

	if (n->kind < NODE_PYTHON) {
		name_format(b, n->name);
		return;
	}
	text_short_files(&name, n->name);
	text_clean(b, buf_str(&name));
	if (name.err)
		b->err = name.err;
}

void text_path_node(struct buf *b, const struct report *r, uint32_t path)
{
	uint32_t node = r->paths.v[path].node;

	if (node < r->nodes.n)
		add_node(b, &r->nodes.v[node]);
	else
		buf_add_str(b, "[unknown]");
}

void text_path(struct buf *b, const struct report *r, uint32_t path)
{
	uint32_t parent = r->paths.v[path].parent;

	if (parent < path) {
		text_path(b, r, parent);
		buf_add_str(b, " > ");
	}
	text_path_node(b, r, path);
}

uint64_t text_average(const struct path *p)
{
	uint64_t calls = p->stats.calls;

	return calls > p->untimed ? p->stats.total_ns / (calls - p->untimed) : 0;
}

uint64_t text_cpu_ns(const struct report *r)
{
	uint64_t ns = 0;

	vec_foreach (t, &r->targets)
		ns += t->cpu_ns;
	return ns;
}
