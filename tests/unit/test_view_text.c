/* SPDX-License-Identifier: GPL-2.0-only */
/* The text report: units, shortened names, and what must hold for every line of it. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "sample_plugins.h"
#include "sample_report.h"
#include "view/text.h"
#include "view/view.h"

static struct report *r;
static char *text;

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
}

static void teardown(void)
{
	free(text);
	report_free(r);
}

TestSuite(view_text, .init = setup, .fini = teardown);

/* Renders; every line is clean, fits, and has no spaces at its end. */
static void render(void)
{
	char *copy, *save = NULL;
	struct buf clean = {};

	free(text);
	text = sample_render(&view_text, r);
	copy = strdup(text);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t len = strlen(line);

		buf_clear(&clean);
		text_clean(&clean, line);
		cr_assert_str_eq(buf_str(&clean), line, "not clean");
		cr_assert_leq(text_columns(line), TEXT_WIDTH, "too long: '%s'", line);
		cr_assert_neq(line[len - 1], ' ', "ends in a space: '%s'", line);
	}
	buf_done(&clean);
	free(copy);
}

static void assert_has(const char *what)
{
	cr_assert_not_null(strstr(text, what), "no '%s' in:\n%s", what, text);
}

static void assert_lacks(const char *what)
{
	cr_assert_null(strstr(text, what), "'%s' in:\n%s", what, text);
}

Test(view_text, it_answers_the_first_questions_first)
{
	render();
	assert_has("webd-worker (PID 4243) was killed by SIGSEGV");
	assert_has("5.10s, 51.0% of one CPU; 36.7% of it in parse_request");
	assert_has("83.8% of it webd in vfs_read [k]");
	assert_has("read failed 2403 of 12000 times, 20.0%: EAGAIN 2400, EINTR 3");
	cr_assert_lt(strstr(text, "In short"), strstr(text, "Where the CPU time goes"));
}

Test(view_text, functions_show_self_and_total)
{
	render();
	assert_has("    36.7%   56.1%  parse_request\n");
	assert_has("     1.0%   78.2%  serve\n");
	assert_has("    19.4%  webd: copy_header [i] < parse_request < serve < main < _start\n");
}

Test(view_text, waits_leave_out_the_scheduler_and_tell_why)
{
	render();
	assert_has("    37.0s   83.8%    1200  30.8ms   900ms  blocked   webd\n"
		   "           vfs_read [k] < do_syscall_64 [k] < serve < main < _start\n");
	assert_has("  preempted webd\n");
}

Test(view_text, paths_stand_under_their_callers)
{
	render();
	assert_has("\n  serve               5000    15  0.3%  3.56s  712us  700us  700us 60.0ms"
		   "  854ms\n    db_query ");
	assert_has("\n        vfs_fsync      100     2  2.0% 78.4ms");
	assert_has("      125    2.5%  serve > parse_request: ret=-22 100, ret=-7 25\n");
	assert_has("Calls still running at the end: 3.");
}

Test(view_text, paths_tell_of_untimed_calls_and_recursion)
{
	render();
	assert_has("Calls left without a return (longjmp, exception, thread exit): 4.");
	assert_has("Calls without times, as their end was not seen: 1.");
	assert_has("Deepest recursion: serve > db_query > flush, 12 calls within each other.");
	/* Seven calls took 9 ms, the time of one is not known. */
	assert_has("\n  flush                  7     0    0% 9.00ms 1.50ms ");
	vec_foreach (p, &r->paths)
		p->untimed = p->unwound = 0, p->depth_max = 1;
	render();
	assert_lacks("left without a return");
	assert_lacks("without times");
	assert_lacks("recursion");
	assert_has("\n  flush                  7     0    0% 9.00ms 1.29ms ");
}

Test(view_text, a_path_whose_calls_all_lack_times_has_no_average)
{
	r->paths.v[5].untimed = 7;
	r->paths.v[5].stats.total_ns = 0;
	render();
	assert_has("\n  flush                  7     0    0%      0      0 ");
	r->paths.v[5].untimed = 9;
	render();
}

