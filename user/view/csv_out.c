/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes the rows of the CSV table. */
#include "view/csv_out.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define HEADER                                                                                     \
	"kind,process,name,detail,pid,count,self_count,errors,total_ns,self_ns,cpu_ns,ready_ns,"   \
	"offcpu_ns,min_ns,p50_ns,p90_ns,p99_ns,p999_ns,max_ns,"                                    \
	"open,unwound,untimed,depth_max,inside,"                                                   \
	"tid,time_ns,ok,timed_out,peak_concurrency,exceptions,crashes,loads,load_errors,unloads,"  \
	"reopens,closes,avg_ns,load_avg_ns,load_max_ns,constructors_ns,destructors_ns,gap_ns,"     \
	"waited_ns,allocs,alloc_bytes,mapped_bytes,page_faults,first_seen_ns,last_activity_ns,"    \
	"up_ns,cpu_low_ns,cpu_high_ns,error_pct,success_pct,cpu_pct,uptime_pct,value,limit,"       \
	"before,change_pct,noise_pct\n"

void csv_done(struct csv *c)
{
	buf_done(&c->line);
	buf_done(&c->cell);
}

void csv_put_header(struct csv *c)
{
	fputs(HEADER, c->out);
}

void csv_set(struct csv_row *row, enum column column, uint64_t value)
{
	row->numbers[column] = value;
	row->known[column] = true;
}

void csv_set_real(struct csv_row *row, enum real_column column, double value)
{
	row->reals[column] = value;
	row->real_known[column] = isfinite(value);
}

const char *csv_errors(struct buf *b, const error_count_vec *v)
{
	buf_clear(b);
	vec_foreach (e, v)
		buf_printf(b, "%s%s: %" PRIu64, b->len ? ", " : "", e->type, e->count);
	return buf_str(b);
}

void csv_set_stats(struct csv_row *row, const struct call_stats *s, struct buf *detail)
{
	row->detail = csv_errors(detail, &s->error_types);
	csv_set(row, COUNT, s->calls);
	csv_set(row, ERRORS, s->errors);
	csv_set(row, TOTAL_NS, s->total_ns);
	if (!s->calls)
		return;
	csv_set(row, MIN_NS, s->min_ns);
	csv_set(row, MAX_NS, s->max_ns);
	if (!s->hist)
		return;
	csv_set(row, P50_NS, hist_quantile(s->hist, 0.5, s->min_ns, s->max_ns));
	csv_set(row, P90_NS, hist_quantile(s->hist, 0.9, s->min_ns, s->max_ns));
	csv_set(row, P99_NS, hist_quantile(s->hist, 0.99, s->min_ns, s->max_ns));
	csv_set(row, P999_NS, hist_quantile(s->hist, 0.999, s->min_ns, s->max_ns));
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

static void add_numbers(struct csv *c, const struct csv_row *row, int from, int to)
{
	for (int i = from; i < to; i++) {
		buf_add_char(&c->line, ',');
		if (row->known[i])
			buf_printf(&c->line, "%" PRIu64, row->numbers[i]);
	}
}

int csv_put(struct csv *c, const struct csv_row *row)
{
	buf_clear(&c->line);
	buf_add_str(&c->line, row->kind);
	buf_add_char(&c->line, ',');
	add_text(c, row->process);
	buf_add_char(&c->line, ',');
	add_text(c, row->name);
	buf_add_char(&c->line, ',');
	add_text(c, row->detail);
	add_numbers(c, row, 0, BEFORE_INSIDE);
	buf_add_char(&c->line, ',');
	add_text(c, row->inside);
	add_numbers(c, row, BEFORE_INSIDE, COLUMNS);
	for (int i = 0; i < REAL_COLUMNS; i++) {
		buf_add_char(&c->line, ',');
		if (row->real_known[i])
			buf_printf(&c->line, "%.12g", row->reals[i]);
	}
	buf_add_char(&c->line, '\n');
	if (c->line.err || c->cell.err)
		return -ENOMEM;
	fwrite(c->line.data, 1, c->line.len, c->out);
	return 0;
}
