/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of `record`. */
#include "cmd/record_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/config.h"
#include "lib/log.h"
#include "lib/opt.h"
#include "view/view.h"

#define DURATION_MAX_NS (366ULL * 24 * 3600 * 1000000000)
#define TARGETS         "pid name cgroup all" /* options that name what is traced */

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

	if (!strcmp(value, "auto"))
		o->auto_paths = true;
	else if (!strcmp(value, "stacks"))
		o->auto_paths = o->no_choice = true;
	else if (!strcmp(value, "none"))
		o->no_paths = true;
	else
		return vec_push(&o->specs, value);
	return 0;
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

static int set_max_cpu(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return parse_percent(value, 0, 6400, &o->max_cpu_pct, o->why, sizeof(o->why));
}

static int set_max_loss(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return parse_percent(value, 0, 100, &o->max_loss_pct, o->why, sizeof(o->why));
}

static int set_max_memory(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return parse_memory(value, &o->max_memory_bytes, o->why, sizeof(o->why));
}

static int set_max_bpf_memory(void *ctx, const char *value)
{
	struct record_options *o = ctx;

	return parse_memory(value, &o->max_bpf_memory_bytes, o->why, sizeof(o->why));
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
	{ 'p', "pid", "PID,...", "these processes", set_pids, OPT_LIST, .overrules = TARGETS },
	{ 'n', "name", "GLOB", "every process whose name matches, also those that start later",
	  set_name, .overrules = TARGETS },
	{ 'g', "cgroup", "CGROUP", "every process in a cgroup: a path, or a container's ID",
	  set_cgroup, .overrules = TARGETS },
	{ 'a', "all", NULL, "the whole system", set_all, .overrules = TARGETS },
	{ 0, "no-follow", NULL, "leave forked children alone", set_no_follow },
};

static const struct opt signal_opts[] = {
	{ 't', "trace", "SPEC",
	  "functions whose calls become spans: GLOB, BINARY:GLOB, usdt:BINARY:PROVIDER:NAME, "
	  "k:GLOB (kernel), sys:NAME; each with @PRED for errors (ret<0, ret==null, …) and "
	  "(arg1:str,…) for timelines; repeatable; see pathbpf(8). 'auto' (default) chooses "
	  "functions by the stacks and finds paths in these, 'stacks' only the latter, 'none' "
	  "neither",
	  set_trace, OPT_LIST },
	{ 'F', "frequency", "HZ", "stack samples a second and CPU", set_frequency, .preset = "99" },
	{ 0, "no-cpu", NULL, "no on-CPU stacks", set_no_cpu },
	{ 0, "no-offcpu", NULL, "no off-CPU stacks", set_no_offcpu },
	{ 0, "min-offcpu", "TIME", "leave out shorter off-CPU intervals (10us, 1ms)",
	  set_offcpu_min },
	{ 0, "native", NULL, "keep an interpreter's own frames in stacks of what it runs (Python)",
	  set_native },
	{ 0, "no-syscalls", NULL, "no system calls", set_no_syscalls },
	{ 0, "no-plugins", NULL, "no plugins", set_no_plugins, .overrules = "plugin events" },
};

static const struct opt plugin_opts[] = {
	{ 0, "plugin", "GLOB",
	  "these plugins, by file name or path, of all that are loaded at run time; !GLOB takes "
	  "away; repeatable",
	  set_plugin, OPT_LIST, .overrules = "no-plugins" },
	{ 0, "plugin-timeout", "TIME", "longer executions have timed out; off: none has",
	  set_plugin_timeout, .preset = "30s" },
	{ 0, "plugin-calls", NULL,
	  "each execution of a plugin is an event, not only those that failed", set_plugin_calls },
	{ 0, "events", "FILE",
	  "stream plugin events as they happen, a JSON object a line; '-' is "
	  "standard output",
	  set_events, .overrules = "no-plugins" },
	{ 0, "max-events", "N", "events that the report keeps, the latest", set_max_events,
	  .preset = "10000" },
	{ 0, "window", "SEC",
	  "length of the windows behind trends, of which 100 are kept (default a 20th of -d, "
	  "else 1)",
	  set_window },
	{ 0, "limit", "NAME=VALUE",
	  "what is worth a finding; min-calls and trend are for lists and trends; 0 turns one off; "
	  "repeatable",
	  set_limit, OPT_KEYED,
	  .preset =
	      "error-rate=25; slow=5s; memory=100M; cpu=80; failures=100; min-calls=10; trend=5" },
};

