/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The HTML report as a file: what is in it and that no name breaks out of the data. What it does
 * in a browser is for tests/e2e/browser.py.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sample_plugins.h"
#include "sample_report.h"
#include "view/html_data.h"
#include "view/view.h"

static struct report *r;
static struct buf data;
static char *text;
static size_t len;

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
}

static void teardown(void)
{
	buf_done(&data);
	free(text);
	report_free(r);
}

TestSuite(view_html, .init = setup, .fini = teardown);

static void render(void)
{
	FILE *out = open_memstream(&text, &len);

	cr_assert_eq(view_html.render(r, out), 0);
	fclose(out);
}

static size_t count(const char *what)
{
	size_t n = 0;

	for (const char *s = text; (s = strstr(s, what)); s += strlen(what))
		n++;
	return n;
}

/* A reader of JSON that keeps nothing: returns what follows one value, or NULL. */
static const char *skip_json(const char *s);

static const char *skip_json_string(const char *s)
{
	for (s++; *s && *s != '"'; s++) {
		if ((unsigned char)*s < 0x20)
			return NULL;
		if (*s == '\\' && !strchr("\"\\u", *++s))
			return NULL;
	}
	return *s ? s + 1 : NULL;
}

static const char *skip_json_list(const char *s, char end, bool keys)
{
	s++;
	if (*s == end)
		return s + 1;
	for (;; s++) {
		s += strspn(s, " \n");
		if (keys) {
			s = *s == '"' ? skip_json_string(s) : NULL;
			if (!s || *s++ != ':')
				return NULL;
		}
		s = skip_json(s);
		if (!s)
			return NULL;
		s += strspn(s, " \n");
		if (*s == end)
			return s + 1;
		if (*s != ',')
			return NULL;
	}
}

static const char *skip_json(const char *s)
{
	size_t n;

	if (*s == '{' || *s == '[')
		return skip_json_list(s, *s == '{' ? '}' : ']', *s == '{');
	if (*s == '"')
		return skip_json_string(s);
	n = strspn(s, "-0123456789.");
	return n ? s + n : NULL;
}

static void assert_json(void)
{
	const char *end;

	cr_assert_eq(html_data(&data, r), 0);
	end = skip_json(buf_str(&data));
	cr_assert_not_null(end, "not JSON");
	cr_assert_eq(end, data.data + data.len, "something follows: %.40s", end);
}

Test(view_html, the_data_is_json)
{
	assert_json();
}

Test(view_html, the_data_of_an_empty_report_is_json)
{
	report_free(r);
	r = report_new();
	assert_json();
}

Test(view_html, the_data_holds_no_markup)
{
	r->targets.v[0].comm = report_str(r, "</script><!--");
	r->command = report_str(r, "<script>&amp;");
	assert_json();
	cr_assert_null(strpbrk(buf_str(&data), "<>&"));
	cr_assert_not_null(
	    strstr(buf_str(&data), "\\u003c/script\\u003e\\u003cb\\u003e\\u0026\\\""));
}

Test(view_html, quotes_and_backslashes_are_escaped)
{
	r->command = report_str(r, "a\"b\\c");
	assert_json();
	cr_assert_not_null(strstr(buf_str(&data), "\"command\":\"a\\\"b\\\\c\""));
}

Test(view_html, a_name_stands_once)
{
	const char *first;

	assert_json();
	first = strstr(buf_str(&data), "\"parse_request\"");
	cr_assert_not_null(first);
	cr_assert_null(strstr(first + 1, "\"parse_request\""));
}

Test(view_html, nodes_stand_after_their_parents_with_site_and_samples)
{
	assert_json();
	/* webd, _start, main, serve, parse_request with 180 samples, copy_header with 95. */
	cr_assert_not_null(
	    strstr(buf_str(&data), "\"nodes\":[1,0,0,1,1,0,1,2,0,1,3,0,1,4,180,1,5,95,"));
}

Test(view_html, time_off_cpu_has_both_reasons)
{
	assert_json();
	cr_assert_not_null(strstr(buf_str(&data), ",37000000400,0,"));
	cr_assert_not_null(strstr(buf_str(&data), ",1000000000,130000700,"));
}

Test(view_html, a_signal_that_was_not_traced_is_absent)
{
	r->has_offcpu = r->has_spans = r->has_syscalls = false;
	assert_json();
	cr_assert_null(strstr(buf_str(&data), "\"offcpu\""));
	cr_assert_null(strstr(buf_str(&data), "\"paths\":["));
	cr_assert_null(strstr(buf_str(&data), "\"syscalls\""));
}

