/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of `record` from a file, variables and flags together. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/record_options.h"
#include "lib/buf.h"
#include "view/view.h"

#define WORDS_MAX 24

/* One run: a file, variables "A=B|C=D", flags. */
struct run {
	char path[32], env[512], flags[512], *argv[WORDS_MAX];
	int argc;
	struct record_options o;
};

static void split(struct run *r)
{
	char *save = NULL;

	for (char *word = strtok_r(r->flags, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		cr_assert_lt(r->argc + 1, WORDS_MAX);
		r->argv[r->argc++] = word;
	}
}

static int try(struct run *r, const char *file, const char *env, const char *flags)
{
	char *save = NULL;
	int fd, status;

	*r = (struct run){ .path = "/tmp/pathbpf-test-XXXXXX" };
	fd = mkstemp(r->path);
	cr_assert_eq(write(fd, file, strlen(file)), (ssize_t)strlen(file));
	close(fd);
	clearenv();
	snprintf(r->env, sizeof(r->env), "%s", env);
	for (char *one = strtok_r(r->env, "|", &save); one; one = strtok_r(NULL, "|", &save))
		putenv(one);
	snprintf(r->flags, sizeof(r->flags), "pathbpf --config %s %s", r->path, flags);
	split(r);
	status = record_options_parse(&r->o, r->argc, r->argv);
	unlink(r->path);
	return status;
}

static struct record_options *taken(struct run *r, const char *file, const char *env,
				    const char *flags)
{
	cr_assert_eq(try(r, file, env, flags), -1, "%s|%s|%s", file, env, flags);
	return &r->o;
}

Test(record_config, each_layer_wins_over_the_one_below)
{
	struct run r;

	cr_assert_eq(taken(&r, "all=yes", "", "")->frequency_hz, 99);
	record_options_done(&r.o);
	cr_assert_eq(taken(&r, "all=yes\nfrequency=1", "", "")->frequency_hz, 1);
	record_options_done(&r.o);
	cr_assert_eq(taken(&r, "all=yes\nfrequency=1", "PATHBPF_FREQUENCY=2", "")->frequency_hz, 2);
	record_options_done(&r.o);
	cr_assert_eq(taken(&r, "all=yes\nfrequency=1", "PATHBPF_FREQUENCY=2", "-F3")->frequency_hz,
		     3);
	record_options_done(&r.o);
}

/* Every row of the table, with a value that is right for it. */
static const char *sample(const struct opt *o)
{
	static const char *const values[][2] = {
		{ "pid", "1" },          { "plugin-timeout", "1s" }, { "frequency", "7" },
		{ "min-offcpu", "1ms" }, { "max-events", "8" },      { "window", "2" },
		{ "limit", "slow=1s" },  { "duration", "9" },        { "output", "x.json" },
		{ "format", "json" },    { "ready-fd", "2" },
	};

	if (!o->arg)
		return "yes";
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		if (!strcmp(values[i][0], o->name))
			return values[i][1];
	return "5"; /* a percentage, a name, a size, … */
}

static void expect_origin(const struct run *r, const struct opt *o, enum setting_layer layer)
{
	const struct setting *last = NULL, *one = NULL;

	while ((one = settings_next(&r->o.settings, o, one)))
		last = one;
	cr_assert(last && last->layer == layer, "%s", o->name);
	if (o->arg)
		cr_assert_str_eq(last->value, sample(o));
}

Test(record_config, every_option_is_taken_from_a_file_and_from_its_variable)
{
	const struct opt_usage *u = record_usage();
	unsigned n = 0;
	struct run r;

	for (size_t g = 0; g < u->n; g++) {
		for (size_t i = 0; i < u->groups[g].n; i++) {
			const struct opt *o = &u->groups[g].opts[i];
			struct buf line = {}, variable = {};
			const char *rest = strstr("pid name cgroup all", o->name) ? "" : "-a";

			if (o->no_file)
				continue;
			buf_printf(&line, "%s = %s\n", o->name, sample(o));
			setting_variable(&variable, o);
			buf_printf(&variable, "=%s", sample(o));
			taken(&r, buf_str(&line), "", rest);
			expect_origin(&r, o, SETTING_FILE);
			record_options_done(&r.o);
			taken(&r, "", buf_str(&variable), rest);
			expect_origin(&r, o, SETTING_VARIABLE);
			record_options_done(&r.o);
			buf_done(&line);
			buf_done(&variable);
			n++;
		}
	}
	cr_assert_geq(n, 25);
}

Test(record_config, a_target_replaces_one_from_below)
{
	struct run r;
	const struct record_options *o = taken(&r, "name = nginx*", "", "-p 12");

	cr_assert_null(o->name_glob);
	cr_assert_eq(o->pids.n, 1);
	record_options_done(&r.o);
	o = taken(&r, "pid = 1\npid = 2", "PATHBPF_CGROUP=/x", "");
	cr_assert_eq(o->pids.n, 0);
	cr_assert_str_eq(o->cgroup, "/x");
	record_options_done(&r.o);
	o = taken(&r, "pid = 1", "PATHBPF_NAME=x", "-a");
	cr_assert(o->all && !o->pids.n && !o->name_glob);
	record_options_done(&r.o);
	o = taken(&r, "all = yes", "PATHBPF_PID=1,2", "-- ls");
	cr_assert(!o->all && !o->pids.n);
	cr_assert_str_eq(o->command[0], "ls");
	record_options_done(&r.o);
}

Test(record_config, lists_replace_those_from_below)
{
	struct run r;
	const struct record_options *o =
	    taken(&r, "all=yes\ntrace = a\ntrace = b", "PATHBPF_OUTPUT=x.json;y.svg", "-t c -t d");

	cr_assert_eq(o->specs.n, 2);
	cr_assert_str_eq(o->specs.v[0], "c");
	cr_assert_str_eq(o->specs.v[1], "d");
	cr_assert_eq(o->outputs.n, 2);
	cr_assert_str_eq(o->outputs.v[1].file, "y.svg");
	record_options_done(&r.o);
}

Test(record_config, limits_replace_those_of_the_same_name)
{
	struct run r;
	const struct limits *x = &taken(&r, "all=yes\nlimit = slow=1s\nlimit = cpu=10",
					"PATHBPF_LIMIT=cpu=20;failures=3", "--limit failures=4")
				      ->plugin.limits;

	cr_assert_eq(x->slow_ns, 1000000000);
	cr_assert_eq(x->cpu_pct, 20);
	cr_assert_eq(x->failures, 4);
	cr_assert_eq(x->min_calls, 10);
	record_options_done(&r.o);
}

Test(record_config, plugins_asked_for_above_come_though_the_file_leaves_them_out)
{
	struct run r;
	const struct record_options *o = taken(&r, "all=yes\nno-plugins=yes", "", "--plugin x");

	cr_assert_not(o->no_plugins);
	record_options_done(&r.o);
	o = taken(&r, "all=yes\nplugin = x\nevents = y", "", "--no-plugins");
	cr_assert(o->no_plugins && !o->plugin.globs.n && !o->plugin.events_file);
	record_options_done(&r.o);
	o = taken(&r, "all=yes\nno-plugins = yes", "", "--no-plugins=no --plugin x");
	cr_assert_not(o->no_plugins);
	record_options_done(&r.o);
}

Test(record_config, the_louder_flag_is_not_muted_by_the_file)
{
	struct run r;

	cr_assert_eq(taken(&r, "all=yes\nquiet=yes", "", "-v")->verbosity, 1);
	record_options_done(&r.o);
	cr_assert_eq(taken(&r, "all=yes\nverbose=2", "", "-q")->verbosity, -1);
	record_options_done(&r.o);
	cr_assert_eq(taken(&r, "all=yes\nverbose=2", "", "")->verbosity, 2);
	record_options_done(&r.o);
}

static void expect_views(const char *file, const char *flags, const char *names)
{
	struct run r;
	char found[64] = "";

	taken(&r, file, "", flags);
	vec_foreach (out, &r.o.outputs) {
		strcat(found, " ");
		strcat(found, out->view->name);
	}
	cr_assert_str_eq(found, names, "'%s' '%s'", file, flags);
	record_options_done(&r.o);
}

Test(record_config, a_format_from_below_does_not_contradict_a_suffix)
{
	expect_views("all=yes\nformat=json", "", " json");
	expect_views("all=yes\nformat=json", "-o x.html", " html");
	expect_views("all=yes\nformat=json", "-o strange", " json");
	expect_views("all=yes\nformat=json", "-o -", " json");
	expect_views("all=yes\nformat=json\noutput=x.html", "", " json");
	expect_views("all=yes\noutput=x.html", "--format csv", " csv");
	expect_views("all=yes\noutput=x.html", "--format csv -o y", " csv");
}

Test(record_config, presets_are_the_models_own_defaults)
{
	const struct limits wanted = LIMITS_DEFAULT;
	struct run r;
	const struct limits *x = &taken(&r, "", "", "-a")->plugin.limits;

	cr_assert_eq(x->error_pct, wanted.error_pct);
	cr_assert_eq(x->slow_ns, wanted.slow_ns);
	cr_assert_eq(x->memory_bytes, wanted.memory_bytes);
	cr_assert_eq(x->cpu_pct, wanted.cpu_pct);
	cr_assert_eq(x->failures, wanted.failures);
	cr_assert_eq(x->min_calls, wanted.min_calls);
	cr_assert_eq(x->trend_pct, wanted.trend_pct);
	record_options_done(&r.o);
}

struct wrong {
	char file[64], env[64], flags[64], message[160];
};

ParameterizedTestParameters(record_config, what_is_wrong_is_named_with_its_place)
{
	static struct wrong cases[] = {
		{ "all=yes\nmax-overhead = lots", "", "",
		  "FILE:2: max-overhead: 'lots' is not a percentage: write 1, 0.5 or 2%" },
		{ "all=yes\nmax-overhead = lots", "", "--max-overhead 2",
		  "FILE:2: max-overhead: 'lots' is not a percentage: write 1, 0.5 or 2%" },
		{ "pid = 1\npid = 1", "", "", "FILE:2: pid: process 1 is named twice" },
		{ "", "PATHBPF_MAX_OVERHEAD=lots", "-a",
		  "PATHBPF_MAX_OVERHEAD: 'lots' is not a percentage: write 1, 0.5 or 2%" },
		{ "", "PATHBPF_LIMIT=slow=1s;x", "-a",
		  "PATHBPF_LIMIT: 'x' is no limit: write NAME=VALUE, with error-rate, slow, "
		  "memory, cpu, failures, min-calls or trend" },
		{ "pid = 1\nname = x", "", "",
		  "only one of -p, -n, -g, -a and -- COMMAND can be given (pid: file FILE:1; name: "
		  "file FILE:2); see 'pathbpf --help'" },
		{ "no-plugins = yes\nevents = x", "", "-a",
		  "--no-plugins leaves out what --plugin, --plugin-calls and --events ask for "
		  "(no-plugins: file "
		  "FILE:1; events: file FILE:2); see 'pathbpf --help'" },
		{ "events = -", "", "-a -o -",
		  "only one of --events and -o can be standard output (events: file FILE:1; "
		  "output: "
		  "flag); see 'pathbpf --help'" },
	};

	return cr_make_param_array(struct wrong, cases, sizeof(cases) / sizeof(*cases));
}

/* The message with FILE in place of the file's name. */
static void expect_message(const struct run *r, const char *message)
{
	char found[1024] = "", expected[256], *at;
	FILE *f = cr_get_redirected_stderr();
	size_t n;

	fflush(stderr);
	n = fread(found, 1, sizeof(found) - 1, f);
	found[n] = '\0';
	while ((at = strstr(found, r->path)) != NULL) {
		memcpy(at, "FILE", 4);
		memmove(at + 4, at + strlen(r->path), strlen(at + strlen(r->path)) + 1);
	}
	snprintf(expected, sizeof(expected), "pathbpf: %s\n", message);
	cr_assert_str_eq(found, expected);
}

ParameterizedTest(struct wrong *w, record_config, what_is_wrong_is_named_with_its_place,
		  .init = cr_redirect_stderr)
{
	struct run r;

	cr_assert_eq(try(&r, w->file, w->env, w->flags), 2);
	record_options_done(&r.o);
	expect_message(&r, w->message);
}

Test(record_config, a_variable_of_others_is_told_unless_quiet, .init = cr_redirect_stderr)
{
	struct run r;

	taken(&r, "all=yes\nquiet=yes", "PATHBPF_PORT=tcp://1", "");
	record_options_done(&r.o);
	taken(&r, "all=yes", "PATHBPF_PORT=tcp://1", "");
	record_options_done(&r.o);
	expect_message(&r, "no option has the variable PATHBPF_PORT: ignored");
}
