/* SPDX-License-Identifier: GPL-2.0-only */
/* The CSV table, read back by a parser of RFC 4180. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sample_plugins.h"
#include "sample_report.h"
#include "view/view.h"

#define CELLS_MAX 80
#define ROWS_MAX  200

static struct report *r;
static char *rows[ROWS_MAX][CELLS_MAX];
static size_t row_cnt, column_cnt;

/* Copies a cell to *ret; what ends it stands at the returned place. */
static const char *read_cell(const char *p, char **ret)
{
	bool quoted = *p == '"';
	char *cell = calloc(strlen(p) + 1, 1), *to = cell;

	if (quoted)
		p++;
	for (; *p; p++) {
		if (quoted && *p == '"' && *++p != '"')
			break;
		if (!quoted && strchr(",\n", *p))
			break;
		cr_assert(quoted || *p != '"', "a quote in a cell without quotes");
		*to++ = *p;
	}
	cr_assert(*p == ',' || *p == '\n', "a cell ends with a comma or the line");
	*ret = cell;
	return p;
}

static void read_table(void)
{
	char *text = sample_render(&view_csv, r);
	const char *p = text;

	for (row_cnt = 0; *p; row_cnt++) {
		size_t column = 0;

		cr_assert_lt(row_cnt, ROWS_MAX);
		for (;; p++) {
			cr_assert_lt(column, CELLS_MAX);
			p = read_cell(p, &rows[row_cnt][column++]);
			if (*p == '\n')
				break;
		}
		p++;
		column_cnt = row_cnt ? column_cnt : column;
		cr_assert_eq(column, column_cnt, "row %zu has %zu cells", row_cnt, column);
	}
	free(text);
}

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
}

static void teardown(void)
{
	for (size_t i = 0; i < row_cnt; i++) {
		for (size_t j = 0; j < column_cnt; j++)
			free(rows[i][j]);
	}
	report_free(r);
}

TestSuite(view_csv, .init = setup, .fini = teardown);

/* The cell of the row of this kind, name and detail (NULL: any), in the column of that name. */
static const char *cell(const char *kind, const char *name, const char *detail, const char *column)
{
	size_t c = 0;

	while (c < column_cnt && strcmp(rows[0][c], column))
		c++;
	cr_assert_lt(c, column_cnt, "no column '%s'", column);
	for (size_t i = 1; i < row_cnt; i++) {
		if (!strcmp(rows[i][0], kind) && !strcmp(rows[i][2], name) &&
		    (!detail || !strcmp(rows[i][3], detail)))
			return rows[i][c];
	}
	cr_assert(false, "no %s '%s'", kind, name);
	return NULL;
}

static uint64_t sum(const char *kind, size_t column)
{
	uint64_t n = 0;

	for (size_t i = 1; i < row_cnt; i++) {
		if (!strcmp(rows[i][0], kind))
			n += strtoull(rows[i][column], NULL, 10);
	}
	return n;
}

Test(view_csv, every_row_has_the_columns_of_the_header)
{
	read_table();
	cr_assert_str_eq(rows[0][0], "kind");
	cr_assert_eq(column_cnt, 61);
	cr_assert_str_eq(rows[0][23], "inside", "columns stay where they are");
	cr_assert_str_eq(rows[0][18], "max_ns", "new columns stand at the end");
	cr_assert_gt(row_cnt, 30);
}

Test(view_csv, numbers_are_those_of_the_report)
{
	const char *leaf = "webd;_start;main;serve;parse_request;schedule_[k]";

	read_table();
	cr_assert_str_eq(cell("path", "serve;parse_request", NULL, "count"), "5000");
	cr_assert_str_eq(cell("path", "serve;parse_request", NULL, "errors"), "125");
	cr_assert_str_eq(cell("path", "serve", NULL, "total_ns"), "3559300000");
	cr_assert_str_eq(cell("path", "serve", NULL, "max_ns"), "60000000");
	cr_assert_str_eq(cell("path", "flush", NULL, "cpu_ns"), "", "not known");
	cr_assert_str_eq(cell("path", "serve", NULL, "open"), "3");
	cr_assert_str_eq(cell("path", "serve;db_query", NULL, "unwound"), "4");
	cr_assert_str_eq(cell("path", "flush", NULL, "untimed"), "1");
	cr_assert_str_eq(cell("path", "serve;db_query;flush", NULL, "depth_max"), "12");
	cr_assert_str_eq(cell("path", "serve;db_query", NULL, "inside"),
			 "openat ENOENT: 31, python ValueError: 2");
	cr_assert_str_eq(cell("path", "flush", NULL, "inside"), "");
	cr_assert_str_eq(cell("syscall", "read", NULL, "untimed"), "");
	cr_assert_str_eq(cell("syscall", "read", NULL, "detail"), "EAGAIN: 2400, EINTR: 3");
	cr_assert_str_eq(cell("function", "parse_request", NULL, "count"), "275");
	cr_assert_str_eq(cell("function", "parse_request", NULL, "self_count"), "180");
	cr_assert_str_eq(cell("function", "serve", NULL, "count"), "383", "recursion counts once");
	cr_assert_str_eq(cell("offcpu_stack", leaf, "preempted", "count"), "310");
	cr_assert_str_eq(cell("offcpu_stack", leaf, "blocked", "max_ns"), "200000000");
	cr_assert_str_eq(cell("target", "/usr/sbin/webd", "SIGSEGV", "pid"), "4243");
	cr_assert_eq(sum("cpu_stack", 5), r->cpu.samples);
	cr_assert_eq(sum("offcpu_stack", 8), r->offcpu.total_ns);
}

