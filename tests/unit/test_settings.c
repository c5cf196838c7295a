/* SPDX-License-Identifier: GPL-2.0-only */
/* Layers of settings: which count, where they come from. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/settings.h"

/* What the setters were told, in order: "name=value ". */
struct ctx {
	char told[512], why[64];
};

static int tell(void *ctx, const char *name, const char *value)
{
	struct ctx *c = ctx;

	if (value && !strcmp(value, "bad")) {
		snprintf(c->why, sizeof(c->why), "'bad' is bad");
		return -EINVAL;
	}
	if (value && !strcmp(value, "silent"))
		return -EINVAL;
	snprintf(c->told + strlen(c->told), sizeof(c->told) - strlen(c->told), "%s=%s ", name,
		 value ? value : "on");
	return 0;
}

#define SETTER(name)                                                                               \
	static int set_##name(void *ctx, const char *value)                                        \
	{                                                                                          \
		return tell(ctx, #name, value);                                                    \
	}

SETTER(rate)
SETTER(pid)
SETTER(all)
SETTER(limit)
SETTER(quiet)
SETTER(loud)

enum { RATE, PID, ALL, LIMIT, QUIET, LOUD };

static const struct opt rows[] = {
	[RATE] = { 'r', "sample-rate", "N", "", set_rate, .preset = "1" },
	[PID] = { 'p', "pid", "PID", "", set_pid, OPT_LIST, .overrules = "pid all" },
	[ALL] = { 'a', "all", NULL, "", set_all, .overrules = "pid" },
	[LIMIT] = { 0, "limit", "X=Y", "", set_limit, OPT_KEYED, .preset = "a=1; b=2" },
	[QUIET] = { 'q', "quiet", NULL, "", set_quiet, OPT_COUNT, .overrules = "loud" },
	[LOUD] = { 'l', "loud", NULL, "", set_loud, OPT_COUNT, .overrules = "quiet" },
};
static const struct opt_group groups[] = { { "", rows, sizeof(rows) / sizeof(*rows) } };
static const struct opt_usage usage = { "test", NULL, groups, 1 };

/* Settings that stand in line 7 of "f", in the environment, or on the command line. */
static void add(struct settings *s, int row, enum setting_layer layer, const char *value)
{
	s->file = "f";
	cr_assert_eq(settings_add(s, &rows[row], layer, 7, value), -1);
}

static void expect_told(struct settings *s, const char *told)
{
	struct ctx c = {};

	cr_assert_eq(settings_apply(s, &c, c.why), -1);
	cr_assert_str_eq(c.told, told);
}

/* What is in effect of a row: "VALUE (ORIGIN) ". */
static void expect_effect(const struct settings *s, int row, const char *expected)
{
	const struct setting *one = NULL;
	struct buf b = {};

	while ((one = settings_next(s, &rows[row], one))) {
		buf_printf(&b, "%s (", one->value ? one->value : one->count ? "yes" : "no");
		setting_origin(&b, s, one);
		buf_add_str(&b, ") ");
	}
	cr_assert_str_eq(buf_str(&b), expected);
	buf_done(&b);
}

Test(settings, a_higher_layer_wins_whatever_was_added_first)
{
	struct settings s = {};

	add(&s, RATE, SETTING_FLAG, "4");
	add(&s, RATE, SETTING_FILE, "2");
	add(&s, RATE, SETTING_VARIABLE, "3");
	cr_assert_eq(settings_add_presets(&s, &usage), -1);
	expect_told(&s, "limit=a=1 limit=b=2 rate=4 ");
	expect_effect(&s, RATE, "4 (flag) ");
	cr_assert_eq(settings_layer(&s, "sample-rate"), SETTING_FLAG);
	cr_assert_eq(settings_layer(&s, "pid"), -1);
	settings_done(&s);
}

Test(settings, each_layer_wins_over_those_below)
{
	struct settings s = {};

	cr_assert_eq(settings_add_presets(&s, &usage), -1);
	expect_told(&s, "rate=1 limit=a=1 limit=b=2 ");
	expect_effect(&s, RATE, "1 (default) ");
	add(&s, RATE, SETTING_FILE, "2");
	expect_told(&s, "limit=a=1 limit=b=2 rate=2 ");
	expect_effect(&s, RATE, "2 (file f:7) ");
	add(&s, RATE, SETTING_VARIABLE, "3");
	expect_told(&s, "limit=a=1 limit=b=2 rate=3 ");
	expect_effect(&s, RATE, "3 (environment PATHBPF_SAMPLE_RATE) ");
	settings_done(&s);
}

Test(settings, the_last_of_a_layer_counts)
{
	struct settings s = {};

	add(&s, RATE, SETTING_FLAG, "4");
	add(&s, RATE, SETTING_FLAG, "5");
	expect_told(&s, "rate=4 rate=5 ");
	expect_effect(&s, RATE, "5 (flag) ");
	settings_done(&s);
}

Test(settings, a_list_replaces_that_of_a_lower_layer)
{
	struct settings s = {};

	add(&s, PID, SETTING_FILE, "1");
	add(&s, PID, SETTING_FILE, "2");
	expect_told(&s, "pid=1 pid=2 ");
	add(&s, PID, SETTING_FLAG, "3");
	add(&s, PID, SETTING_FLAG, "4");
	expect_told(&s, "pid=3 pid=4 ");
	expect_effect(&s, PID, "3 (flag) 4 (flag) ");
	settings_done(&s);
}

Test(settings, keys_are_overruled_one_by_one)
{
	struct settings s = {};

	cr_assert_eq(settings_add_presets(&s, &usage), -1);
	add(&s, LIMIT, SETTING_FLAG, "b=9");
	add(&s, LIMIT, SETTING_FILE, "c=3");
	add(&s, LIMIT, SETTING_FILE, "b=4");
	add(&s, LIMIT, SETTING_FLAG, "b=8");
	add(&s, LIMIT, SETTING_FLAG, "ba=1");
	expect_told(&s, "rate=1 limit=a=1 limit=c=3 limit=b=9 limit=b=8 limit=ba=1 ");
	expect_effect(&s, LIMIT, "a=1 (default) c=3 (file f:7) b=8 (flag) ba=1 (flag) ");
	settings_done(&s);
}

Test(settings, what_contradicts_a_lower_layer_overrules_it)
{
	struct settings s = {};

	add(&s, PID, SETTING_FILE, "1");
	add(&s, ALL, SETTING_FLAG, NULL);
	expect_told(&s, "all=on ");
	expect_effect(&s, PID, "");
	settings_done(&s);
	add(&s, ALL, SETTING_FILE, "yes");
	add(&s, PID, SETTING_VARIABLE, "1");
	expect_told(&s, "pid=1 ");
	settings_done(&s);
}

Test(settings, what_contradicts_the_same_layer_stays_to_be_refused)
{
	struct settings s = {};

	add(&s, PID, SETTING_FILE, "1");
	add(&s, ALL, SETTING_FILE, "yes");
	expect_told(&s, "pid=1 all=on ");
	settings_done(&s);
}

Test(settings, a_switch_that_says_no_contradicts_nobody)
{
	struct settings s = {};

	add(&s, PID, SETTING_FILE, "1");
	add(&s, ALL, SETTING_FLAG, "no");
	expect_told(&s, "pid=1 ");
	expect_effect(&s, ALL, "no (flag) ");
	settings_done(&s);
}

Test(settings, what_is_overruled_overrules_nothing)
{
	struct settings s = {};

	add(&s, LOUD, SETTING_FILE, NULL);
	add(&s, QUIET, SETTING_VARIABLE, NULL);
	add(&s, QUIET, SETTING_FLAG, "no");
	expect_told(&s, "loud=on ");
	settings_done(&s);
}

Test(settings, a_switch_is_turned_off_from_above)
{
	struct settings s = {};

	add(&s, ALL, SETTING_FILE, "on");
	add(&s, ALL, SETTING_VARIABLE, "0");
	expect_told(&s, "");
	expect_effect(&s, ALL, "no (environment PATHBPF_ALL) ");
	settings_done(&s);
}

Test(settings, a_count_adds_up_within_its_layer)
{
	struct settings s = {};

	add(&s, LOUD, SETTING_FILE, "3");
	expect_told(&s, "loud=on loud=on loud=on ");
	cr_assert_eq(settings_count(&s, &rows[LOUD]), 3);
	add(&s, LOUD, SETTING_FLAG, NULL);
	add(&s, QUIET, SETTING_FLAG, NULL);
	add(&s, LOUD, SETTING_FLAG, NULL);
	expect_told(&s, "loud=on quiet=on loud=on ");
	cr_assert_eq(settings_count(&s, &rows[LOUD]), 2);
	settings_done(&s);
}

Test(settings, a_count_is_turned_off_from_above)
{
	struct settings s = {};

	add(&s, LOUD, SETTING_FILE, "2");
	add(&s, LOUD, SETTING_FLAG, "no");
	expect_told(&s, "");
	cr_assert_eq(settings_count(&s, &rows[LOUD]), 0);
	settings_done(&s);
}

Test(settings, a_command_overrules_what_lies_below_the_command_line)
{
	struct settings s = {};

	add(&s, PID, SETTING_FILE, "1");
	add(&s, RATE, SETTING_FILE, "2");
	add(&s, PID, SETTING_FLAG, "3");
	settings_overrule(&s, "al pid");
	expect_told(&s, "rate=2 pid=3 ");
	settings_done(&s);
	add(&s, PID, SETTING_FILE, "1");
	add(&s, ALL, SETTING_VARIABLE, NULL);
	settings_overrule(&s, "all pid");
	expect_told(&s, "");
	settings_done(&s);
}

Test(settings, flags_can_be_taken_out)
{
	struct settings s = {};

	add(&s, RATE, SETTING_FILE, "2");
	add(&s, RATE, SETTING_FLAG, "3");
	add(&s, PID, SETTING_FLAG, "1");
	add(&s, RATE, SETTING_FLAG, "4");
	cr_assert_str_eq(settings_take_flag(&s, "sample-rate"), "4");
	cr_assert_null(settings_take_flag(&s, "sample-rate"));
	expect_told(&s, "rate=2 pid=1 ");
	settings_done(&s);
}

Test(settings, a_text_is_split_where_the_option_is_a_list)
{
	struct settings s = {};

	cr_assert_eq(settings_add_text(&s, &rows[PID], SETTING_VARIABLE, strdup("1;\"2;3\"\n4")),
		     -1);
	cr_assert_eq(settings_add_text(&s, &rows[RATE], SETTING_VARIABLE, strdup("5;6 ")), -1);
	cr_assert_eq(settings_add_text(&s, &rows[ALL], SETTING_VARIABLE, strdup("true")), -1);
	expect_told(&s, "pid=1 pid=2;3 pid=4 rate=5;6  all=on ");
	settings_done(&s);
}

static void expect_stderr(const char *text, int status)
{
	cr_assert_eq(status, OPT_USAGE_STATUS);
	fflush(stderr);
	cr_assert_stderr_eq_str(text);
}

static int apply_one(int row, enum setting_layer layer, const char *value)
{
	struct settings s = {};
	struct ctx c = {};
	int status;

	add(&s, row, layer, value);
	status = settings_apply(&s, &c, c.why);
	settings_done(&s);
	return status;
}

Test(settings, a_bad_value_in_a_file_names_its_line, .init = cr_redirect_stderr)
{
	expect_stderr("pathbpf: f:7: sample-rate: 'bad' is bad\n",
		      apply_one(RATE, SETTING_FILE, "bad"));
}

Test(settings, a_bad_value_in_a_variable_names_it, .init = cr_redirect_stderr)
{
	expect_stderr("pathbpf: PATHBPF_SAMPLE_RATE: 'silent' is not valid\n",
		      apply_one(RATE, SETTING_VARIABLE, "silent"));
}

Test(settings, a_bad_flag_names_the_option, .init = cr_redirect_stderr)
{
	expect_stderr("pathbpf: --sample-rate: 'bad' is bad; see 'pathbpf --help'\n",
		      apply_one(RATE, SETTING_FLAG, "bad"));
}

Test(settings, a_switch_in_a_file_is_yes_or_no, .init = cr_redirect_stderr)
{
	struct settings s = { .file = "f" };

	expect_stderr("pathbpf: f:3: all: '2' is neither yes nor no\n",
		      settings_add(&s, &rows[ALL], SETTING_FILE, 3, "2"));
}

Test(settings, a_count_in_a_variable_is_bounded, .init = cr_redirect_stderr)
{
	struct settings s = {};

	expect_stderr("pathbpf: PATHBPF_LOUD: '10' is neither yes, no nor a number up to 9\n",
		      settings_add(&s, &rows[LOUD], SETTING_VARIABLE, 0, "10"));
}

Test(settings, a_broken_list_names_the_variable, .init = cr_redirect_stderr)
{
	struct settings s = {};

	expect_stderr("pathbpf: PATHBPF_PID: a quote is not closed\n",
		      settings_add_text(&s, &rows[PID], SETTING_VARIABLE, strdup("1;\"2")));
	settings_done(&s);
}

Test(settings, their_number_is_bounded, .init = cr_redirect_stderr)
{
	struct settings s = {};

	for (int i = 0; i < SETTINGS_MAX; i++)
		add(&s, PID, i & 1 ? SETTING_FILE : SETTING_VARIABLE, "1");
	expect_stderr("pathbpf: more than 10000 settings\n",
		      settings_add(&s, &rows[PID], SETTING_FILE, 1, "1"));
	settings_done(&s);
}

Test(settings, origins_are_told_unless_all_are_flags)
{
	struct settings s = {};
	struct buf b = {};

	add(&s, PID, SETTING_FLAG, "1");
	add(&s, ALL, SETTING_FLAG, NULL);
	expect_told(&s, "pid=1 all=on ");
	settings_origins(&b, &s, "pid all");
	cr_assert_str_eq(buf_str(&b), "");
	settings_done(&s);
	for (int i = 0; i < 5; i++)
		add(&s, PID, SETTING_VARIABLE, "1");
	add(&s, ALL, SETTING_VARIABLE, NULL);
	add(&s, RATE, SETTING_FILE, "1");
	expect_told(&s, "rate=1 pid=1 pid=1 pid=1 pid=1 pid=1 all=on ");
	settings_origins(&b, &s, "sample-rate all");
	cr_assert_str_eq(buf_str(&b), " (sample-rate: file f:7; all: environment PATHBPF_ALL)");
	buf_clear(&b);
	settings_origins(&b, &s, "all pid");
	cr_assert(strstr(buf_str(&b), "PATHBPF_PID; …)"), "%s", buf_str(&b));
	buf_done(&b);
	settings_done(&s);
}
