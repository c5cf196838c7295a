/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of `overhead`. */
#include "cmd/overhead_options.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/opt.h"
#include "trace/names.h"
#include "trace/work.h"

#define SEC_NS          1000000000ULL
#define DURATION_NS     (60 * SEC_NS)
#define DURATION_MAX_NS (7 * 24 * 3600 * SEC_NS)
#define BLOCK_MAX_NS    (3600 * SEC_NS)
#define BLOCK_MIN_NS    (SEC_NS / 10)

static int set_pids(void *ctx, const char *value)
{
	struct overhead_options *o = ctx;

	return parse_pids(value, &o->pids, o->why, sizeof(o->why));
}

static int set_name(void *ctx, const char *value)
{
	((struct overhead_options *)ctx)->name_glob = value;
	return 0;
}

static int set_no_follow(void *ctx, const char *value)
{
	(void)value;
	((struct overhead_options *)ctx)->no_follow = true;
	return 0;
}

static int set_duration(void *ctx, const char *value)
{
	struct overhead_options *o = ctx;

	return parse_duration(value, DURATION_MAX_NS, &o->duration_ns, o->why, sizeof(o->why));
}

static int set_block(void *ctx, const char *value)
{
	struct overhead_options *o = ctx;
	int err = parse_duration(value, BLOCK_MAX_NS, &o->block_ns, o->why, sizeof(o->why));

	if (err || o->block_ns >= BLOCK_MIN_NS)
		return err;
	snprintf(o->why, sizeof(o->why), "'%s' is too short: 0.1 s is the least", value);
	return -EINVAL;
}

static int set_call(struct overhead_options *o, const char *name)
{
	o->unit_nr = syscall_number(name);
	if (o->unit_nr >= 0 && o->unit_nr < WORK_CALL_NUMBERS)
		return 0;
	snprintf(o->why, sizeof(o->why), "there is no system call '%s'", name);
	return -EINVAL;
}

static int set_unit(void *ctx, const char *value)
{
	struct overhead_options *o = ctx;

	o->unit_arg = value;
	o->unit_nr = -1;
	o->function = NULL;
	o->unit = WORK_NAMED;
	if (!strncmp(value, "sys:", 4))
		return set_call(o, value + 4);
	if (!strncmp(value, "path:", 5) && value[5]) {
		o->function = value + 5;
		return 0;
	}
	o->unit = work_unit_by_name(value);
	if (o->unit != WORK_UNITS)
		return 0;
	snprintf(o->why, sizeof(o->why),
		 "unknown unit '%s'; there are: sends receives accepts calls switches time "
		 "sys:NAME path:FUNCTION",
		 value);
	return -EINVAL;
}

static int set_max_overhead(void *ctx, const char *value)
{
	struct overhead_options *o = ctx;

	return parse_percent(value, 0, 100, &o->max_overhead_pct, o->why, sizeof(o->why));
}

static int set_seed(void *ctx, const char *value)
{
	struct overhead_options *o = ctx;

	o->has_seed = true;
	return parse_number(value, 0, INT64_MAX, &o->seed, o->why, sizeof(o->why));
}

static int set_clock(void *ctx, const char *value)
{
	struct overhead_options *o = ctx;

	o->has_clock = true;
	o->on_cpu = !strcmp(value, "on-cpu");
	if (o->on_cpu || !strcmp(value, "scheduler"))
		return 0;
	snprintf(o->why, sizeof(o->why), "unknown clock '%s'; there are: scheduler on-cpu", value);
	return -EINVAL;
}

static int set_format(void *ctx, const char *value)
{
	struct overhead_options *o = ctx;

	o->json = !strcmp(value, "json");
	if (o->json || !strcmp(value, "text"))
		return 0;
	snprintf(o->why, sizeof(o->why), "unknown format '%s'; there are: text json", value);
	return -EINVAL;
}

static int set_quiet(void *ctx, const char *value)
{
	(void)value;
	((struct overhead_options *)ctx)->verbosity--;
	return 0;
}

static int set_verbose(void *ctx, const char *value)
{
	(void)value;
	((struct overhead_options *)ctx)->verbosity++;
	return 0;
}

