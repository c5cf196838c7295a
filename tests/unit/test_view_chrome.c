/* SPDX-License-Identifier: GPL-2.0-only */
/* Trace Event JSON, parsed back by jansson. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sample_plugins.h"
#include "sample_report.h"
#include "view/view.h"

static struct report *r;
static char *text;
static json_t *root;

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
}

static void teardown(void)
{
	json_decref(root);
	free(text);
	report_free(r);
}

TestSuite(view_chrome, .init = setup, .fini = teardown);

static json_t *all(void)
{
	return json_object_get(root, "traceEvents");
}

static const char *text_of(const json_t *event, const char *key)
{
	cr_assert(json_is_string(json_object_get(event, key)), "no %s", key);
	return json_string_value(json_object_get(event, key));
}

static json_int_t int_of(const json_t *event, const char *key)
{
	cr_assert(json_is_integer(json_object_get(event, key)), "no %s", key);
	return json_integer_value(json_object_get(event, key));
}

static double us_of(const json_t *event, const char *key)
{
	cr_assert(json_is_real(json_object_get(event, key)), "no %s", key);
	return json_real_value(json_object_get(event, key));
}

/* What every event must have by its phase. */
static void check(const json_t *e)
{
	char phase = text_of(e, "ph")[0];

	cr_assert(strchr("XMisf", phase));
	int_of(e, "pid");
	int_of(e, "tid");
	text_of(e, "name");
	cr_assert_eq(json_is_real(json_object_get(e, "ts")), phase != 'M');
	cr_assert_eq(json_is_real(json_object_get(e, "dur")), phase == 'X');
	cr_assert_eq(json_is_integer(json_object_get(e, "id")), phase == 's' || phase == 'f');
	if (phase != 'M')
		text_of(e, "cat");
}

static void load(void)
{
	json_error_t error;
	json_t *e;
	size_t i;

	json_decref(root);
	free(text);
	text = sample_render(&view_chrome, r);
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(root, "line %d: %s", error.line, error.text);
	cr_assert_str_eq(text_of(root, "displayTimeUnit"), "ns");
	cr_assert(json_is_array(all()));
	json_array_foreach(all(), i, e) check(e);
}

/* The nth event of this phase and name. */
static const json_t *event(char phase, const char *name, size_t nth)
{
	json_t *e;
	size_t i;

	json_array_foreach(all(), i, e)
	{
		if (text_of(e, "ph")[0] == phase && !strcmp(text_of(e, "name"), name) && !nth--)
			return e;
	}
	cr_assert(false, "no event '%s'", name);
	return NULL;
}

static const char *arg(const json_t *e, const char *key)
{
	return json_string_value(json_object_get(json_object_get(e, "args"), key));
}

static size_t count(char phase)
{
	json_t *e;
	size_t i, n = 0;

	json_array_foreach(all(), i, e) n += text_of(e, "ph")[0] == phase;
	return n;
}

static void expect(const json_t *e, const char *category, double ts, double dur)
{
	cr_assert_str_eq(text_of(e, "cat"), category);
	cr_assert_float_eq(us_of(e, "ts"), ts, 1e-4);
	cr_assert_float_eq(us_of(e, "dur"), dur, 1e-4);
}

Test(view_chrome, every_slice_is_a_complete_event)
{
	load();
	cr_assert_eq(count('X'), 22);
	cr_assert_eq(count('i'), 1);
	expect(event('X', "serve", 0), "span", 2000000, 60000);
	expect(event('X', "read", 13), "syscall", 2000870, 10);
	expect(event('X', "blocked", 0), "offcpu", 2003005, 49000);
	cr_assert_float_eq(us_of(event('i', "throw", 0), "ts"), 2056000, 1e-4);
	cr_assert_str_eq(text_of(event('i', "throw", 0), "s"), "t");
	cr_assert_eq(int_of(event('X', "serve", 0), "pid"), 4242);
	cr_assert_eq(int_of(event('X', "serve", 0), "tid"), 4250);
}

Test(view_chrome, times_are_exact_to_the_nanosecond)
{
	struct slice *s = &r->traces.v[0].slices.v[0];

	s->start_ns = 86400000000001; /* after a day */
	s->duration_ns = 1000987;
	r->traces.v[0].slices.n = 1;
	load();
	cr_assert_not_null(strstr(text, "\"ts\":86400000000.001,\"dur\":1000.987}"));
}

