/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of `record`. */
#include "cmd/record_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/opt.h"
#include "view/view.h"

#define DURATION_MAX_NS (366ULL * 24 * 3600 * 1000000000)

static int set_pids(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return parse_pids(value, &o->pids, o->why, sizeof(o->why));
}

static int set_name(void *ctx, const char *value)
{
	((struct record_options *)ctx)->name_glob = value;
	return 0;
}

static int set_cgroup(void *ctx, const char *value)
{
	((struct record_options *)ctx)->cgroup = value;
	return 0;
}

static int set_all(void *ctx, const char *value)
{
	(void)value;
	((struct record_options *)ctx)->all = true;
	return 0;
}

static int set_duration(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return parse_duration(value, DURATION_MAX_NS, &o->duration_ns, o->why, sizeof(o->why));
}

static int set_output(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return vec_push(&o->outputs, (struct output){ .file = value });
}

static int set_format(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	if (!view_by_name(value)) {
		snprintf(o->why, sizeof(o->why), "unknown format '%s'; there are: %s", value,
			 view_names());
		return -EINVAL;
	}
	o->format = value;
	return 0;
}

static int set_trace(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	if (!strcmp(value, "auto")) {
		snprintf(o->why, sizeof(o->why),
			 "the automatic choice (-t auto) is not in this version: name functions");
		return -EINVAL;
	}
	return vec_push(&o->specs, value);
}

static int set_frequency(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return parse_frequency(value, &o->frequency_hz, o->why, sizeof(o->why));
}

static int set_offcpu_min(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return parse_duration(value, DURATION_MAX_NS, &o->offcpu_min_ns, o->why, sizeof(o->why));
}

static int set_max_overhead(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return parse_percent(value, 0, 100, &o->max_overhead_pct, o->why, sizeof(o->why));
}

static int set_ready_fd(void *ctx, const char *value)
{
	struct record_options *o = ctx;
	uint64_t fd;
	int err = parse_number(value, 0, 1048575, &fd, o->why, sizeof(o->why));

	if (err)
		return err;
	/* Ours alone: -- COMMAND must not inherit it. */
	if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0) {
		snprintf(o->why, sizeof(o->why), "descriptor %d is not open", (int)fd);
		return -EINVAL;
	}
	o->ready_fd = (int)fd;
	return 0;
}

static int set_plugin(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return plugin_options_add_glob(&o->plugin, value, o->why, sizeof(o->why));
}

static int set_plugin_timeout(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return plugin_options_set_timeout(&o->plugin, value, o->why, sizeof(o->why));
}

static int set_max_events(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return parse_number(value, 0, 10000000, &o->plugin.events_max, o->why, sizeof(o->why));
}

static int set_events(void *ctx, const char *value)
{
	((struct record_options *)ctx)->plugin.events_file = value;
	return 0;
}

static int set_window(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return plugin_options_set_window(&o->plugin, value, o->why, sizeof(o->why));
}

static int set_limit(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return limits_parse(value, &o->plugin.limits, o->why, sizeof(o->why));
}

#define SET_FLAG(name, field)                                                                      \
	static int set_##name(void *ctx, const char *value)                                        \
	{                                                                                          \
		(void)value;                                                                       \
		((struct record_options *)ctx)->field;                                             \
		return 0;                                                                          \
	}

SET_FLAG(no_cpu, no_cpu = true)
SET_FLAG(no_offcpu, no_offcpu = true)
SET_FLAG(no_syscalls, no_syscalls = true)
SET_FLAG(no_plugins, no_plugins = true)
SET_FLAG(plugin_calls, plugin.calls = true)
SET_FLAG(no_follow, no_follow = true)
SET_FLAG(native, native = true)
SET_FLAG(no_exit_status, no_exit_status = true)
SET_FLAG(quiet, verbosity--)
SET_FLAG(verbose, verbosity++)

static const struct opt target_opts[] = {
	{ 'p', "pid", "PID,...", "these processes", set_pids },
	{ 'n', "name", "GLOB", "every process whose name matches, also those that start later",
	  set_name },
	{ 'g', "cgroup", "CGROUP", "every process in a cgroup: a path, or a container's ID",
	  set_cgroup },
	{ 'a', "all", NULL, "the whole system", set_all },
	{ 0, "no-follow", NULL, "leave forked children alone", set_no_follow },
};

static const struct opt signal_opts[] = {
	{ 't', "trace", "SPEC",
	  "functions whose calls become spans: GLOB, BINARY:GLOB, usdt:BINARY:PROVIDER:NAME, "
	  "k:GLOB (kernel), sys:NAME; each with @PRED for errors (ret<0, ret==null, …) and "
	  "(arg1:str,…) for timelines; repeatable; see pathbpf(8)",
	  set_trace },
	{ 'F', "frequency", "HZ", "stack samples a second and CPU (default 99)", set_frequency },
	{ 0, "no-cpu", NULL, "no on-CPU stacks", set_no_cpu },
	{ 0, "no-offcpu", NULL, "no off-CPU stacks", set_no_offcpu },
	{ 0, "min-offcpu", "TIME", "leave out shorter off-CPU intervals (10us, 1ms)",
	  set_offcpu_min },
	{ 0, "native", NULL, "keep an interpreter's own frames in stacks of what it runs (Python)",
	  set_native },
	{ 0, "no-syscalls", NULL, "no system calls", set_no_syscalls },
	{ 0, "no-plugins", NULL, "no plugins", set_no_plugins },
};