static const struct opt run_opts[] = {
	{ 'd', "duration", "SEC", "stop after SEC seconds (decimals allowed)", set_duration },
	{ 'o', "output", "FILE",
	  "write a result; the suffix picks the format: .txt .json .folded .html .svg .csv "
	  ".pb.gz .pftrace .trace.json; '-' is standard output; repeatable",
	  set_output, OPT_LIST },
	{ 0, "format", "NAME", "format for '-o -', or instead of the suffix's", set_format,
	  .overrules = "output" },
	{ 0, "max-overhead", "PCT",
	  "what the target may lose of its CPU time; what costs more is looked at for moments, and "
	  "estimated; 100: no limit",
	  set_max_overhead, .preset = "1" },
	{ 0, "max-cpu", "PCT",
	  "CPU time of pathbpf's own, of one CPU; over it everything is turned off for a while",
	  set_max_cpu, .preset = "100" },
	{ 0, "max-memory", "SIZE", "the same of its memory; off: no limit", set_max_memory,
	  .preset = "1G" },
	{ 0, "max-bpf-memory", "SIZE", "do not begin if BPF maps need more; off: no limit",
	  set_max_bpf_memory, .preset = "off" },
	{ 0, "max-loss", "PCT",
	  "records lost for want of room; over it everything is turned off for a while; 0: no "
	  "limit",
	  set_max_loss, .preset = "0" },
	{ 0, "ready-fd", "FD", "write \"ready\" to FD once every probe is live", set_ready_fd },
	{ 0, "no-exit-status", NULL, "do not pass on COMMAND's exit status", set_no_exit_status },
	{ 'q', "quiet", NULL, "less on standard error", set_quiet, OPT_COUNT,
	  .overrules = "verbose" },
	{ 'v', "verbose", NULL, "more on standard error", set_verbose, OPT_COUNT,
	  .overrules = "quiet" },
	CONFIG_OPT,
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
	.synopsis =
	    "pathbpf [OPTION...] -p PID[,PID...] | -n GLOB | -g CGROUP | -a\n"
	    "       pathbpf [OPTION...] -- COMMAND [ARG...]\n"
	    "       pathbpf ps | ctl PID VERB... | config [OPTION...] | funcs -p PID SPEC...\n"
	    "       pathbpf overhead -p PID | doctor | help [COMMAND]",
	.about = "Attaches to running processes and tells which execution paths they take: on-CPU "
		 "and off-CPU stacks, system calls, calls of chosen functions, errors, process "
		 "lifecycle. Reports when it ends: after -d, at Ctrl-C, or when the target exits. "
		 "Options may also stand in " CONFIG_FILE " and in variables (" OPT_VARIABLES
		 "FREQUENCY=49); 'pathbpf config' shows what is in effect.",
	.groups = groups,
	.n = sizeof(groups) / sizeof(*groups),
};

const struct opt_usage *record_usage(void)
{
	return &usage;
}

/*
 * Refuses options that do not go together; where they come from is told unless all stand on the
 * command line.
 */
