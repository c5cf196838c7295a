/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes the pieces of the HTML report's data. */
#include "view/html_writer.h"

#include <inttypes.h>

void html_writer_done(struct html_writer *w)
{
	buf_done(&w->strings);
	buf_done(&w->text);
	table_done(&w->index);
}

/* `s` is UTF-8 without control characters. */
void html_json_text(struct buf *b, const char *s)
{
	buf_add_char(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_printf(b, "\\%c", *s);
		else if (*s == '<' || *s == '>' || *s == '&')
			buf_printf(b, "\\u%04x", (unsigned int)*s);
		else
			buf_add_char(b, *s);
	}
	buf_add_char(b, '"');
}

/* The number of what stands in w->text. */
uint32_t html_intern(struct html_writer *w)
{
	const char *s = buf_str(&w->text);
	uint32_t id = table_find(&w->index, s, w->text.len);

	w->err = w->err ?: w->text.err;
	if (id != TABLE_NONE)
		return id;
	id = w->n_strings++;
	w->err = w->err ?: table_add(&w->index, s, w->text.len, id);
	buf_add_str(&w->strings, id ? ",\n" : "");
	html_json_text(&w->strings, s);
	return id;
}

/* Appends a string's number, -1 for NULL. */
void html_str(struct html_writer *w, const char *s)
{
	if (!s) {
		buf_add_str(w->out, "-1");
		return;
	}
	buf_clear(&w->text);
	text_clean(&w->text, s);
	buf_printf(w->out, "%" PRIu32, html_intern(w));
}

void html_u64(struct html_writer *w, uint64_t value)
{
	buf_printf(w->out, "%" PRIu64, value);
}

void html_comma(struct html_writer *w)
{
	buf_add_char(w->out, ',');
}

const char *html_object_name(const struct report *r, uint32_t object)
{
	return object < r->objects.n ? r->objects.v[object].name : NULL;
}

/* [type, count], … */
void html_errors(struct html_writer *w, const error_count_vec *v)
{
	vec_foreach (e, v) {
		buf_add_str(w->out, e > v->v ? ",[" : "[");
		html_str(w, e->type);
		buf_printf(w->out, ",%" PRIu64 "]", e->count);
	}
}

/* calls, errors, p50, p99, max, total, self, [[type, count], …] */
void html_stats(struct html_writer *w, const struct call_stats *s)
{
	uint64_t p50 = 0, p99 = 0;

	if (s->hist) {
		p50 = hist_quantile(s->hist, 0.50, s->min_ns, s->max_ns);
		p99 = hist_quantile(s->hist, 0.99, s->min_ns, s->max_ns);
	}
	buf_printf(w->out,
		   "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
		   ",%" PRIu64 ",[",
		   s->calls, s->errors, p50, p99, s->max_ns, s->total_ns, s->self_ns);
	html_errors(w, &s->error_types);
	buf_add_char(w->out, ']');
}