Test(view_text, errors_inside_a_path_are_told_although_no_call_failed)
{
	render();
	assert_has("       33  serve > db_query: openat ENOENT 31, python ValueError 2\n");
	assert_has("        1  serve: signal SIGSEGV 1\n");
	vec_foreach (p, &r->paths)
		p->inside.n = 0;
	render();
	assert_lacks("went wrong inside");
}

Test(view_text, coverage_says_how_much_is_probed)
{
	render();
	assert_has("Coverage: 7 of 10 matching functions were probed\n  85.7% of them at an "
		   "instruction that the kernel emulates; a call of the others\n");
	assert_has("Returns of 4 are seen without a return probe");
	assert_has("Unused: 2 of 7 probed functions were not called while probed; copies that "
		   "were\n  inlined into others are not seen\n");
	r->coverage.emulated = 7;
	render();
	assert_has("  100% of them at an instruction that the kernel emulates.\n");
	r->coverage.probed = 0;
	render();
	assert_has("Coverage: 0 of 10 matching functions were probed\n\n");
	assert_lacks("emulates");
	assert_has("Unused: 2 traced functions were never called\n");
}

Test(view_text, system_calls_show_errors_and_origins)
{
	render();
	assert_has("System calls: 17040 calls, 2434 failed\n");
	assert_has("\n      EAGAIN 2400, EINTR 3\n");
	assert_has("    openat, 31 errors\n      100% of its errors: serve > db_query\n");
}

Test(view_text, losses_and_costs_are_told)
{
	render();
	assert_has("98.2% of the CPU samples have complete stacks.");
	assert_has("Lost: CPU samples 3, events 1.");
	assert_has("0.4% of their CPU time (budget 1.0%); 21.0ms in BPF programs, 7.00ms\n");
	assert_has("in traps of function probes.");
	r->lost.samples = r->lost.events = 0;
	render();
	assert_has("Nothing was lost.");
	assert_lacks("Lost:");
}

Test(view_text, skipped_functions_are_grouped_by_reason)
{
	render();
	assert_has("  2: too short to probe\n    tiny_helper, tiny_getter\n");
	assert_has("  1: switches stacks\n    swap_stack\n");
}

Test(view_text, an_empty_report_has_no_empty_sections)
{
	report_free(r);
	r = report_new();
	render();
	assert_has("No process was seen that matches.");
	assert_lacks("Where");
	assert_lacks("Paths");
	assert_lacks("System calls");
	assert_lacks("Processes");
	assert_lacks("nan");
}

Test(view_text, without_samples_it_says_how_to_get_some)
{
	r->cpu_samples.n = 0;
	r->cpu.samples = r->cpu.truncated = r->lost.samples = 0;
	render();
	assert_has("no CPU samples");
	assert_has("The targets used 5.10s of CPU time in 10.0s, too little for 99 samples");
	r->targets.v[0].cpu_ns = r->targets.v[1].cpu_ns = 0;
	render();
	assert_has("The targets did not run on a CPU");
	r->lost.samples = 12;
	render();
	assert_has("All 12 samples were lost.");
}

Test(view_text, signals_without_an_event_say_so)
{
	report_free(r);
	r = report_new();
	r->has_cpu = r->has_offcpu = r->has_syscalls = r->has_spans = true;
	vec_push(&r->unused, (struct unused){ "f", NULL });
	vec_push(&r->unused, (struct unused){ "g", NULL });
	render();
	assert_has("Where it waits: no thread left a CPU\n");
	assert_has("Paths: none of the 2 traced functions was called");
	assert_has("System calls: none was made");
	assert_lacks("Processes");
	r->offcpu.left_out_ns = 5;
	render();
	assert_has("no thread left a CPU for long enough to be counted");
}

