/* SPDX-License-Identifier: GPL-2.0-only */
/* `pathbpf ctl PID VERB`: asks a running trace to do something. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/command.h"
#include "cmd/ctl_print.h"
#include "cmd/ctl_snapshot.h"
#include "data/report.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/opt.h"
#include "lib/parse.h"
#include "serve/client.h"

#define STATUS_MS 1000
#define ANSWER_MS 35000  /* longer than the trace's own patience with its main loop */
#define LONG_MS   620000 /* the same for a snapshot */
#define END_MS    120000 /* for a report to be written */

struct ctl;

/* What can be asked for, and with what. */
struct ask {
	const char *name, *argument, *help;
	enum verb verb;
	int min, max; /* arguments */
	/* Makes the request of them; -1, or the exit status after saying why not. NULL: of none. */
	int (*prepare)(struct ctl *c, int argc, char **argv);
};

struct ctl {
	const struct ask *ask;
	struct request request;
	struct snapshot_files files;
	const char *output, *format;
	char why[256];
};

static int prepare_list(struct ctl *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (c->format && strcmp(c->format, "json") != 0 && strcmp(c->format, "text") != 0)
		return opt_fail("list --format: '%s' is neither text nor json", c->format);
	return -1;
}

static int prepare_snapshot(struct ctl *c, int argc, char **argv)
{
	int err;

	(void)argc;
	(void)argv;
	if (!c->output)
		return opt_fail("snapshot needs -o FILE");
	err = snapshot_files_open(&c->files, c->output, c->format, &c->request, c->why,
				  sizeof(c->why));
	if (err == -EINVAL)
		return opt_fail("%s", c->why);
	return err ? log_err(0, "%s", c->why), STATUS_FAILED : -1;
}

static int prepare_spec(struct ctl *c, int argc, char **argv)
{
	(void)argc;
	c->request.text = strdup(argv[0]);
	return c->request.text ? -1 : (log_err(-ENOMEM, "cannot ask"), STATUS_FAILED);
}

static int prepare_limits(struct ctl *c, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');
		struct limit_setting s = {};

		if (!equals || equals == argv[i])
			return opt_fail("limits: '%s' is not NAME=VALUE", argv[i]);
		s.name = strndup(argv[i], (size_t)(equals - argv[i]));
		s.value = strdup(equals + 1);
		if (!s.name || !s.value || vec_push(&c->request.settings, s)) {
			free(s.name);
			free(s.value);
			return log_err(-ENOMEM, "cannot ask"), STATUS_FAILED;
		}
	}
	return -1;
}

static const struct ask asks[] = {
	{ "list", "", "what is traced and probed, with the calls so far", VERB_LIST, 0, 0,
	  prepare_list },
	{ "add", "SPEC", "trace these functions, too (see -t)", VERB_ADD, 1, 1, prepare_spec },
	{ "remove", "SPEC", "trace these no more; what was counted stays", VERB_REMOVE, 1, 1,
	  prepare_spec },
	{ "pause", "", "detach everything: the target pays nothing", VERB_PAUSE, 0, 0, NULL },
	{ "resume", "", "attach it again", VERB_RESUME, 0, 0, NULL },
	{ "limits", "[NAME=VALUE...]",
	  "show limits, or set them: max-overhead=PCT, duration=SEC|off", VERB_LIMITS, 0,
	  MESSAGE_SETTINGS_MAX, prepare_limits },
	{ "snapshot", "-o FILE", "write a report of what was recorded so far; the trace goes on",
	  VERB_SNAPSHOT, 0, 0, prepare_snapshot },
	{ "stop", "", "end it as Ctrl-C does: the report is written", VERB_STOP, 0, 0, NULL },
	{ "emergency-stop", "",
	  "every program inert, every probe gone, at once; then the report is written",
	  VERB_EMERGENCY_STOP, 0, 0, NULL },
};

#define ASKS (sizeof(asks) / sizeof(*asks))

static int set_output(void *ctx, const char *value)
{
	((struct ctl *)ctx)->output = value;
	return 0;
}

static int set_format(void *ctx, const char *value)
{
	((struct ctl *)ctx)->format = value;
	return 0;
}

static const struct opt opts[] = {
	{ 'o', "output", "FILE", "snapshot: where to; '-' is standard output", set_output },
	{ 0, "format", "NAME", "snapshot: as of record, else by the suffix; list: text or json",
	  set_format },
};

static const struct opt_group groups[] = { { "Options", opts, 2 } };

static const struct opt_usage usage = {
	.synopsis = "pathbpf ctl PID|all VERB [ARGUMENT...] [OPTION...]",
	.about = "Asks a running trace to do something. PID is that of the pathbpf that traces, as "
		 "'pathbpf ps' lists it. For root and the user who started the trace.",
	.groups = groups,
	.n = 1,
};

static void help(void)
{
	opt_help(&usage, stdout);
	printf("\nVerbs:\n");
	for (size_t i = 0; i < ASKS; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s%s%s", asks[i].name, *asks[i].argument ? " " : "",
			 asks[i].argument);
		printf("  %-24s%s\n", name, asks[i].help);
	}
}

static const struct ask *find_ask(const char *name)
{
	for (size_t i = 0; i < ASKS; i++) {
		if (!strcmp(asks[i].name, name))
			return &asks[i];
	}
	return NULL;
}

