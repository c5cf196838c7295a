/* SPDX-License-Identifier: GPL-2.0-only */
/* Options from the command line, the environment and a file. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/config.h"

static int set(void *ctx, const char *value)
{
	(void)ctx;
	(void)value;
	return 0;
}

static const struct opt rows[] = {
	{ 'F', "frequency", "HZ", "", set, .preset = "99" },
	{ 't', "trace", "SPEC", "", set, OPT_LIST },
	{ 0, "max-overhead", "PCT", "", set },
	{ 'v', "verbose", NULL, "", set, OPT_COUNT },
	CONFIG_OPT,
};
static const struct opt_group groups[] = { { "", rows, sizeof(rows) / sizeof(*rows) } };
static const struct opt_usage known = { "test", NULL, groups, 1 };

/* A command with fewer options, and one that the others do not know. */
static const struct opt own_rows[] = {
	{ 'F', "frequency", "HZ", "", set },
	{ 0, "rounds", "N", "", set },
	CONFIG_OPT,
};
static const struct opt_group own_groups[] = { { "", own_rows, 3 } };
static const struct opt_usage own = { "test own", NULL, own_groups, 1 };

static char path[] = "/tmp/pathbpf-test-XXXXXX";

/* A configuration file of this text, an empty environment; messages are caught. */
static void begin(const char *text, size_t len)
{
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
	clearenv();
	cr_redirect_stderr();
}

static int read_as(const struct opt_usage *u, struct settings *s, const char *flags)
{
	char text[256], *argv[16] = { text }, *save = NULL;
	int argc = 0, rest, status;

	snprintf(text, sizeof(text), "test --config=%s %s", path, flags);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	status = config_read(u, &known, argc, argv, s, &rest);
	if (status < 0)
		status = settings_apply(s, NULL, NULL);
	unlink(path);
	return status;
}

/* The file's name is replaced by FILE. */
static void expect_message(const char *expected)
{
	char found[4096] = "", *at;
	FILE *f = cr_get_redirected_stderr();
	size_t n;

	fflush(stderr);
	n = fread(found, 1, sizeof(found) - 1, f);
	found[n] = '\0';
	at = strstr(found, path);
	if (at) {
		memcpy(at, "FILE", 4);
		memmove(at + 4, at + strlen(path), strlen(at + strlen(path)) + 1);
	}
	cr_assert_str_eq(found, expected);
}

static void expect_effect(const struct settings *s, const struct opt *opt, const char *expected)
{
	const struct setting *one = NULL;
	struct buf b = {};

	while ((one = settings_next(s, opt, one))) {
		buf_printf(&b, "%s@%d ", one->value ? one->value : "on", one->layer);
		if (one->line)
			buf_printf(&b, ":%u ", one->line);
	}
	cr_assert_str_eq(buf_str(&b), expected);
	buf_done(&b);
}

Test(config, flags_win_over_variables_and_these_over_the_file)
{
	static const char text[] = "# mine\nfrequency = 1\ntrace = a\ntrace = b\nverbose = 2\n";
	struct settings s = {};

	begin(text, sizeof(text) - 1);
	setenv("PATHBPF_FREQUENCY", "2", 1);
	setenv("PATHBPF_MAX_OVERHEAD", "3", 1);
	setenv("PATHBPF_TRACE", "", 1);
	setenv("PATHBPFX", "other", 1);
	setenv("PATHBPF", "other", 1);
	cr_assert_eq(read_as(&known, &s, "-F 4"), -1);
	expect_effect(&s, &rows[0], "4@3 ");
	expect_effect(&s, &rows[1], "a@1 :3 b@1 :4 ");
	expect_effect(&s, &rows[2], "3@2 ");
	cr_assert_eq(settings_count(&s, &rows[3]), 2);
	cr_assert_str_eq(s.file, path);
	config_warn(&s);
	expect_message("");
	settings_done(&s);
}

Test(config, presets_are_the_lowest_layer)
{
	struct settings s = {};

	begin("", 0);
	cr_assert_eq(read_as(&known, &s, ""), -1);
	expect_effect(&s, &rows[0], "99@0 ");
	settings_done(&s);
}

Test(config, no_file_can_be_chosen_in_a_flag_or_a_variable)
{
	struct settings s = {};

	begin("nonsense", 8);
	cr_assert_eq(read_as(&known, &s, "--config none -F 3"), -1);
	cr_assert_null(s.file);
	expect_effect(&s, &rows[0], "3@3 ");
	expect_effect(&s, &rows[4], "none@3 ");
	settings_done(&s);
}

Test(config, a_flag_chooses_the_file_over_a_variable)
{
	struct settings s = {};

	begin("frequency = 5", 13);
	setenv("PATHBPF_CONFIG", "/nonexistent", 1);
	cr_assert_eq(read_as(&known, &s, ""), -1);
	expect_effect(&s, &rows[0], "5@1 :1 ");
	settings_done(&s);
}

Test(config, a_variable_chooses_the_file)
{
	char *argv[] = { (char[]){ "test" }, NULL };
	struct settings s = {};
	int rest;

	begin("frequency = 5", 13);
	setenv("PATHBPF_CONFIG", path, 1);
	cr_assert_eq(config_read(&known, &known, 1, argv, &s, &rest), -1);
	cr_assert_str_eq(s.file, path);
	cr_assert_eq(rest, 1);
	unlink(path);
	settings_done(&s);
}

Test(config, what_another_command_has_is_passed_over)
{
	static const char text[] = "trace = a\nfrequency = 7\nverbose = yes\n";
	struct settings s = {};

	begin(text, sizeof(text) - 1);
	setenv("PATHBPF_MAX_OVERHEAD", "3", 1);
	cr_assert_eq(read_as(&own, &s, "--rounds 2"), -1);
	cr_assert_eq(s.list.n, 4); /* frequency, rounds, config and its preset */
	expect_effect(&s, &own_rows[0], "7@1 :2 ");
	expect_message("");
	settings_done(&s);
}