Test(view_html, paths_have_percentiles_and_error_types)
{
	assert_json();
	/* parent, name, object, kind, open, calls, errors, … */
	cr_assert_not_null(strstr(buf_str(&data), ",0,3,5000,15,700000,700000,60000000,"));
}

Test(view_html, recorded_calls_stand_with_the_longest_first)
{
	assert_json();
	cr_assert_not_null(strstr(buf_str(&data), "\"recorded\":4,\"traces\":[[0,4242,4250,"));
	/* kind, name, depth, start, duration, error, args, open: the wait within its system call */
	cr_assert_not_null(strstr(buf_str(&data), ",3,3005000,49000000,-1,-1,0]"));
	/* 60 ms, twice 7 ms, and the 3 ms that the first one caused. */
	cr_assert_not_null(strstr(buf_str(&data), ",-1,2,[[0,"));
	cr_assert_not_null(strstr(buf_str(&data), "]],\n[2,4243,4243,-1,"));
	cr_assert_not_null(strstr(buf_str(&data), ",0,0,[[0,"));
	cr_assert_lt((void *)strstr(buf_str(&data), "\n[3,4243,"),
		     (void *)strstr(buf_str(&data), "\n[1,4242,4251,"));
}

Test(view_html, what_went_wrong_inside_a_path_stands_behind_its_errors)
{
	const char *types;

	assert_json();
	types = strstr(buf_str(&data), ",31],[");
	cr_assert_not_null(types);
	/* time on and off the CPU, and no estimate: it was counted */
	cr_assert_not_null(strstr(types, ",2]],1878375000,626125000,[]],\n["), "%.80s", types);
}

Test(view_html, the_page_is_whole)
{
	render();
	cr_assert_eq(strlen(text), len);
	cr_assert_eq(strncmp(text, "<!doctype html>", 15), 0);
	cr_assert_str_eq(text + len - 8, "</html>\n");
	cr_assert_null(strstr(text, "@DATA@"));
	cr_assert_null(strstr(text, "@SCRIPT"));
	cr_assert_null(strstr(text, "@STYLE"));
	cr_assert_not_null(
	    strstr(text, "<title>webd (4242), webd-worker (4243) - pathbpf</title>"));
}

Test(view_html, names_make_no_elements)
{
	size_t scripts;

	render();
	scripts = count("</script>");
	cr_assert_eq(count("<script"), scripts);
	free(text);
	r->targets.v[0].comm = report_str(r, "</title></script><script>alert(1)//");
	render();
	cr_assert_eq(count("</script>"), scripts);
	cr_assert_eq(count("<script"), scripts);
	cr_assert_eq(count("</title>"), 1);
	cr_assert_not_null(strstr(text, "<title>&lt;/title>&lt;/script>"));
}

Test(view_html, the_policy_admits_its_own_scripts_and_nothing_else)
{
	const char *policy, *end;
	size_t digests = 0;

	render();
	policy = strstr(text, "content=\"default-src 'none';");
	cr_assert_not_null(policy);
	end = strchr(policy + 9, '"');
	for (const char *s = policy; (s = strstr(s, "'sha256-")) && s < end; s++)
		digests++;
	/* One a script, one for the style sheet; the data do not run. */
	cr_assert_eq(digests, count("<script>") + 1);
	cr_assert(!strstr(policy, "unsafe-") || strstr(policy, "unsafe-") > end);
	cr_assert_lt((void *)policy, (void *)strstr(text, "<style>"));
}

Test(view_html, it_refers_to_nothing_outside)
{
	render();
	cr_assert_eq(count("://"), 0);
	cr_assert_eq(count(" src="), 0);
	cr_assert_eq(count("@import"), 0);
	cr_assert_eq(count("url("), 0);
	cr_assert_eq(count("innerHTML"), 0);
}

Test(view_html, plugins_and_findings_stand_in_the_data)
{
	sample_add_plugins(r);
	assert_json();
	/* loads, failed ones, unloads, CPU, memory, running, samples, calls, errors */
	cr_assert_not_null(strstr(buf_str(&data), ",2,0,2,-1.000,325058560,1,10,400,120,"));
	cr_assert_not_null(strstr(buf_str(&data), ",0,0,0,2.000,4194304,0,10,1000,0,"));
	cr_assert_not_null(strstr(buf_str(&data), "\"HIGH_MEMORY\""));
	cr_assert_not_null(strstr(buf_str(&data), "mod_bad.so: 120 of 400 executions failed"));
	cr_assert_null(strpbrk(buf_str(&data), "<>&"));
}

Test(view_html, plugins_that_were_not_looked_for_are_absent)
{
	assert_json();
	cr_assert_null(strstr(buf_str(&data), "\"plugins\""));
}