static const struct opt plugin_opts[] = {
	{ 0, "plugin", "GLOB",
	  "these plugins, by file name or path, of all that are loaded at run time; !GLOB takes "
	  "away; repeatable",
	  set_plugin },
	{ 0, "plugin-timeout", "TIME", "longer executions have timed out (default 30s; off)",
	  set_plugin_timeout },
	{ 0, "plugin-calls", NULL,
	  "each execution of a plugin is an event, not only those that failed", set_plugin_calls },
	{ 0, "events", "FILE",
	  "stream plugin events as they happen, a JSON object a line; '-' is "
	  "standard output",
	  set_events },
	{ 0, "max-events", "N", "events that the report keeps, the latest (default 10000)",
	  set_max_events },
	{ 0, "window", "SEC",
	  "length of the windows behind trends, of which 100 are kept (default a 20th of -d, "
	  "else 1)",
	  set_window },
	{ 0, "limit", "NAME=VALUE",
	  "what is worth a finding: error-rate=25, slow=5s, memory=100M, cpu=80, failures=100; "
	  "min-calls=10 and trend=5 for lists and trends; 0 turns one off; repeatable",
	  set_limit },
};

static const struct opt run_opts[] = {
	{ 'd', "duration", "SEC", "stop after SEC seconds (decimals allowed)", set_duration },
	{ 'o', "output", "FILE",
	  "write a result; the suffix picks the format: .txt .json .folded .html .svg .csv "
	  ".pb.gz .pftrace .trace.json; '-' is standard output; repeatable",
	  set_output },
	{ 0, "format", "NAME", "format for '-o -', or instead of the suffix's", set_format },
	{ 0, "max-overhead", "PCT", "what the target may lose (default 1); reported, not yet held",
	  set_max_overhead },
	{ 0, "ready-fd", "FD", "write \"ready\" to FD once every probe is live", set_ready_fd },
	{ 0, "no-exit-status", NULL, "do not pass on COMMAND's exit status", set_no_exit_status },
	{ 'q', "quiet", NULL, "less on standard error", set_quiet },
	{ 'v', "verbose", NULL, "more on standard error", set_verbose },
};

#define GROUP(title, rows)                                                                         \
	{                                                                                          \
		title, rows, sizeof(rows) / sizeof(*(rows))                                        \
	}

static const struct opt_group groups[] = {
	GROUP("What to trace", target_opts),
	GROUP("Which signals", signal_opts),
	GROUP("Plugins and findings", plugin_opts),
	GROUP("The run", run_opts),
};

static const struct opt_usage usage = {
	.synopsis = "pathbpf [OPTION...] -p PID[,PID...] | -n GLOB | -g CGROUP | -a\n"
		    "       pathbpf [OPTION...] -- COMMAND [ARG...]\n"
		    "       pathbpf funcs -p PID SPEC... | doctor | help [COMMAND]",
	.about = "Attaches to running processes and tells which execution paths they take: on-CPU "
		 "and off-CPU stacks, system calls, calls of chosen functions, errors, process "
		 "lifecycle. Reports when it ends: after -d, at Ctrl-C, or when the target exits.",
	.groups = groups,
	.n = sizeof(groups) / sizeof(*groups),
};

/*
 * --format is for standard output when that is among the outputs; otherwise it overrides the
 * suffixes.
 */
static int choose_view(const struct record_options *o, struct output *out, bool to_stdout)
{
	bool is_stdout = !strcmp(out->file, "-");

	if (o->format && (is_stdout || !to_stdout))
		out->view = view_by_name(o->format);
	else
		out->view = is_stdout ? &view_text : view_by_suffix(out->file);
	if (out->view)
		return -1;
	return opt_fail("cannot tell the format of '%s' by its suffix: add --format (%s)",
			out->file, view_names());
}

/* Events must not stand between the lines of a report. */
static int check_plugins(const struct record_options *o, bool to_stdout)
{
	if (o->no_plugins && (o->plugin.globs.n || o->plugin.events_file || o->plugin.calls))
		return opt_fail(
		    "--no-plugins leaves out what --plugin, --plugin-calls and --events "
		    "ask for");
	if (to_stdout && o->plugin.events_file && !strcmp(o->plugin.events_file, "-"))
		return opt_fail("only one of --events and -o can be standard output");
	return -1;
}

static int check(struct record_options *o)
{
	int ways = (o->pids.n > 0) + (o->name_glob != NULL) + (o->cgroup != NULL) + o->all +
		   (o->command != NULL);
	bool to_stdout = false;
	int status = -1;

	if (!ways)
		return opt_fail("nothing to trace: name a process (-p, -n, -g, -a, or -- COMMAND)");
	if (ways > 1)
		return opt_fail("only one of -p, -n, -g, -a and -- COMMAND can be given");
	if (o->format && !o->outputs.n && vec_push(&o->outputs, (struct output){ .file = "-" }))
		return 1;
	vec_foreach (out, &o->outputs)
		to_stdout = to_stdout || !strcmp(out->file, "-");
	vec_foreach (out, &o->outputs) {
		status = choose_view(o, out, to_stdout);
		if (status >= 0)
			return status;
	}
	return check_plugins(o, to_stdout);
}

int record_options_parse(struct record_options *o, int argc, char **argv)
{
	int rest, status;

	*o = (struct record_options){ .frequency_hz = 99, .ready_fd = -1, .max_overhead_pct = 1 };
	plugin_options_init(&o->plugin);
	status = opt_parse(&usage, argc, argv, o, o->why, &rest);
	if (status >= 0)
		return status;
	if (rest < argc && strcmp(argv[rest - 1], "--") != 0)
		return opt_fail("unexpected argument '%s'; a command stands after --", argv[rest]);
	if (rest < argc)
		o->command = argv + rest;
	return check(o);
}

void record_options_done(struct record_options *o)
{
	vec_foreach (out, &o->outputs)
		free(out->part);
	vec_done(&o->pids);
	vec_done(&o->outputs);
	vec_done(&o->specs);
	plugin_options_done(&o->plugin);
}