static int fail_together(const struct record_options *o, const char *names, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int fail_together(const struct record_options *o, const char *names, const char *fmt, ...)
{
	_cleanup_(buf_done) struct buf text = {};
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	settings_origins(&text, &o->settings, names);
	return opt_fail("%s", buf_str(&text));
}

/*
 * --format is for standard output when that is among the outputs; otherwise it overrides the
 * suffixes. One from a lower layer than the outputs' does not: it is for what has no suffix.
 */
static int choose_view(const struct record_options *o, struct output *out, bool to_stdout)
{
	const struct view *wanted = o->format ? view_by_name(o->format) : NULL;
	bool is_stdout = !strcmp(out->file, "-");
	bool weak = settings_layer(&o->settings, "format") < settings_layer(&o->settings, "output");

	if (wanted && (is_stdout || (!to_stdout && !weak)))
		out->view = wanted;
	else
		out->view = is_stdout ? &view_text : view_by_suffix(out->file);
	if (!out->view && weak)
		out->view = wanted;
	if (out->view)
		return -1;
	return fail_together(o, "output",
			     "cannot tell the format of '%s' by its suffix: add --format (%s)",
			     out->file, view_names());
}

/* Events must not stand between the lines of a report. */
static int check_plugins(const struct record_options *o, bool to_stdout)
{
	if (o->no_plugins && (o->plugin.globs.n || o->plugin.events_file || o->plugin.calls))
		return fail_together(o, "no-plugins plugin plugin-calls events",
				     "--no-plugins leaves out what --plugin, --plugin-calls and "
				     "--events ask for");
	if (to_stdout && o->plugin.events_file && !strcmp(o->plugin.events_file, "-"))
		return fail_together(o, "events output",
				     "only one of --events and -o can be standard output");
	return -1;
}

/* Paths are looked for unless somebody names functions, or wants none. */
static int check_paths(struct record_options *o)
{
	if (o->no_paths && (o->specs.n || o->auto_paths))
		return opt_fail("-t none leaves out what another -t asks for");
	if (o->auto_paths && o->no_cpu && o->no_offcpu)
		return opt_fail("-t auto finds paths in stacks: --no-cpu and --no-offcpu leave "
				"none");
	if (!o->specs.n && !o->no_paths && !(o->no_cpu && o->no_offcpu))
		o->auto_paths = true;
	return -1;
}

static int check_target(const struct record_options *o, bool needed)
{
	int ways = (o->pids.n > 0) + (o->name_glob != NULL) + (o->cgroup != NULL) + o->all +
		   (o->command != NULL);

	if (!ways && needed)
		return opt_fail("nothing to trace: name a process (-p, -n, -g, -a, or -- COMMAND)");
	if (ways > 1)
		return fail_together(o, TARGETS,
				     "only one of -p, -n, -g, -a and -- COMMAND can be given");
	return -1;
}

static int check_outputs(struct record_options *o)
{
	bool to_stdout = false;
	int status = -1;

	if (o->format && !o->outputs.n && vec_push(&o->outputs, (struct output){ .file = "-" }))
		return 1;
	vec_foreach (out, &o->outputs)
		to_stdout = to_stdout || !strcmp(out->file, "-");
	vec_foreach (out, &o->outputs) {
		status = choose_view(o, out, to_stdout);
		if (status >= 0)
			return status;
	}
	status = check_paths(o);
	return status >= 0 ? status : check_plugins(o, to_stdout);
}

/* What is overruled can be wrong all the same, and would be found another day. */
static int check_overruled(const struct record_options *o)
{
	int status = -1;

	vec_foreach (one, &o->settings.list) {
		_cleanup_(record_options_done) struct record_options scratch = {};

		if (one->overruled)
			status = setting_apply(&o->settings, one, &scratch, scratch.why);
		if (status >= 0)
			break;
	}
	return status;
}

int record_options_collect(struct record_options *o, const struct opt_usage *u, int argc,
			   char **argv)
{
	int rest, status;

	*o = (struct record_options){ .ready_fd = -1 };
	status = config_read(u, &usage, argc, argv, &o->settings, &rest);
	if (status >= 0)
		return status;
	if (rest < argc && strcmp(argv[rest - 1], "--") != 0)
		return opt_fail("unexpected argument '%s'; a command stands after --", argv[rest]);
	if (rest < argc)
		o->command = argv + rest;
	return -1;
}

int record_options_apply(struct record_options *o, bool needs_target)
{
	int status;

	if (o->command)
		settings_overrule(&o->settings, TARGETS);
	status = settings_apply(&o->settings, o, o->why);
	if (status < 0)
		status = check_overruled(o);
	if (status < 0)
		status = check_target(o, needs_target);
	if (status < 0)
		status = check_outputs(o);
	if (status >= 0)
		return status;
	log_set_level(o->verbosity < 0   ? LOG_ERR
		      : o->verbosity > 1 ? LOG_DEBUG
		      : o->verbosity     ? LOG_INFO
					 : LOG_WARN);
	config_warn(&o->settings);
	return -1;
}

int record_options_parse(struct record_options *o, int argc, char **argv)
{
	int status = record_options_collect(o, &usage, argc, argv);

	return status < 0 ? record_options_apply(o, true) : status;
}

void record_options_done(struct record_options *o)
{
	vec_foreach (out, &o->outputs)
		free(out->part);
	vec_done(&o->pids);
	vec_done(&o->outputs);
	vec_done(&o->specs);
	plugin_options_done(&o->plugin);
	settings_done(&o->settings);
}
