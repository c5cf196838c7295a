/* SPDX-License-Identifier: GPL-2.0-only */
/* Option tables: parsing, messages, --help. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/opt.h"

struct ctx {
	char name[32], why[64];
	int verbose, deep;
};

static int set_name(void *ctx, const char *value)
{
	struct ctx *c = ctx;

	if (!strcmp(value, "bad")) {
		strcpy(c->why, "'bad' is no name");
		return -EINVAL;
	}
	if (!strcmp(value, "silent"))
		return -EINVAL;
	if (!strcmp(value, "big"))
		return -ENOMEM;
	snprintf(c->name, sizeof(c->name), "%s", value);
	return 0;
}

static int set_verbose(void *ctx, const char *value)
{
	cr_assert_null(value);
	((struct ctx *)ctx)->verbose++;
	return 0;
}

static int set_deep(void *ctx, const char *value)
{
	(void)value;
	((struct ctx *)ctx)->deep = 1;
	return 0;
}

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "a name", set_name },
	{ 'v', "verbose", NULL, "say more", set_verbose, OPT_COUNT },
};

static const struct opt deep_rows[] = {
	{ 0, "no-deep-unwinding-of-stacks", "X",
	  "an option whose name does not leave room for text", set_deep },
	{ 0, "no-shallow", NULL,
	  "a long text that has to be broken because it would go beyond eighty columns of a "
	  "terminal",
	  set_deep },
};

static const struct opt_group groups[] = {
	{ "First", rows, 2 },
	{ "Second", deep_rows, 2 },
};

static const struct opt_usage usage = {
	.synopsis = "test [OPTION...]",
	.groups = groups,
	.n = 2,
};

#define PARSE(c, rest, ...)                                                                        \
	({                                                                                         \
		char *argv_[] = { (char[]){ "test" }, __VA_ARGS__, NULL };                         \
		opt_parse(&usage, sizeof(argv_) / sizeof(*argv_) - 1, argv_, (c), (c)->why,        \
			  (rest));                                                                 \
	})
#define ARG(s) ((char[]){ s })

Test(opt, sets_what_was_given)
{
	struct ctx c = {};
	int rest = 0;

	cr_assert_eq(PARSE(&c, &rest, ARG("-vvn"), ARG("x"), ARG("--no-shallow")), -1);
	cr_assert_str_eq(c.name, "x");
	cr_assert_eq(c.verbose, 2);
	cr_assert_eq(c.deep, 1);
	cr_assert_eq(rest, 4);
}

Test(opt, long_options_take_values_both_ways_and_may_be_cut)
{
	struct ctx c = {};
	int rest = 0;

	cr_assert_eq(PARSE(&c, &rest, ARG("--name=x"), ARG("--verb")), -1);
	cr_assert_str_eq(c.name, "x");
	cr_assert_eq(c.verbose, 1);
	cr_assert_eq(PARSE(&c, &rest, ARG("--name"), ARG("y")), -1);
	cr_assert_str_eq(c.name, "y");
}

Test(opt, stops_at_the_first_other_argument)
{
	struct ctx c = {};
	int rest = 0;

	cr_assert_eq(PARSE(&c, &rest, ARG("-v"), ARG("cmd"), ARG("-v")), -1);
	cr_assert_eq(c.verbose, 1);
	cr_assert_eq(rest, 2);
}

Test(opt, stops_behind_two_dashes)
{
	struct ctx c = {};
	int rest = 0;

	cr_assert_eq(PARSE(&c, &rest, ARG("-v"), ARG("--"), ARG("-v")), -1);
	cr_assert_eq(c.verbose, 1);
	cr_assert_eq(rest, 3);
}

static void expect_usage(const char *text, int status)
{
	cr_assert_eq(status, OPT_USAGE_STATUS);
	fflush(stderr);
	cr_assert_stderr_eq_str(text);
}

Test(opt, an_unknown_option_gets_the_nearest_name, .init = cr_redirect_stderr)
{
	struct ctx c = {};
	int rest = 77;

	expect_usage("pathbpf: unknown option '--vebrose' (did you mean '--verbose'?); "
		     "see 'pathbpf --help'\n",
		     PARSE(&c, &rest, ARG("--vebrose")));
	cr_assert_eq(rest, 77);
}

Test(opt, an_option_like_no_other_gets_no_suggestion, .init = cr_redirect_stderr)
{
	struct ctx c = {};
	int rest;

	expect_usage("pathbpf: unknown option '--zzzzzz'; see 'pathbpf --help'\n",
		     PARSE(&c, &rest, ARG("--zzzzzz=1")));
}

Test(opt, an_unknown_letter_is_named, .init = cr_redirect_stderr)
{
	struct ctx c = {};
	int rest;

	expect_usage("pathbpf: unknown option '-x'; see 'pathbpf --help'\n",
		     PARSE(&c, &rest, ARG("-vx")));
}

Test(opt, a_missing_value_is_named, .init = cr_redirect_stderr)
{
	struct ctx c = {};
	int rest;

	expect_usage("pathbpf: option '-n' needs NAME; see 'pathbpf --help'\n",
		     PARSE(&c, &rest, ARG("-n")));
}

Test(opt, a_missing_value_of_a_long_option_is_named, .init = cr_redirect_stderr)
{
	struct ctx c = {};
	int rest;

	expect_usage("pathbpf: option '--name' needs NAME; see 'pathbpf --help'\n",
		     PARSE(&c, &rest, ARG("--name")));
}

Test(opt, a_value_too_many_is_named, .init = cr_redirect_stderr)
{
	struct ctx c = {};
	int rest;

	expect_usage("pathbpf: option '--help' takes no argument; see 'pathbpf --help'\n",
		     PARSE(&c, &rest, ARG("--help=2")));
}

Test(opt, a_switch_is_yes_or_no, .init = cr_redirect_stderr)
{
	struct ctx c = {};
	int rest;

	expect_usage("pathbpf: --no-shallow: 'maybe' is neither yes nor no; "
		     "see 'pathbpf --help'\n",
		     PARSE(&c, &rest, ARG("--no-shallow=maybe")));
}

Test(opt, a_switch_can_be_turned_off_again)
{
	struct ctx c = {};
	int rest;

	cr_assert_eq(PARSE(&c, &rest, ARG("--no-shallow"), ARG("--no-shallow=no")), -1);
	cr_assert_eq(c.deep, 0);
	cr_assert_eq(PARSE(&c, &rest, ARG("--no-shallow=no"), ARG("--no-shallow=yes")), -1);
	cr_assert_eq(c.deep, 1);
}

Test(opt, a_switch_that_counts_takes_a_number)
{
	struct ctx c = {};
	int rest;

	cr_assert_eq(PARSE(&c, &rest, ARG("--verbose=3"), ARG("-v")), -1);
	cr_assert_eq(c.verbose, 4);
}

Test(opt, an_ambiguous_beginning_is_refused, .init = cr_redirect_stderr)
{
	struct ctx c = {};
	int rest;

	expect_usage("pathbpf: option '--no-' is ambiguous: it begins 2 options; "
		     "see 'pathbpf --help'\n",
		     PARSE(&c, &rest, ARG("--no-")));
}

Test(opt, a_setter_says_why, .init = cr_redirect_stderr)
{
	struct ctx c = {};
	int rest;

	expect_usage("pathbpf: --name: 'bad' is no name; see 'pathbpf --help'\n",
		     PARSE(&c, &rest, ARG("-nbad")));
}

Test(opt, a_silent_setter_gets_a_message, .init = cr_redirect_stderr)
{
	struct ctx c = {};
	int rest;

	expect_usage("pathbpf: --name: 'silent' is not valid; see 'pathbpf --help'\n",
		     PARSE(&c, &rest, ARG("-nsilent")));
}

Test(opt, lack_of_memory_is_no_usage_error, .init = cr_redirect_stderr)
{
	struct ctx c = {};
	int rest;

	cr_assert_eq(PARSE(&c, &rest, ARG("-nbig")), 1);
}

Test(opt, help_is_aligned_and_fits_80_columns)
{
	static const char first[] = "Usage: test [OPTION...]\n"
				    "\n"
				    "First:\n"
				    "  -n, --name NAME         a name\n"
				    "  -v, --verbose           say more\n"
				    "\n"
				    "Second:\n"
				    "      --no-deep-unwinding-of-stacks X\n"
				    "                          an option whose name";
	char *text = NULL, *line, *save = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	opt_help(&usage, out);
	fclose(out);
	cr_assert(!strncmp(text, first, strlen(first)), "%s", text);
	cr_assert(strstr(text, "\n      --help              print this and exit\n"), "%s", text);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		cr_assert_leq(strlen(line), 80, "%s", line);
	free(text);
}

Test(opt, help_ends_the_run_well, .init = cr_redirect_stdout)
{
	struct ctx c = {};
	int rest;

	cr_assert_eq(PARSE(&c, &rest, ARG("-v"), ARG("--help"), ARG("--zzzz")), 0);
}

static int set_level(void *ctx, const char *value)
{
	struct ctx *c = ctx;

	strcat(c->name, value);
	return 0;
}

static const struct opt preset_rows[] = {
	{ 'l', "level", "N", "how much", set_level, .preset = "3" },
	{ 0, "list", "X", "which", set_level, OPT_LIST, .preset = "a; \"b;c\"" },
};
static const struct opt_group preset_groups[] = { { "Presets", preset_rows, 2 } };
static const struct opt_usage preset_usage = { "test", NULL, preset_groups, 1 };

Test(opt, presets_are_set_and_shown)
{
	char *argv[] = { ARG("test"), ARG("-l5"), ARG("--list=x"), NULL };
	struct ctx c = {};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int rest;

	cr_assert_eq(opt_parse(&preset_usage, 1, argv, &c, c.why, &rest), -1);
	cr_assert_str_eq(c.name, "3ab;c");
	c.name[0] = '\0';
	cr_assert_eq(opt_parse(&preset_usage, 3, argv, &c, c.why, &rest), -1);
	cr_assert_str_eq(c.name, "5x");
	opt_help(&preset_usage, out);
	fclose(out);
	cr_assert(strstr(text, "how much (default 3)\n"), "%s", text);
	free(text);
}

Test(opt, a_row_is_found_by_its_whole_name)
{
	cr_assert_eq(opt_find(&usage, "verbose"), &rows[1]);
	cr_assert_eq(opt_find(&usage, "no-shallow"), &deep_rows[1]);
	cr_assert_null(opt_find(&usage, "verb"));
	cr_assert_null(opt_find(&usage, ""));
}

Test(opt, a_part_of_a_name_is_near_to_it)
{
	const char *const words[] = { "no-cpu", "max-overhead", "max-events" };

	cr_assert_str_eq(opt_nearest("overhead", words, 3), "max-overhead");
	cr_assert_str_eq(opt_nearest("cpu", words, 3), "no-cpu");
	cr_assert_str_eq(opt_nearest("maxevents", words, 3), "max-events");
	cr_assert_null(opt_nearest("head", words, 3));
	cr_assert_null(opt_nearest("over", words, 3));
}

Test(opt, nearest_needs_likeness)
{
	const char *const words[] = { "record", "report", "doctor" };

	cr_assert_str_eq(opt_nearest("recrod", words, 3), "record");
	cr_assert_str_eq(opt_nearest("docter", words, 3), "doctor");
	cr_assert_str_eq(opt_nearest("reports", words, 3), "report");
	cr_assert_null(opt_nearest("xyz", words, 3));
	cr_assert_null(opt_nearest("", words, 3));
}