struct wrong {
	char text[80], message[160];
};

ParameterizedTestParameters(config, a_wrong_file_is_named_with_its_line)
{
	static struct wrong cases[] = {
		{ "\nfrequncy = 1",
		  "FILE:2: unknown option 'frequncy' (did you mean 'frequency'?)" },
		{ "Frequency = 1",
		  "FILE:1: unknown option 'Frequency' (did you mean 'frequency'?)" },
		{ "max_overhead = 1", "FILE:1: unknown option 'max_overhead' (did you mean "
				      "'max-overhead'?)" },
		{ "overhead = 1", "FILE:1: unknown option 'overhead' (did you mean "
				  "'max-overhead'?)" },
		{ "zzz = 1", "FILE:1: unknown option 'zzz'; 'pathbpf config' lists all" },
		{ "a\x80z\xe2\x80\xae = 1", "FILE:1: unknown option 'a?z?'; 'pathbpf config' lists "
					    "all" },
		{ "rounds = 1", "FILE:1: unknown option 'rounds'; 'pathbpf config' lists all" },
		{ "config = x", "FILE:1: 'config' cannot be set in a file" },
		{ "confi = x", "FILE:1: unknown option 'confi'; 'pathbpf config' lists all" },
		{ "frequency = 1\n\nfrequency = 1",
		  "FILE:3: 'frequency' is set in line 1 already" },
		{ "verbose = 1\nverbose = 1", "FILE:2: 'verbose' is set in line 1 already" },
		{ "verbose = loud", "FILE:1: verbose: 'loud' is neither yes, no nor a number up to "
				    "9" },
		{ "[record]", "FILE:1: '[record]' is no setting: write NAME = VALUE" },
	};

	return cr_make_param_array(struct wrong, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct wrong *w, config, a_wrong_file_is_named_with_its_line)
{
	struct settings s = {};
	char expected[400];

	begin(w->text, strlen(w->text));
	cr_assert_eq(read_as(&known, &s, ""), 2, "'%s'", w->text);
	settings_done(&s);
	snprintf(expected, sizeof(expected), "pathbpf: %s\n", w->message);
	expect_message(expected);
}

ParameterizedTestParameters(config, a_slip_in_a_variable_is_named)
{
	static struct wrong cases[] = {
		{ "PATHBPF_FREQENCY", "PATHBPF_FREQUENCY" },
		{ "PATHBPF_frequency", "PATHBPF_FREQUENCY" },
		{ "PATHBPF_OVERHEAD", "PATHBPF_MAX_OVERHEAD" },
		{ "PATHBPF_MAX-OVERHEAD", "PATHBPF_MAX_OVERHEAD" },
	};

	return cr_make_param_array(struct wrong, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct wrong *w, config, a_slip_in_a_variable_is_named)
{
	struct settings s = {};
	char expected[400];

	begin("", 0);
	setenv(w->text, "1", 1);
	cr_assert_eq(read_as(&known, &s, ""), 2);
	settings_done(&s);
	snprintf(expected, sizeof(expected),
		 "pathbpf: %s: no option has this variable (did you mean %s?)\n", w->text,
		 w->message);
	expect_message(expected);
}

Test(config, other_peoples_variables_are_told_in_one_line)
{
	struct settings s = {};

	begin("", 0);
	setenv("PATHBPF_PORT_80_TCP", "tcp://10.0.0.1:80", 1);
	setenv("PATHBPF_EMPTY", "", 1);
	cr_assert_eq(read_as(&known, &s, ""), -1);
	config_warn(&s);
	expect_message("pathbpf: no option has the variable PATHBPF_PORT_80_TCP: ignored\n");
	settings_done(&s);
}

Test(config, many_variables_of_others_are_one_line_too)
{
	struct settings s = {};

	begin("", 0);
	setenv("PATHBPF_SERVICE_HOST", "1", 1);
	setenv("PATHBPF_SERVICE_PORT", "1", 1);
	setenv("PATHBPF_", "1", 1);
	cr_assert_eq(read_as(&known, &s, ""), -1);
	config_warn(&s);
	expect_message("pathbpf: no option has the variable PATHBPF_SERVICE_HOST, nor 2 others: "
		       "ignored\n");
	settings_done(&s);
}

Test(config, a_file_that_is_not_there_is_named)
{
	struct settings s = {};

	begin("", 0);
	unlink(path);
	cr_assert_eq(read_as(&known, &s, ""), 1);
	settings_done(&s);
	expect_message("pathbpf: cannot read 'FILE': No such file or directory\n");
}

Test(config, a_file_is_bounded)
{
	struct settings s = {};
	char *text = malloc(CONFIG_SIZE_MAX + 1);

	memset(text, '\n', CONFIG_SIZE_MAX + 1);
	begin(text, CONFIG_SIZE_MAX + 1);
	free(text);
	cr_assert_eq(read_as(&known, &s, ""), 2);
	settings_done(&s);
	expect_message("pathbpf: 'FILE' is no configuration: it has more than 1048576 bytes\n");
}

Test(config, a_large_file_is_read_whole)
{
	struct settings s = {};
	char *text = malloc(CONFIG_SIZE_MAX);

	memset(text, '\n', CONFIG_SIZE_MAX);
	memcpy(text + CONFIG_SIZE_MAX - 9, "verbose=1", 9);
	begin(text, CONFIG_SIZE_MAX);
	free(text);
	cr_assert_eq(read_as(&known, &s, ""), -1);
	cr_assert_eq(settings_count(&s, &rows[3]), 1);
	settings_done(&s);
}
