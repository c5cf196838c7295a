/* SPDX-License-Identifier: GPL-2.0-only */
/* Sampled paths in every view: told from counted ones, and nothing claimed that is not known. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/findings.h"
#include "analysis/sampled.h"
#include "sample_report.h"
#include "stack_report.h"
#include "view/html_data.h"
#include "view/text.h"
#include "view/view.h"

static struct report *r;
static char *text;

/* A loop with two requests, one of them in Python, and a name that is hostile. */
static void setup(void)
{
	r = stack_report();
	stack_cpu(r, 0, START "main;run;serve;py:app@/srv/very/long/folder/app.py", 600);
	stack_cpu(r, 0, START "main;run;serve;<b>\"x\"", 200);
	stack_cpu(r, 0, START "main;run;=reply", 150);
	stack_cpu(r, 0, START "main;run;" EPOLL, 50);
	stack_blocked(r, 0, START "main;run;" EPOLL, 4000);
	stack_blocked(r, 0, START "main;run;serve;libc:fsync;k:fsync", 700);
	r->offcpu.switches = r->offcpu.stacks_taken = 2;
}

static void teardown(void)
{
	free(text);
	report_free(r);
}

TestSuite(view_sampled, .init = setup, .fini = teardown);

static void render(const struct view *view)
{
	if (!r->nodes.n || !r->paths.v[r->paths.n - 1].sampled)
		cr_assert_eq(sampled_paths(r), 0);
	free(text);
	text = sample_render(view, r);
}

static void assert_has(const char *what)
{
	cr_assert_not_null(strstr(text, what), "no '%s' in:\n%s", what, text);
}

static void assert_lacks(const char *what)
{
	cr_assert_null(strstr(text, what), "'%s' in:\n%s", what, text);
}

/* Of a section of the text report, every line fits. */
static void assert_fits(void)
{
	char *copy = strdup(text), *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		cr_assert_leq(text_columns(line), TEXT_WIDTH, "too long: '%s'", line);
		cr_assert_neq(line[strlen(line) - 1], ' ', "ends in a space: '%s'", line);
	}
	free(copy);
}

Test(view_sampled, text_marks_estimates_and_tells_what_is_idle)
{
	render(&view_text);
	assert_fits();
	assert_has("  serve                                    ~1.50s  ~800ms  ");
	assert_has("    app (app.py)                           ~600ms  ~600ms  ");
	assert_has("  run (loop)                              ~50.0ms");
	assert_has("~ is estimated");
	assert_has("In no path: 4.00s of waiting for work: 4.00s run > epoll_wait.");
	assert_has("100% of the CPU and 100% of the waiting under 7 named paths (0\n"
		   "            exact), without 4.00s of waiting for work");
	assert_lacks("CALLS  ERRS"); /* nobody counted any */
}

Test(view_sampled, text_keeps_counted_figures_unmarked_beside_estimates)
{
	stack_counted(r, REPORT_NONE, "serve", 1234, 1500);
	r->has_spans = true;
	render(&view_text);
	assert_fits();
	assert_has("  serve               1234     0    0%  1.50s 1.22ms ");
	assert_has(
	    "    app (app.py)         -     -       ~600ms    ~600ms CPU,       0 off  ~600ms");
	assert_has("named paths (1\n            exact)");
	assert_has("calls that were counted, by caller, and estimates (~)");
}

Test(view_sampled, text_of_time_off_the_cpu_is_marked_where_only_some_stacks_were_taken)
{
	r->offcpu.switches = 100;
	render(&view_text);
	assert_has("  ~700ms");
}

Test(view_sampled, text_shows_calls_where_somebody_estimated_them)
{
	stack_counted(r, REPORT_NONE, "serve", 1234, 1500);
	cr_assert_eq(sampled_paths(r), 0);
	r->paths.v[r->paths.n - 1].estimate.has_calls = true;
	r->paths.v[r->paths.n - 1].estimate.calls = 77;
	render(&view_text);
	assert_has("   ~77 ");
}

static json_t *find(json_t *report, const char *leaf)
{
	json_t *paths = json_object_get(report, "paths"), *path;
	size_t i;

	json_array_foreach(paths, i, path)
	{
		json_t *names = json_object_get(path, "path");
		json_t *last = json_array_get(names, json_array_size(names) - 1);

		if (!strcmp(json_string_value(last), leaf))
			return path;
	}
	return NULL;
}

static json_int_t number(json_t *path, const char *key)
{
	cr_assert(json_is_integer(json_object_get(path, key)), "%s", key);
	return json_integer_value(json_object_get(path, key));
}