static const struct opt target_opts[] = {
	{ 'p', "pid", "PID,...", "these processes", set_pids },
	{ 'n', "name", "GLOB", "every process whose name matches, also those that start later",
	  set_name },
	{ 0, "no-follow", NULL, "leave forked children alone", set_no_follow },
};

static const struct opt measure_opts[] = {
	{ 'd', "duration", "SEC", "how long it may take in all (default 60)", set_duration },
	{ 0, "block", "SEC", "length of a block with or without the tracer (default: by -d)",
	  set_block },
	{ 0, "unit", "NAME",
	  "what a piece of work is: sends, receives, accepts, calls (of the system), switches, "
	  "sys:NAME, path:FUNCTION, time (default: the steadiest of the first five)",
	  set_unit },
	{ 0, "max-overhead", "PCT", "exit status 1 if it certainly costs more", set_max_overhead },
	{ 0, "clock", "NAME",
	  "CPU time by the account of the scheduler, or on-cpu: with interrupts (default: "
	  "scheduler, where that has the interrupts)",
	  set_clock },
	{ 0, "seed", "N", "of the order of blocks (default: by chance)", set_seed },
	{ 0, "format", "NAME", "text (the default) or json", set_format },
	{ 'q', "quiet", NULL, "less on standard error", set_quiet },
	{ 'v', "verbose", NULL, "more on standard error", set_verbose },
};

#define GROUP(title, rows)                                                                         \
	{                                                                                          \
		title, rows, sizeof(rows) / sizeof(*(rows))                                        \
	}

static const struct opt_group groups[] = {
	GROUP("What to measure", target_opts),
	GROUP("How", measure_opts),
};

static const struct opt_usage usage = {
	.synopsis = "pathbpf overhead [OPTION...] -p PID[,PID...] | -n GLOB [-- RECORD-OPTION...]",
	.about = "Measures what tracing costs a running service: traces it and leaves it alone in "
		 "turn, in random order, and compares the CPU time that a piece of its own work "
		 "takes. Behind -- stand the options that it is traced with (as of 'pathbpf', "
		 "without -p, -d); without any it is a default run.",
	.groups = groups,
	.n = sizeof(groups) / sizeof(*groups),
};

/* -d 5, -d5, --duration=5 and what it can be shortened to. */
static bool is_duration(const char *word)
{
	size_t len = strcspn(word, "=");

	return !strncmp(word, "-d", 2) || (len > 2 && !strncmp(word, "--duration", len));
}

/*
 * What only goes wrong later, or unseen: a traced run that ends by itself is no longer traced while
 * its block goes on.
 */
static int check_record(const struct overhead_options *o)
{
	for (int i = 0; i < o->record_n; i++) {
		if (!strcmp(o->record[i], "--"))
			return opt_fail("a command cannot be measured: start it, and give -p");
		if (is_duration(o->record[i]))
			return opt_fail("'%s' is for the whole: it stands before --", o->record[i]);
	}
	return -1;
}

int overhead_options_parse(struct overhead_options *o, int argc, char **argv)
{
	int rest, status;

	*o = (struct overhead_options){ .duration_ns = DURATION_NS,
					.unit = WORK_UNITS,
					.unit_nr = -1,
					.max_overhead_pct = NAN };
	status = opt_parse(&usage, argc, argv, o, o->why, &rest);
	if (status >= 0)
		return status;
	if (rest < argc && strcmp(argv[rest - 1], "--") != 0)
		return opt_fail(
		    "unexpected argument '%s'; options of the traced run stand after --",
		    argv[rest]);
	o->record = argv + rest;
	o->record_n = argc - rest;
	if (!o->pids.n && !o->name_glob)
		return opt_fail("nothing to measure: name a process (-p or -n)");
	if (o->pids.n && o->name_glob)
		return opt_fail("only one of -p and -n can be given");
	if (o->block_ns > o->duration_ns / 4)
		return opt_fail("--block: there is no time for pairs of such blocks in -d");
	return check_record(o);
}

void overhead_options_done(struct overhead_options *o)
{
	vec_done(&o->pids);
}
