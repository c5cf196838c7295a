/* SPDX-License-Identifier: GPL-2.0-only */
/* The verbs of pathbpf, one a file in cmd/. */
#pragma once

/* Exit statuses beside 0 (the command line, too, binds to these numbers). */
#define STATUS_FAILED  1 /* it could not be done; one line on standard error says why */
#define STATUS_USAGE   2 /* the command line is wrong */
#define STATUS_LACKING 3 /* this kernel or this user lacks what was asked for */

struct command {
	const char *name, *summary;
	int (*run)(int argc, char **argv); /* argv[0] is the verb; returns the exit status */
};

extern const struct command cmd_record, cmd_ps, cmd_ctl, cmd_config, cmd_funcs, cmd_overhead,
    cmd_doctor;