Test(view_chrome, arguments_tell_errors_and_why)
{
	const json_t *e;

	load();
	e = event('X', "serve", 0);
	cr_assert_str_eq(arg(e, "error"), "ret=-1");
	cr_assert_str_eq(arg(e, "kept as"), "slow, failed");
	cr_assert_str_eq(arg(e, "example of"), "serve");
	cr_assert_eq(int_of(json_object_get(e, "args"), "pieces lost"), 2);
	e = event('X', "parse_request", 0);
	cr_assert_str_eq(arg(e, "args"), "len=1500, path=\"/login\"");
	cr_assert_str_eq(arg(e, "path"), "serve > parse_request");
	cr_assert_null(arg(e, "kept as"));
	e = event('X', "serve", 1);
	cr_assert(json_is_true(json_object_get(json_object_get(e, "args"), "still running")));
	cr_assert_str_eq(arg(event('i', "throw", 0), "error"), "exception std::runtime_error");
}

Test(view_chrome, processes_and_threads_have_names)
{
	load();
	cr_assert_eq(count('M'), 6);
	cr_assert_str_eq(arg(event('M', "process_name", 0), "name"), "webd");
	cr_assert_str_eq(arg(event('M', "process_name", 1), "name"), "webd-worker");
	cr_assert_str_eq(arg(event('M', "thread_name", 0), "name"), "worker-3");
	cr_assert_eq(int_of(event('M', "thread_name", 0), "tid"), 4250);
	cr_assert_str_eq(arg(event('M', "thread_name", 2), "name"), "4243");
}

Test(view_chrome, calls_that_overlap_on_a_thread_have_a_line_each)
{
	json_int_t first, second;

	load();
	first = int_of(event('X', "serve", 1), "tid");
	second = int_of(event('X', "serve", 2), "tid");
	cr_assert_eq(first, 4243);
	cr_assert_gt(second, 4194304, "no thread has such a number");
	cr_assert_eq(int_of(event('M', "thread_name", 3), "tid"), second);
	cr_assert_str_eq(arg(event('M', "thread_name", 3), "name"),
			 "webd;worker? (at the same time 1)");
}

Test(view_chrome, an_arrow_leads_from_the_cause_to_the_caused)
{
	const json_t *from, *to;

	load();
	from = event('s', "wakeup", 0);
	to = event('f', "wakeup", 0);
	cr_assert_eq(int_of(from, "id"), int_of(to, "id"));
	cr_assert_eq(int_of(from, "tid"), 4250);
	cr_assert_float_eq(us_of(from, "ts"), 2002500, 1e-4);
	cr_assert_eq(int_of(to, "tid"), 4251);
	cr_assert_float_eq(us_of(to, "ts"), 2002600, 1e-4);
	cr_assert_str_eq(text_of(to, "bp"), "e");
	r->traces.v[1].cause_ns = 1;
	load();
	cr_assert_float_eq(us_of(event('s', "wakeup", 0), "ts"), 2000000, 1e-4,
			   "it binds to a slice that runs");
	r->traces.v[1].cause = 99;
	load();
	cr_assert_eq(count('s') + count('f'), 0);
}

Test(view_chrome, hostile_names_stay_valid_text)
{
	r->traces.v[0].slices.v[0].name = report_str(r, "\xff\"\\\x01</script>");
	r->traces.v[0].slices.v[0].error = report_str(r, "\n");
	r->traces.v[0].slices.v[1].name = NULL;
	load();
	cr_assert_str_eq(arg(event('X', "?\"\\?</script>", 0), "error"), "?");
	cr_assert_eq(int_of(event('X', "", 0), "tid"), 4250);
}

Test(view_chrome, without_traces_the_document_is_whole_and_empty)
{
	report_free(r);
	r = report_new();
	load();
	cr_assert_eq(json_array_size(all()), 0);
	vec_push(&r->traces, (struct trace){ .pid = 1, .tid = 1, .cause = 0 });
	load();
	cr_assert_eq(json_array_size(all()), 0);
}

Test(view_chrome, plugin_events_have_a_line_beside_their_threads)
{
	const json_t *load_event, *error;

	sample_add_plugins(r);
	load();
	load_event = event('X', "load mod_bad.so", 0);
	expect(load_event, "plugin", 1000000, 20400);
	cr_assert_eq(int_of(load_event, "pid"), 4242);
	cr_assert_gt(int_of(load_event, "tid"), 4194304, "no thread's own line");
	cr_assert_str_eq(arg(load_event, "args"), "/usr/lib/webd/mod_bad.so");
	expect(event('X', "unload mod_bad.so", 0), "plugin", 9000000, 2000);
	expect(event('X', "error in mod_bad.so: handle", 0), "plugin", 4000000, 1000);
	error = event('i', "failed load of missing.so", 0);
	cr_assert_str_eq(text_of(error, "cat"), "plugin");
	cr_assert_not_null(strstr(arg(error, "error"), "cannot open shared object file"));
	cr_assert_not_null(strstr(text, "\"4250 (plugins)\""));
	cr_assert_not_null(strstr(text, "\"4299 (plugins)\""));
}

Test(view_chrome, plugins_that_were_there_at_attach_are_no_events)
{
	sample_add_plugins(r);
	load();
	cr_assert_null(strstr(text, "load mod_good.so"));
}