static int unknown_ask(const char *name)
{
	const char *names[ASKS], *near;

	for (size_t i = 0; i < ASKS; i++)
		names[i] = asks[i].name;
	near = opt_nearest(name, names, ASKS);
	if (near)
		return opt_fail("unknown verb '%s' (did you mean '%s'?)", name, near);
	return opt_fail("unknown verb '%s'; see pathbpf ctl --help", name);
}

/* Whoever names a traced process means its trace. */
static int no_such_trace(const trace_socket_vec *all, uint32_t pid)
{
	vec_foreach (s, all) {
		struct trace_status st;
		char why[160];

		if (client_status(s, STATUS_MS, &st, why, sizeof(why)))
			continue;
		for (uint32_t i = 0; i < st.pids_n; i++) {
			if (st.pids[i] == pid)
				return log_err(0,
					       "process %u is traced, by pathbpf %u: name that one",
					       pid, st.pid),
				       STATUS_FAILED;
		}
	}
	return log_err(0, "no trace runs with PID %u; 'pathbpf ps' lists them", pid), STATUS_FAILED;
}

/* Its end is that of its process. */
static void wait_for_end(int pidfd)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	while (poll(&fd, 1, END_MS) < 0 && errno == EINTR)
		;
}

static int ask_one(struct ctl *c, const struct trace_socket *s, bool named)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	_cleanup_(buf_done) struct buf clean = {};
	json_t *data = NULL;
	char why[512];
	int ms = c->ask->verb == VERB_SNAPSHOT ? LONG_MS : ANSWER_MS;
	int err = client_ask(s, &c->request, ms, &data, why, sizeof(why));

	if (err == -ETIMEDOUT && c->ask->verb == VERB_EMERGENCY_STOP)
		snprintf(why, sizeof(why), "it does not answer: kill -USR2 %u does the same",
			 s->pid);
	if (err) {
		text_clean(&clean, why);
		return log_err(0, "trace %u: %s", s->pid, buf_str(&clean)), STATUS_FAILED;
	}
	if (c->ask->verb == VERB_STOP && pidfd >= 0)
		wait_for_end(pidfd);
	err = ctl_print(c->ask->verb, data, s->pid, named, c->format && !strcmp(c->format, "json"));
	json_decref(data);
	return err ? STATUS_FAILED : 0;
}

/* PID, or "all": status of the worst. */
static int ask_all(struct ctl *c, const char *whom)
{
	bool everybody = !strcmp(whom, "all");
	trace_socket_vec all = {};
	uint64_t pid = 0;
	int status = 0;
	size_t asked = 0;

	if (!everybody && parse_number(whom, 1, PARSE_PID_MAX, &pid, c->why, sizeof(c->why)))
		return opt_fail("%s (the PID of a trace, or 'all')", c->why);
	if (rundir_list(&all, true))
		return log_err(-ENOMEM, "cannot list the traces"), STATUS_FAILED;
	client_clean(&all);
	vec_foreach (s, &all) {
		if (!everybody && s->pid != pid)
			continue;
		asked++;
		if (ask_one(c, s, everybody))
			status = STATUS_FAILED;
	}
	if (!asked && everybody)
		log_info("no trace runs");
	else if (!asked)
		status = no_such_trace(&all, (uint32_t)pid);
	vec_done(&all);
	return status;
}

/* The words behind the verb: options, too. */
static int parse_words(struct ctl *c, int argc, char **argv)
{
	int rest, status, n;

	/* What comes first may be an argument, which ends the options. */
	for (n = 1; n < argc && n <= c->ask->max && argv[n][0] != '-'; n++)
		;
	status = opt_parse(&usage, argc - n + 1, argv + n - 1, c, c->why, &rest);
	if (status >= 0)
		return status;
	rest += n - 1;
	if (rest < argc)
		return opt_fail("unexpected argument '%s'", argv[rest]);
	if (n - 1 < c->ask->min)
		return opt_fail("%s needs %s", c->ask->name, c->ask->argument);
	return c->ask->prepare ? c->ask->prepare(c, n - 1, argv + 1) : -1;
}

static int run_all(struct ctl *c, int argc, char **argv)
{
	int rest, status;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		help();
		return 0;
	}
	status = opt_parse(&usage, argc, argv, c, c->why, &rest);
	if (status >= 0)
		return status;
	if (argc - rest < 2)
		return opt_fail("ctl needs the PID of a trace (or 'all') and a verb");
	c->ask = find_ask(argv[rest + 1]);
	if (!c->ask)
		return unknown_ask(argv[rest + 1]);
	request_init(&c->request, c->ask->verb);
	if (c->ask->verb == VERB_SNAPSHOT && !strcmp(argv[rest], "all"))
		return opt_fail("a snapshot is of one trace: name its PID");
	status = parse_words(c, argc - rest - 1, argv + rest + 1);
	if (status >= 0)
		return status;
	status = ask_all(c, argv[rest]);
	if (snapshot_files_close(&c->files, status) && !status)
		status = log_err(STATUS_FAILED, "cannot write '%s'", c->output);
	return status;
}

static int run(int argc, char **argv)
{
	struct ctl c = {};
	int status;

	request_init(&c.request, VERB_STATUS);
	status = run_all(&c, argc, argv);
	snapshot_files_close(&c.files, -1); /* that were not asked for after all */
	request_done(&c.request);
	return status;
}

const struct command cmd_ctl = { "ctl", "control a running trace", run };
