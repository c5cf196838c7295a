/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of `record`. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/record_options.h"
#include "view/view.h"

#define WORDS_MAX 24

/* A command line in words; they live as long as the options that point into them. */
struct line {
	char text[512], *argv[WORDS_MAX + 2];
	int argc;
	struct record_options o;
};

/* From this machine's variables and file. */
static void isolate(void)
{
	clearenv();
	setenv("PATHBPF_CONFIG", "none", 1);
}

static int parse(struct line *l, const char *text)
{
	char *save = NULL;

	isolate();
	record_options_done(&l->o); /* of the line before */
	l->argc = 1;
	l->argv[0] = (char[]){ "pathbpf" };
	snprintf(l->text, sizeof(l->text), "%s", text);
	for (char *word = strtok_r(l->text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		cr_assert_lt(l->argc, WORDS_MAX);
		l->argv[l->argc++] = word;
	}
	l->argv[l->argc] = NULL;
	return record_options_parse(&l->o, l->argc, l->argv);
}

/* A right command line. */
static struct record_options *parsed(struct line *l, const char *text)
{
	cr_assert_eq(parse(l, text), -1, "'%s'", text);
	return &l->o;
}

Test(record_options, defaults_are_those_of_the_manual)
{
	struct line l = {};
	const struct record_options *o = parsed(&l, "-a");

	cr_assert(o->all);
	cr_assert_eq(o->frequency_hz, 99);
	cr_assert_eq(o->duration_ns, 0);
	cr_assert_eq(o->max_overhead_pct, 1);
	cr_assert_eq(o->ready_fd, -1);
	cr_assert_eq(o->verbosity, 0);
	cr_assert_eq(o->offcpu_min_ns, 0);
	cr_assert_eq(o->outputs.n, 0);
	cr_assert_eq(o->specs.n, 0);
	cr_assert_eq(o->pids.n, 0);
	cr_assert_null(o->command);
	cr_assert_null(o->format);
	cr_assert_null(o->name_glob);
	cr_assert_null(o->cgroup);
	cr_assert_not(o->no_cpu || o->no_offcpu || o->no_syscalls || o->no_plugins ||
		      o->no_follow || o->no_exit_status);
	record_options_done(&l.o);
}

Test(record_options, every_short_option_is_taken)
{
	struct line l = {};
	const struct record_options *o =
	    parsed(&l, "-p 12,34 -d 2.5 -o x.json -o y.folded -t f* -t lib:g@ret<0 -F 999 -vv -q");

	cr_assert_eq(o->pids.n, 2);
	cr_assert_eq(o->pids.v[0], 12);
	cr_assert_eq(o->pids.v[1], 34);
	cr_assert_eq(o->duration_ns, 2500000000);
	cr_assert_eq(o->outputs.n, 2);
	cr_assert_str_eq(o->outputs.v[0].file, "x.json");
	cr_assert_eq(o->outputs.v[0].view, &view_json);
	cr_assert_null(o->outputs.v[0].part);
	cr_assert_str_eq(o->outputs.v[1].file, "y.folded");
	cr_assert_eq(o->outputs.v[1].view, &view_folded);
	cr_assert_eq(o->specs.n, 2);
	cr_assert_str_eq(o->specs.v[0], "f*");
	cr_assert_str_eq(o->specs.v[1], "lib:g@ret<0");
	cr_assert_eq(o->frequency_hz, 999);
	cr_assert_eq(o->verbosity, 1);
	record_options_done(&l.o);
}

Test(record_options, every_long_option_is_taken)
{
	struct line l = {};
	const struct record_options *o =
	    parsed(&l, "--pid 7 --duration=500ms --output r.svg --trace=f --frequency 49 "
		       "--max-overhead 2.5% --min-offcpu 10us --ready-fd 1 --no-cpu --no-offcpu "
		       "--no-syscalls --no-plugins --no-follow --no-exit-status --quiet");

	cr_assert_eq(o->pids.v[0], 7);
	cr_assert_eq(o->duration_ns, 500000000);
	cr_assert_eq(o->outputs.v[0].view, &view_svg);
	cr_assert_str_eq(o->specs.v[0], "f");
	cr_assert_eq(o->frequency_hz, 49);
	cr_assert_eq(o->max_overhead_pct, 2.5);
	cr_assert_eq(o->offcpu_min_ns, 10000);
	cr_assert_eq(o->ready_fd, 1);
	cr_assert(o->no_cpu && o->no_offcpu && o->no_syscalls);
	cr_assert(o->no_plugins && o->no_follow && o->no_exit_status);
	cr_assert_eq(o->verbosity, -1);
	record_options_done(&l.o);
}

Test(record_options, each_switch_leaves_out_its_own_signal_only)
{
	struct line l = {};

	parsed(&l, "-a --no-cpu");
	cr_assert(l.o.no_cpu && !l.o.no_offcpu && !l.o.no_syscalls && !l.o.no_plugins);
	parsed(&l, "-a --no-offcpu");
	cr_assert(!l.o.no_cpu && l.o.no_offcpu && !l.o.no_syscalls && !l.o.no_plugins);
	parsed(&l, "-a --no-syscalls");
	cr_assert(!l.o.no_cpu && !l.o.no_offcpu && l.o.no_syscalls && !l.o.no_plugins);
	parsed(&l, "-a --no-plugins");
	cr_assert(!l.o.no_cpu && !l.o.no_offcpu && !l.o.no_syscalls && l.o.no_plugins);
	parsed(&l, "-a --no-follow");
	cr_assert(l.o.no_follow && !l.o.no_exit_status);
	parsed(&l, "-a --no-exit-status");
	cr_assert(!l.o.no_follow && l.o.no_exit_status);
	record_options_done(&l.o);
}

Test(record_options, every_way_to_name_a_target_is_taken)
{
	struct line l = {};

	cr_assert_str_eq(parsed(&l, "-n nginx*")->name_glob, "nginx*");
	cr_assert_str_eq(parsed(&l, "--name=nginx*")->name_glob, "nginx*");
	cr_assert_str_eq(parsed(&l, "-g /system.slice")->cgroup, "/system.slice");
	cr_assert_str_eq(parsed(&l, "--cgroup /x")->cgroup, "/x");
	cr_assert(parsed(&l, "--all")->all);
	cr_assert_eq(parsed(&l, "-p 1 -p 2,3")->pids.n, 3, "-p may be repeated");
	record_options_done(&l.o);
}

Test(record_options, a_command_keeps_its_own_options)
{
	struct line l = {};
	const struct record_options *o = parsed(&l, "-d 1 -- ls -l -- --no-cpu");

	cr_assert_eq(o->command, l.argv + 4);
	cr_assert_str_eq(o->command[0], "ls");
	cr_assert_str_eq(o->command[1], "-l");
	cr_assert_str_eq(o->command[2], "--");
	cr_assert_str_eq(o->command[3], "--no-cpu");
	cr_assert_null(o->command[4]);
	cr_assert_not(o->no_cpu);
	record_options_done(&l.o);
}

static void expect_views(const char *text, const char *names)
{
	struct line l = {};
	char found[64] = "";

	parsed(&l, text);
	vec_foreach (out, &l.o.outputs) {
		strcat(found, " ");
		strcat(found, out->view->name);
	}
	cr_assert_str_eq(found, names, "'%s'", text);
	record_options_done(&l.o);
}

Test(record_options, the_suffix_chooses_the_format)
{
	expect_views("-a -o a.txt -o a.json -o a.folded", " text json folded");
	expect_views("-a -o a.html -o a.svg -o a.csv -o a.pb.gz", " html svg csv pprof");
	expect_views("-a -o dir.json/a.txt", " text");
}

Test(record_options, a_dash_is_text_unless_a_format_is_given)
{
	expect_views("-a -o -", " text");
	expect_views("-a -o - --format json", " json");
	expect_views("-a --format csv -o -", " csv");
}

Test(record_options, a_format_alone_means_standard_output)
{
	struct line l = {};

	parsed(&l, "-a --format json");
	cr_assert_eq(l.o.outputs.n, 1);
	cr_assert_str_eq(l.o.outputs.v[0].file, "-");
	cr_assert_eq(l.o.outputs.v[0].view, &view_json);
	record_options_done(&l.o);
}

Test(record_options, a_format_overrides_suffixes_unless_it_is_for_standard_output)
{
	expect_views("-a --format json -o a.txt -o strange", " json json");
	expect_views("-a --format json -o a.txt -o - -o a.csv", " text json csv");
}

Test(record_options, every_format_has_a_name)
{
	static const char *const names[] = {
		"text", "json", "folded", "html", "svg", "csv", "pprof"
	};
	struct line l = {};
	char text[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(text, sizeof(text), "-a --format %s", names[i]);
		parsed(&l, text);
		cr_assert_str_eq(l.o.outputs.v[0].view->name, names[i]);
		record_options_done(&l.o);
	}
}

struct wrong {
	char text[64], message[160];
};

#define HINT "; see 'pathbpf --help'\n"

ParameterizedTestParameters(record_options, a_wrong_command_line_is_refused_in_a_sentence)
{
	static struct wrong cases[] = {
		{ "", "nothing to trace: name a process (-p, -n, -g, -a, or -- COMMAND)" },
		{ "-d 1", "nothing to trace: name a process (-p, -n, -g, -a, or -- COMMAND)" },
		{ "--", "nothing to trace: name a process (-p, -n, -g, -a, or -- COMMAND)" },
		{ "-p 1 -a", "only one of -p, -n, -g, -a and -- COMMAND can be given" },
		{ "-p 1 -n x", "only one of -p, -n, -g, -a and -- COMMAND can be given" },
		{ "-n x -g /y", "only one of -p, -n, -g, -a and -- COMMAND can be given" },
		{ "-g /y -a", "only one of -p, -n, -g, -a and -- COMMAND can be given" },
		{ "-a -- ls", "only one of -p, -n, -g, -a and -- COMMAND can be given" },
		{ "-p 1 -- ls", "only one of -p, -n, -g, -a and -- COMMAND can be given" },
		{ "ls", "unexpected argument 'ls'; a command stands after --" },
		{ "-a ls -l", "unexpected argument 'ls'; a command stands after --" },
		{ "-p x", "--pid: 'x' is not a process ID" },
		{ "-p 1,1", "--pid: process 1 is named twice" },
		{ "-p 1 -p 1", "--pid: process 1 is named twice" },
		{ "-p", "option '-p' needs PID,..." },
		{ "-a -d 0", "--duration: 0 is no time at all: it must be above 0" },
		{ "-a -d 1e3", "--duration: '1e3' is not a time: write seconds (10, 0.5) or a unit "
			       "(500ms, 2m, 1h)" },
		{ "-a -d 99999h", "--duration: 99999h is too long: at most 31622400 seconds" },
		{ "-a -F 0", "--frequency: 0 is not within 1 to 49999 samples a second" },
		{ "-a -F fast", "--frequency: 'fast' is not a sampling rate: write samples a "
				"second, as 99" },
		{ "-a --max-overhead 101", "--max-overhead: 101 is not within 0 to 100 per cent" },
		{ "-a --max-overhead x", "--max-overhead: 'x' is not a percentage: write 1, 0.5 or "
					 "2%" },
		{ "-a --format xml", "--format: unknown format 'xml'; there are: text json folded "
				     "html svg csv pprof perfetto chrome plugins-folded" },
		{ "-a -o result",
		  "cannot tell the format of 'result' by its suffix: add --format "
		  "(text json folded html svg csv pprof perfetto chrome plugins-folded)" },
		{ "-a -o x.txt -o y.xml",
		  "cannot tell the format of 'y.xml' by its suffix: add "
		  "--format (text json folded html svg csv pprof perfetto chrome plugins-folded)" },
		{ "-a --format json -o - -o y.xml",
		  "cannot tell the format of 'y.xml' by its suffix: add --format "
		  "(text json folded html svg csv pprof perfetto chrome plugins-folded)" },
		{ "-a -t none -t f", "-t none leaves out what another -t asks for" },
		{ "-a -t none -t auto", "-t none leaves out what another -t asks for" },
		{ "-a -t auto --no-cpu --no-offcpu",
		  "-t auto finds paths in stacks: --no-cpu and --no-offcpu leave none" },
		{ "-a --ready-fd -1", "--ready-fd: '-1' is not a whole number" },
		{ "-a --ready-fd 999999", "--ready-fd: descriptor 999999 is not open" },
		{ "-a --min-offcpu 0", "--min-offcpu: 0 is no time at all: it must be above 0" },
		{ "-a --plugin-timeout 0s", "--plugin-timeout: 0s is no time at all: it must be "
					    "above 0" },
		{ "-a --window 9ms", "--window: 9ms is too short: at least 10ms" },
		{ "-a --window x", "--window: 'x' is not a time: write seconds (10, 0.5) or a unit "
				   "(500ms, 2m, 1h)" },
		{ "-a --max-events -1", "--max-events: '-1' is not a whole number" },
		{ "-a --plugin=", "--plugin: an empty glob matches nothing" },
		{ "-a --limit slow",
		  "--limit: 'slow' is no limit: write NAME=VALUE, with "
		  "error-rate, slow, memory, cpu, failures, min-calls or trend" },
		{ "-a --limit slower=1", "--limit: 'slower=1' is no limit: write NAME=VALUE, with "
					 "error-rate, slow, memory, cpu, failures, min-calls or "
					 "trend" },
		{ "-a --limit slow=", "--limit: '' is not a time: write seconds (10, 0.5) or a "
				      "unit (500ms, 2m, 1h)" },
		{ "-a --limit cpu=101", "--limit: 101 is not within 0 to 100 per cent" },
		{ "-a --limit memory=1Q", "--limit: '1Q' is not a size: write bytes, or 64K, 100M, "
					  "1.5G" },
		{ "-a --limit failures=1.5", "--limit: '1.5' is not a whole number" },
		{ "-a --no-plugins --plugin x",
		  "--no-plugins leaves out what --plugin, --plugin-calls and --events ask for" },
		{ "-a --no-plugins --events x",
		  "--no-plugins leaves out what --plugin, --plugin-calls and --events ask for" },
		{ "-a --events - -o -", "only one of --events and -o can be standard output" },
		{ "-a --no-cpu=2", "--no-cpu: '2' is neither yes nor no" },
		{ "-a --no-offpcu", "unknown option '--no-offpcu' (did you mean '--no-offcpu'?)" },
	};

	return cr_make_param_array(struct wrong, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct wrong *w, record_options, a_wrong_command_line_is_refused_in_a_sentence,
		  .init = cr_redirect_stderr)
{
	struct line l = {};
	char expected[256];

	snprintf(expected, sizeof(expected), "pathbpf: %s" HINT, w->message);
	cr_assert_eq(parse(&l, w->text), 2, "'%s'", w->text);
	record_options_done(&l.o);
	fflush(stderr);
	cr_assert_stderr_eq_str(expected, "'%s'", w->text);
}

struct paths_wish {
	char text[48];
	bool automatic;
	size_t specs;
};

ParameterizedTestParameters(record_options,
			    paths_are_found_unless_functions_are_named_or_none_wanted)
{
	static struct paths_wish cases[] = {
		{ "-a", true, 0 },
		{ "-a -t auto", true, 0 },
		{ "-a -t none", false, 0 },
		{ "-a -t f", false, 1 },
		{ "-a -t f -t auto -t g", true, 2 },
		{ "-a --no-cpu", true, 0 },
		{ "-a --no-offcpu", true, 0 },
		{ "-a --no-cpu --no-offcpu", false, 0 },
	};

	return cr_make_param_array(struct paths_wish, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct paths_wish *w, record_options,
		  paths_are_found_unless_functions_are_named_or_none_wanted)
{
	struct line l = {};
	const struct record_options *o = parsed(&l, w->text);

	cr_assert_eq(o->auto_paths, w->automatic, "'%s'", w->text);
	cr_assert_eq(o->specs.n, w->specs, "'%s'", w->text);
	record_options_done(&l.o);
}

Test(record_options, an_empty_output_name_is_refused, .init = cr_redirect_stderr)
{
	char *argv[] = { (char[]){ "pathbpf" }, (char[]){ "-a" }, (char[]){ "-o" }, (char[]){ "" },
			 NULL };
	struct record_options o;

	isolate();
	cr_assert_eq(record_options_parse(&o, 4, argv), 2);
	record_options_done(&o);
}

Test(record_options, plugins_have_the_defaults_of_the_manual)
{
	struct line l = {};
	const struct plugin_options *o = &parsed(&l, "-a")->plugin;

	cr_assert_eq(o->globs.n, 0);
	cr_assert_eq(o->timeout_ns, 30000000000);
	cr_assert_eq(o->events_max, 10000);
	cr_assert_null(o->events_file);
	cr_assert_eq(o->window_ns, 0);
	cr_assert_eq(o->limits.error_pct, 25);
	cr_assert_eq(o->limits.slow_ns, 5000000000);
	cr_assert_eq(o->limits.memory_bytes, 100 << 20);
	cr_assert_eq(o->limits.cpu_pct, 80);
	cr_assert_eq(o->limits.failures, 100);
	cr_assert_eq(o->limits.min_calls, 10);
	cr_assert_eq(o->limits.trend_pct, 5);
	record_options_done(&l.o);
}

Test(record_options, plugins_are_chosen_timed_and_streamed)
{
	struct line l = {};
	const struct plugin_options *o =
	    &parsed(&l, "-a --plugin mod_* --plugin !mod_x* --plugin-timeout 500ms --window 2.5 "
			"--max-events 0 --events /tmp/x.jsonl")
		 ->plugin;

	cr_assert_eq(o->globs.n, 2);
	cr_assert_str_eq(o->globs.v[1], "!mod_x*");
	cr_assert_eq(o->timeout_ns, 500000000);
	cr_assert_eq(o->window_ns, 2500000000);
	cr_assert_eq(o->events_max, 0);
	cr_assert_str_eq(o->events_file, "/tmp/x.jsonl");
	record_options_done(&l.o);
	cr_assert_eq(l.o.plugin.globs.n, 0);
	cr_assert_eq(parsed(&l, "-a --plugin-timeout off --events -")->plugin.timeout_ns, 0);
	record_options_done(&l.o);
}

Test(record_options, every_limit_can_be_set_and_turned_off)
{
	struct line l = {};
	const struct limits *x =
	    &parsed(&l, "-a --limit error-rate=12.5% --limit slow=250ms --limit memory=1G --limit "
			"cpu=50 --limit failures=7 --limit min-calls=100 --limit trend=200")
		 ->plugin.limits;

	cr_assert_eq(x->error_pct, 12.5);
	cr_assert_eq(x->slow_ns, 250000000);
	cr_assert_eq(x->memory_bytes, 1 << 30);
	cr_assert_eq(x->cpu_pct, 50);
	cr_assert_eq(x->failures, 7);
	cr_assert_eq(x->min_calls, 100);
	cr_assert_eq(x->trend_pct, 200);
	record_options_done(&l.o);
	x = &parsed(&l, "-a --limit error-rate=0 --limit slow=off --limit memory=0 --limit cpu=off "
			"--limit failures=off --limit min-calls=0 --limit trend=off")
		 ->plugin.limits;
	cr_assert_eq(x->error_pct + x->cpu_pct + x->trend_pct, 0);
	cr_assert_eq(x->slow_ns + x->memory_bytes + x->failures + x->min_calls, 0);
	record_options_done(&l.o);
}

Test(record_options, windows_follow_from_the_runs_length)
{
	struct line l = {};
	const struct plugin_options *o = &parsed(&l, "-a")->plugin;

	cr_assert_eq(plugin_options_window(o, 0), 1000000000);
	cr_assert_eq(plugin_options_window(o, 10000000000), 500000000);
	cr_assert_eq(plugin_options_window(o, 1000000000), 100000000);
	cr_assert_eq(plugin_options_window(o, 24 * 3600 * 1000000000ull), 60000000000);
	record_options_done(&l.o);
	o = &parsed(&l, "-a --window 3")->plugin;
	cr_assert_eq(plugin_options_window(o, 10000000000), 3000000000);
	record_options_done(&l.o);
}

Test(record_options, help_ends_the_run_well, .init = cr_redirect_stdout)
{
	struct line l = {};

	cr_assert_eq(parse(&l, "-a --help"), 0);
	record_options_done(&l.o);
}

Test(record_options, help_names_every_option_of_the_contract)
{
	static const char *const names[] = {
		"-p, --pid PID",       "-n, --name GLOB",
		"-g, --cgroup CGROUP", "-a, --all",
		"-d, --duration SEC",  "-o, --output",
		"--format NAME",       "-t, --trace SPEC",
		"-F, --frequency HZ",  "--no-cpu",
		"--no-offcpu",         "--no-syscalls",
		"--plugin GLOB",       "--plugin-timeout TIME",
		"--events FILE",       "--max-events N",
		"--window SEC",        "--limit NAME=VALUE",
		"--no-plugins",        "--max-overhead",
		"--ready-fd FD",       "--no-follow",
		"-q, --quiet",         "-v, --verbose",
		"--no-exit-status",    "--help",
	};
	char *text = NULL;
	size_t size = 0;
	struct line l = {};
	FILE *real = stdout;

	stdout = open_memstream(&text, &size);
	cr_expect_eq(parse(&l, "--help"), 0);
	fclose(stdout);
	stdout = real;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		cr_assert(strstr(text, names[i]), "%s is not in:\n%s", names[i], text);
	record_options_done(&l.o);
	free(text);
}

Test(record_options, released_options_are_empty)
{
	struct line l = {};

	parsed(&l, "-p 1,2 -o x.txt -t f");
	record_options_done(&l.o);
	cr_assert_eq(l.o.pids.n + l.o.outputs.n + l.o.specs.n, 0);
	record_options_done(&l.o);
}