Test(view_csv, plugins_have_all_their_metrics)
{
	static const char *const numbers[][2] = {
		{ "count", "400" },
		{ "errors", "120" },
		{ "ok", "280" },
		{ "error_pct", "30" },
		{ "success_pct", "70" },
		{ "timed_out", "2" },
		{ "open", "1" },
		{ "peak_concurrency", "4" },
		{ "exceptions", "100" },
		{ "crashes", "0" },
		{ "loads", "2" },
		{ "unloads", "2" },
		{ "reopens", "3" },
		{ "closes", "3" },
		{ "load_errors", "0" },
		{ "load_avg_ns", "15000000" },
		{ "load_max_ns", "20400000" },
		{ "constructors_ns", "20000000" },
		{ "gap_ns", "12000" },
		{ "waited_ns", "40000" },
		{ "alloc_bytes", "314572800" },
		{ "mapped_bytes", "325058560" },
		{ "page_faults", "80000" },
		{ "self_count", "10" },
		{ "max_ns", "6000000000" },
		{ "avg_ns", "17992500" },
		{ "uptime_pct", "50" },
		{ "cpu_ns", "" },
		{ "cpu_pct", "" },
		{ "process", "unloaded" },
		{ "detail", "exception std::runtime_error: 100, ret=-1: 20" },
		{ "inside", "/usr/lib/webd/mod_bad.so" },
	};

	sample_add_plugins(r);
	read_table();
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		cr_assert_str_eq(cell("plugin", "mod_bad.so", NULL, numbers[i][0]), numbers[i][1],
				 "%s", numbers[i][0]);
	cr_assert_str_eq(cell("plugin", "mod_good.so", NULL, "cpu_pct"), "2");
	cr_assert_str_eq(cell("plugin", "broken.so", NULL, "error_pct"), "", "of nothing");
	cr_assert_str_eq(cell("plugin", "broken.so", NULL, "alloc_bytes"), "", "not known");
	cr_assert_str_eq(cell("plugin_event", "mod_bad.so", "plugin_load", "total_ns"), "20400000");
	cr_assert_str_eq(cell("plugin_event", "missing.so", "plugin_error", "inside"),
			 "missing.so: cannot open shared object file: No such file or directory");
}

Test(view_csv, findings_and_trends_have_rows)
{
	sample_add_plugins(r);
	read_table();
	cr_assert_str_eq(cell("finding", "mod_bad.so", "UNRELIABLE", "value"), "120");
	cr_assert_str_eq(cell("finding", "mod_bad.so", "UNRELIABLE", "limit"), "100");
	cr_assert_str_eq(cell("finding", "mod_bad.so", "SLOW_EXECUTION", "value"), "7000000000");
	cr_assert_str_eq(cell("finding", "serve > parse_request", "UNRELIABLE", "value"), "125");
	cr_assert_str_eq(cell("trend", "mod_bad.so", "calls_per_s", "before"), "25");
	cr_assert_str_eq(cell("trend", "mod_bad.so", "calls_per_s", "value"), "50");
	cr_assert_str_eq(cell("trend", "mod_bad.so", "calls_per_s", "change_pct"), "100");
	cr_assert_str_eq(cell("trend", "mod_bad.so", "calls_per_s", "count"), "375");
}

Test(view_csv, quotes_and_separators_survive)
{
	read_table();
	cr_assert_str_eq(cell("function", "</script><b>&\"'?[31m_12", NULL, "count"), "4");
}

Test(view_csv, formulas_are_disarmed)
{
	static const char *const names[] = { "=1+1", "+1", "-1", "@SUM(A1)", "=\"x\",y;z" };

	for (size_t i = 0; i < 5; i++)
		vec_push(&r->syscalls, (struct syscall){ .name = names[i] });
	read_table();
	for (size_t i = 1; i < row_cnt; i++) {
		for (size_t j = 0; j < column_cnt; j++)
			cr_assert(!rows[i][j][0] || !strchr("=+-@", rows[i][j][0]));
	}
	cr_assert_str_eq(cell("syscall", "'=1+1", NULL, "count"), "0");
	cr_assert_str_eq(cell("syscall", "'=\"x\",y;z", NULL, "count"), "0");
	cr_assert_str_eq(cell("syscall", "'@SUM(A1)", NULL, "p50_ns"), "", "no call, no time");
}

Test(view_csv, an_empty_report_is_a_header)
{
	report_free(r);
	r = report_new();
	read_table();
	cr_assert_eq(row_cnt, 1);
}