/* Names of the greatest length and worst contents everywhere. */
Test(view_text, hostile_names_never_break_the_layout)
{
	static char name[4000];
	const char *evil;
	uint32_t frames[200];
	uint32_t stack;

	for (size_t i = 0; i < sizeof(name) - 1; i++)
		name[i] = "a<(\xff ;>)\x1b\n\xe2\x82\xac,"[i % 13];
	evil = report_str(r, name);
	vec_foreach (t, &r->targets)
		t->comm = evil;
	vec_foreach (n, &r->nodes)
		n->name = evil;
	vec_foreach (f, &r->frames)
		f->name = evil;
	vec_foreach (c, &r->syscalls) {
		c->name = evil;
		vec_foreach (e, &c->stats.error_types)
			e->type = evil;
	}
	vec_foreach (e, &r->events)
		e->text = evil;
	vec_foreach (s, &r->skipped)
		s->what = s->why = evil;
	vec_foreach (m, &r->missing)
		m->what = m->why = evil;
	vec_foreach (n, &r->notes)
		*n = evil;
	vec_foreach (t, &r->traces) {
		t->thread = evil;
		t->cause_kind = t->cause_kind ? evil : NULL;
		vec_foreach (sl, &t->slices)
			sl->name = sl->error = sl->args = evil;
	}
	vec_foreach (p, &r->paths) {
		vec_foreach (e, &p->inside)
			e->type = evil;
	}
	r->unused.v[0].name = r->command = r->version = evil;
	for (size_t i = 0; i < 200; i++)
		frames[i] = (uint32_t)i % 17;
	stack = report_add_stack(r, frames, 200);
	vec_push(&r->cpu_samples, (struct cpu_sample){ 0, stack, 1000 });
	r->cpu.samples += 1000;
	render();
	assert_has(" more");
}

Test(view_text, numbers_of_any_size_keep_to_their_columns)
{
	r->duration_ns = 1;
	vec_foreach (t, &r->targets)
		t->cpu_ns = t->runq_ns = t->blocked_ns = UINT64_MAX / 4;
	vec_foreach (p, &r->paths) {
		p->stats.calls = p->stats.errors = p->stats.total_ns = UINT64_MAX / 2;
		p->stats.self_ns = p->stats.max_ns = UINT64_MAX / 2;
		p->unwound = p->untimed = p->depth_max = UINT32_MAX;
		vec_foreach (e, &p->inside)
			e->count = UINT64_MAX / 4;
	}
	vec_foreach (s, &r->syscalls)
		s->stats.calls = s->stats.errors = s->stats.total_ns = UINT64_MAX / 8;
	vec_foreach (o, &r->offcpu_samples)
		o->count = o->total_ns = o->max_ns = UINT64_MAX / 16;
	r->offcpu.total_ns = UINT64_MAX / 2;
	render();
}

Test(view_text, long_lists_are_cut_and_say_so)
{
	for (uint32_t i = 0; i < 300; i++) {
		vec_push(&r->targets, (struct target){ .pid = i, .comm = "many" });
		vec_push(&r->paths, (struct path){ .parent = i ? i + 5 : REPORT_NONE, .node = 1 });
		vec_push(&r->syscalls, (struct syscall){ .name = "nosys" });
		vec_push(&r->events, (struct event){ .kind = EVENT_FORK, .pid = i });
		vec_push(&r->unused, (struct unused){ "unused_function", NULL });
		vec_push(&r->skipped, (struct named_why){ "skipped_function", "switches stacks" });
	}
	render();
	assert_has("and 294 more\n");
	assert_has("more paths;");
	assert_has("killed by SIGSEGV\n");
	cr_assert_lt(strlen(text), 16000);
}

struct unit {
	uint64_t value;
	char text[16];
};

