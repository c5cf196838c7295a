/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options from a table: one row an option drives parsing, --help, and for those commands that
 * read a configuration (lib/config.h) the names in files and of variables as well.
 *
 *	static const struct opt rows[] = {
 *		{ 'd', "duration", "SEC", "stop after SEC seconds", set_duration },
 *		{ 'F', "frequency", "HZ", "samples a second", set_frequency, .preset = "99" },
 *	};
 *	static const struct opt_group groups[] = { { "When to stop", rows, ARRAY_LEN } };
 *	status = opt_parse(&usage, argc, argv, &ctx, ctx.why, &rest);
 *	if (status >= 0)
 *		return status;
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct settings;

#define OPT_USAGE_STATUS 2          /* the exit status after a wrong command line */
#define OPT_VARIABLES    "PATHBPF_" /* what the names of an option's variables begin with */

/* What an option means that is given more than once. */
enum opt_repeat {
	OPT_LAST,  /* the last one counts */
	OPT_LIST,  /* a list */
	OPT_KEYED, /* NAME=VALUE: the last one of each NAME counts */
	OPT_COUNT, /* of a switch: how often it was given counts */
};

struct opt {
	int short_name;   /* 0: none */
	const char *name; /* long, without dashes */
	const char *arg;  /* what --help calls its argument; NULL: it is a switch */
	const char *help; /* a phrase, wrapped by --help; the preset follows by itself */
	/*
	 * Takes the value (NULL for a switch that is on): 0 or a negative errno, then with a
	 * sentence for the user in the `why` given to opt_parse(), which lives in ctx.
	 */
	int (*set)(void *ctx, const char *value);
	/* What follows may be left out. */
	enum opt_repeat repeat;
	bool no_file;       /* not to be set in a file */
	const char *preset; /* the value unless one is given; several stand between ';' */
	/* Options that it contradicts, names between blanks: it wins where it stands higher. */
	const char *overrules;
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
 * Parses up to the first argument that is no option, or behind "--", and calls the setters, those
 * with presets first. --help is understood always: it prints to standard output. A switch may
 * stand with "=yes" or "=no". A wrong command line gives one line on standard error and the hint
 * to --help.
 *
 * Returns -1 to go on, with *ret_rest the index of the first argument left; otherwise the exit
 * status that the command shall return: 0 after --help, OPT_USAGE_STATUS, or 1 (out of memory).
 */
int opt_parse(const struct opt_usage *u, int argc, char **argv, void *ctx, const char *why,
	      int *ret_rest);

/* The same, but no setter is called: adds what is given to s, as flags. */
int opt_collect(const struct opt_usage *u, int argc, char **argv, struct settings *s,
		int *ret_rest);

/* The row of this name, or NULL. */
const struct opt *opt_find(const struct opt_usage *u, const char *name);

/* Reports a wrong command line in the same manner; returns OPT_USAGE_STATUS. */
int opt_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void opt_help(const struct opt_usage *u, FILE *out);

/*
 * The candidate nearest to a mistyped word, or NULL when none is near: at most one edit in three
 * bytes (insert, delete, replace, swap neighbours), else one that has the word as a part between
 * dashes.
 */
const char *opt_nearest(const char *word, const char *const *candidates, size_t n);
