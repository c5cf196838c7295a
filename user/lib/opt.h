/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Command-line options from a table: one row an option drives both parsing and --help.
 *
 *	static const struct opt rows[] = {
 *		{ 'd', "duration", "SEC", "stop after SEC seconds", set_duration },
 *	};
 *	static const struct opt_group groups[] = { { "When to stop", rows, ARRAY_LEN } };
 *	status = opt_parse(&usage, argc, argv, &ctx, ctx.why, &rest);
 *	if (status >= 0)
 *		return status;
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#define OPT_USAGE_STATUS 2 /* the exit status after a wrong command line */

struct opt {
	int short_name;   /* 0: none */
	const char *name; /* long, without dashes */
	const char *arg;  /* what --help calls its argument; NULL: it takes none */
	const char *help; /* a phrase, wrapped by --help */
	/*
	 * Takes the value (NULL without an argument): 0 or a negative errno, then with a
	 * sentence for the user in the `why` given to opt_parse(), which lives in ctx.
	 */
	int (*set)(void *ctx, const char *value);
};

struct opt_group {
	const char *title;
	const struct opt *opts;
	size_t n;
};

struct opt_usage {
	const char *synopsis; /* lines after "Usage: ", the first without indentation */
	const char *about;    /* a paragraph under it; may be NULL */
	const struct opt_group *groups;
	size_t n;
};

/*
 * Parses up to the first argument that is no option, or behind "--". --help is understood always:
 * it prints to standard output. A wrong command line gives one line on standard error and the
 * hint to --help.
 *
 * Returns -1 to go on, with *ret_rest the index of the first argument left; otherwise the exit
 * status that the command shall return: 0 after --help, OPT_USAGE_STATUS, or 1 (out of memory).
 */
int opt_parse(const struct opt_usage *u, int argc, char **argv, void *ctx, const char *why,
	      int *ret_rest);

/* Reports a wrong command line in the same manner; returns OPT_USAGE_STATUS. */
int opt_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void opt_help(const struct opt_usage *u, FILE *out);

/*
 * The candidate nearest to a mistyped word, or NULL when none is near: at most one edit in three
 * bytes (insert, delete, replace, swap neighbours).
 */
const char *opt_nearest(const char *word, const char *const *candidates, size_t n);