Test(view_sampled, json_tells_sampled_from_counted_and_keeps_every_type)
{
	json_t *report, *serve, *app, *attributed;

	stack_counted(r, REPORT_NONE, "serve", 1234, 1500);
	r->has_spans = true;
	render(&view_json);
	report = json_loads(text, 0, NULL);
	cr_assert_not_null(report);
	serve = find(report, "serve");
	app = find(report, "app (/srv/very/long/folder/app.py)");
	cr_assert(json_is_false(json_object_get(serve, "sampled")));
	cr_assert_str_eq(json_string_value(json_object_get(serve, "calls_basis")), "counted");
	cr_assert_null(json_object_get(serve, "samples"));
	cr_assert_eq(number(serve, "calls"), 1234);
	cr_assert(json_is_true(json_object_get(app, "sampled")));
	cr_assert(json_is_false(json_object_get(app, "loop")));
	cr_assert_str_eq(json_string_value(json_object_get(app, "calls_basis")), "unknown");
	cr_assert_eq(number(app, "samples"), 600);
	cr_assert_eq(number(app, "total_ns"), 600 * (json_int_t)MS);
	cr_assert_eq(number(app, "cpu_ns"), 600 * (json_int_t)MS);
	cr_assert_eq(number(app, "offcpu_ns"), 0);
	cr_assert_lt(number(app, "total_ns_low"), 600 * (json_int_t)MS);
	cr_assert_gt(number(app, "total_ns_high"), 600 * (json_int_t)MS);
	cr_assert_eq(number(app, "calls") + number(app, "errors") + number(app, "p99_ns"), 0);
	cr_assert(json_is_true(json_object_get(find(report, "run"), "loop")));
	attributed = json_object_get(report, "attributed");
	cr_assert_eq(number(attributed, "idle_ns"), 4000 * (json_int_t)MS);
	cr_assert_eq(number(json_object_get(attributed, "cpu"), "all_ns"), 1000 * (json_int_t)MS);
	cr_assert_eq(number(json_object_get(attributed, "cpu"), "none_ns"), 0);
	json_decref(report);
}

Test(view_sampled, json_gives_an_estimate_of_calls_that_there_is_a_basis_for)
{
	json_t *report, *path;

	cr_assert_eq(sampled_paths(r), 0);
	r->paths.v[0].estimate.has_calls = true;
	r->paths.v[0].estimate.calls = 77;
	render(&view_json);
	report = json_loads(text, 0, NULL);
	path = json_array_get(json_object_get(report, "paths"), 0);
	cr_assert_eq(number(path, "calls"), 77);
	cr_assert_str_eq(json_string_value(json_object_get(path, "calls_basis")), "estimated");
	json_decref(report);
}

Test(view_sampled, json_names_the_kinds_of_interpreted_nodes)
{
	stack_cpu(r, 0, START "main;run;js:on@/srv/a.js", 100);
	stack_cpu(r, 0, START "main;run;erl:m:f/1@m.erl", 100);
	render(&view_json);
	assert_has("\"object\":\"\",\"kind\":\"python\",\"calls\":0");
	assert_has("\"object\":\"\",\"kind\":\"javascript\",\"calls\":0");
	assert_has("\"object\":\"\",\"kind\":\"erlang\",\"calls\":0");
}

Test(view_sampled, json_without_paths_from_stacks_says_nothing_of_them)
{
	r->paths_auto = false;
	free(text);
	text = sample_render(&view_json, r);
	assert_lacks("\"paths\":[");
	assert_lacks("\"attributed\"");
}

Test(view_sampled, csv_rows_of_sampled_paths_are_a_kind_of_their_own)
{
	render(&view_csv);
	assert_has("\nsampled_path,,serve,,,,800,,1500000000,0,800000000,,700000000,,");
	/* The formula is disarmed. */
	assert_has("\nsampled_path,,'=reply,");
	assert_has("\nidle,,run > epoll_wait,,,1,,,4000000000,");
	assert_lacks("\npath,");
}

Test(view_sampled, html_has_their_estimates)
{
	struct buf b = {};
	json_t *data;
	json_error_t error;

	cr_assert_eq(sampled_paths(r), 0);
	cr_assert_eq(html_data(&b, r), 0);
	data = json_loads(buf_str(&b), 0, &error);
	cr_assert_not_null(data, "%s", error.text);
	cr_assert_eq(json_array_size(json_object_get(data, "paths")), r->paths.n);
	/* cpu, off the CPU, [samples, loop, low, high, calls] */
	cr_assert_not_null(strstr(buf_str(&b), ",800000000,700000000,[800,0,"));
	cr_assert_not_null(strstr(buf_str(&b), "\"idle\":4000000000,\"places\":[["));
	json_decref(data);
	buf_done(&b);
}

Test(view_sampled, a_limit_for_calls_is_none_for_what_is_sampled)
{
	finding_vec findings = {};

	cr_assert_eq(sampled_paths(r), 0);
	cr_assert_eq(findings_make(r, &findings), 0);
	cr_assert_eq(findings.n, 0, "a job may have all of the CPU");
	findings_done(&findings);
}

Test(view_sampled, the_sample_reports_stacks_fit_too)
{
	report_free(r);
	r = sample_report();
	r->paths_auto = true;
	render(&view_text);
	assert_fits();
	render(&view_html);
	render(&view_csv);
	render(&view_json);
}