ParameterizedTestParameters(view_text, times_have_three_digits)
{
	static struct unit cases[] = {
		{ 0, "0" },
		{ 1, "1ns" },
		{ 999, "999ns" },
		{ 1000, "1.00us" },
		{ 9994, "9.99us" },
		{ 9996, "10.0us" },
		{ 99960, "100us" },
		{ 999400, "999us" },
		{ 999600, "1.00ms" },
		{ 1500000000, "1.50s" },
		{ 99000000000, "99.0s" },
		{ 7200000000000, "7200s" },
		{ 36000000000000, "10.0h" },
		{ UINT64_MAX, "213504d" },
	};

	return cr_make_param_array(struct unit, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct unit *u, view_text, times_have_three_digits)
{
	cr_assert_str_eq(text_ns(u->value).s, u->text);
}

Test(view_text, counts_are_exact_up_to_five_digits)
{
	cr_assert_str_eq(text_count(0).s, "0");
	cr_assert_str_eq(text_count(99999).s, "99999");
	cr_assert_str_eq(text_count(100000).s, "100k");
	cr_assert_str_eq(text_count(999499).s, "999k");
	cr_assert_str_eq(text_count(999500).s, "1.00M");
	cr_assert_str_eq(text_count(12300000000).s, "12.3G");
	cr_assert_str_eq(text_count(UINT64_MAX).s, "18.4E");
}

Test(view_text, shares_show_that_something_is_there)
{
	cr_assert_str_eq(text_pct(0, 5).s, "0%");
	cr_assert_str_eq(text_pct(5, 5).s, "100%");
	cr_assert_str_eq(text_pct(1, 10000).s, "<0.1%");
	cr_assert_str_eq(text_pct(1, 3).s, "33.3%");
	cr_assert_str_eq(text_pct(0, 0).s, "-");
	cr_assert_str_eq(text_pct(1e9, 1).s, ">99999%");
	cr_assert_str_eq(text_bytes(1023).s, "1023 B");
	cr_assert_str_eq(text_bytes(33 << 20).s, "33.0 MiB");
}

struct name {
	char name[96];
	size_t width;
	char text[64];
};

ParameterizedTestParameters(view_text, long_names_lose_arguments_first)
{
	static struct name cases[] = {
		{ "short", 10, "short" },
		{ "ns::f(int, char const*)", 12, "ns::f(..)" },
		{ "std::map<std::string, int>::find(std::string const&)", 24,
		  "std::map<..>::find(..)" },
		{ "std::map<std::string, int>::find(std::string const&)", 36,
		  "std::map<std::string, int>::find(..)" },
		{ "f<(anonymous namespace)::T>(int)", 20, "f<..>(..)" },
		{ "(anonymous namespace)::run(long, long)", 32, "(anonymous namespace)::run(..)" },
		{ "main.(*Server).Serve", 12, "main...Serve" },
		{ "<web::A as core::B>::go", 14, "<web::..B>::go" },
		{ "a::operator<(A const&, B const&)", 20, "a::operator<(..)" },
		{ "plain_but_very_long_name", 11, "plai.._name" },
		{ "f(unbalanced, and long", 10, "f(un..long" },
		{ "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 4, "\xc3\xa9..\xc3\xa9" },
	};

	return cr_make_param_array(struct name, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct name *n, view_text, long_names_lose_arguments_first)
{
	struct buf b = {};

	text_shorten(&b, n->name, n->width);
	cr_assert_leq(text_columns(buf_str(&b)), n->width);
	cr_assert_str_eq(buf_str(&b), n->text);
	buf_done(&b);
}

Test(view_text, padding_fills_exactly)
{
	struct buf b = {};

	text_pad(&b, "ab", 5);
	text_pad(&b, "\xe6\xbc\xa2", 4); /* a wide character takes two columns */
	buf_add_char(&b, '|');
	cr_assert_str_eq(buf_str(&b), "ab   \xe6\xbc\xa2  |");
	buf_done(&b);
}

Test(view_text, without_plugins_and_findings_nothing_is_said_of_them)
{
	r->limits = (struct limits){};
	r->has_plugins = true;
	render();
	assert_lacks("Plugins");
	assert_lacks("Findings");
	assert_lacks("Trends");
}

Test(view_text, plugins_in_trouble_come_first)
{
	sample_add_plugins(r);
	render();
	assert_has(
	    "Plugins: 4 loaded, 1 unloaded, 1 failed to load; 1402 executions, 121 failed\n");
	assert_has("  mod_bad.so       unloaded     2    400   120 30.0%");
	assert_has("  mod_good.so      loaded  before   1000     0    0%  205us  205us 5.00ms"
		   "  2.0%\n");
	assert_has("      errors: exception std::runtime_error 100, ret=-1 20; 2 ran longer than\n"
		   "        30.0s; 1 had not ended, the oldest after 7.00s\n");
	assert_has("      executions are not counted: it was not asked for\n");
	assert_has("  broken.so        failed       0      0\n      3 loads failed\n");
	cr_assert_lt(strstr(text, "\n  broken.so "), strstr(text, "\n  mod_good.so "));
}

Test(view_text, failed_loads_are_told_in_the_loaders_words)
{
	size_t plugins;

	sample_add_plugins(r);
	render();
	assert_has("       3  /usr/lib/webd/broken.so: undefined symbol: no_such_function\n"
		   "       1  missing.so: cannot open shared object file: No such file or "
		   "directory\n");
	assert_has("5 earlier events fell out");
	r->plugin_events.v[5].error = NULL;
	r->plugin_events_dropped = 0;
	plugins = r->plugins.n;
	r->plugins.n = r->activities.n = 0;
	render();
	r->plugins.n = plugins; /* they own something */
	assert_has("       1  missing.so: the loader gave no reason\n");
	assert_has("Plugins: none was loaded\n");
	assert_lacks("fell out");
}

Test(view_text, of_many_plugins_ten_are_shown_and_the_rest_counted)
{
	sample_add_plugins(r);
	for (int i = 0; i < 100; i++) {
		struct plugin p = r->plugins.v[P_BAD_AGAIN];

		vec_push(&r->plugins, p);
	}
	for (int i = 0; i < 8; i++) {
		struct plugin_event e = r->plugin_events.v[5];
		char name[16];

		snprintf(name, sizeof(name), "no%d.so", i);
		e.name = report_str(r, name);
		vec_push(&r->plugin_events, e);
	}
	render();
	assert_has("  96 more; -o FILE.json or FILE.csv shows all\n");
	assert_has("  6 more; -o FILE.json shows all\n");
	assert_has("  mod_bad.so       unloaded");
}

Test(view_text, findings_are_summed_up_first_and_told_below)
{
	sample_add_plugins(r);
	render();
	assert_has("  Findings  HIGH_MEMORY by mod_bad.so, ");
	assert_has("and 3 more\n");
	assert_has("\n  HIGH_MEMORY      mod_bad.so: asked for 300 MiB");
	assert_has("\n  UNRELIABLE       serve > parse_request: failed 125 times");
	assert_lacks("callers of these");
	r->paths.v[0].stats.max_ns = 9000000000;
	r->paths.v[2].stats.max_ns = 8000000000;
	render();
	assert_has("\n  SLOW_EXECUTION   serve > db_query: the longest of 4900 calls took 8.00s");
	assert_has("1 callers of these are slow or busy with them.");
	assert_lacks("  SLOW_EXECUTION   serve: ");
}

Test(view_text, clear_trends_are_told_with_both_averages)
{
	sample_add_plugins(r);
	render();
	assert_has("Trends: the last 5.00s against the 5.00s before\n"
		   "  mod_bad.so: calls a second up by 100%, from 25 to 50 (125 and 250 calls)\n");
	assert_lacks("own spread");
	r->activities.n = 0;
	for (uint64_t s = 0; s < 10; s++)
		sample_add_activity(r, 0, REPORT_NONE, s, s % 2 ? 10 : s < 5 ? 100 : 200, 0, 0);
	render();
	assert_lacks("Trends");
}
