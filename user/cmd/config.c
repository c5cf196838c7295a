/* SPDX-License-Identifier: GPL-2.0-only */
/* `pathbpf config [OPTION...]`: the options in effect, and where each comes from. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/record_options.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/config.h"
#include "lib/conftext.h"
#include "lib/log.h"
#include "lib/text.h"

#define ORIGIN_COLUMN 40
#define COUNT_MAX     9 /* what a file may say; the same as more */

static bool is_list(const struct opt *o)
{
	return o->repeat == OPT_LIST || o->repeat == OPT_KEYED;
}

static unsigned count_of(const struct settings *s, const struct opt *o)
{
	unsigned count = settings_count(s, o);

	return count < COUNT_MAX ? count : COUNT_MAX;
}

/* "NAME = VALUE   # ORIGIN". One NULL: the value that nobody gave is the default. */
static void add_line(struct buf *b, const struct settings *s, const struct opt *o,
		     const struct setting *one)
{
	_cleanup_(buf_done) struct buf origin = {};
	size_t start = b->len;

	buf_printf(b, "%s = ", o->name);
	if (o->arg)
		conf_quote(b, one->value);
	else if (o->repeat == OPT_COUNT)
		buf_printf(b, "%u", count_of(s, o));
	else
		buf_add_str(b, one && one->count ? "yes" : "no");
	if (one)
		setting_origin(&origin, s, one);
	else
		buf_add_str(&origin, "default");
	while (b->len - start < ORIGIN_COLUMN - 1)
		buf_add_char(b, ' ');
	buf_add_str(b, " # ");
	text_clean(b, buf_str(&origin));
	buf_add_char(b, '\n');
}

/* 0, or -E2BIG for a value that does not fit into a line. */
static int add_option(struct buf *b, const struct settings *s, const struct opt *o)
{
	const struct setting *one = settings_next(s, o, NULL);

	if (!one && o->arg)
		buf_printf(b, "# %s = %s\n", o->name, o->arg);
	else if (!one)
		add_line(b, s, o, NULL);
	for (; one; one = settings_next(s, o, one)) {
		size_t start = b->len;

		add_line(b, s, o, one);
		if (b->len - start > CONF_LINE_MAX)
			return -E2BIG;
		if (!is_list(o))
			break;
	}
	return b->err;
}

/* The file and the command: comments, for neither can be set in a file. */
static void add_head(struct buf *b, const struct record_options *o, const struct opt *config)
{
	const struct setting *one = settings_next(&o->settings, config, NULL);
	_cleanup_(buf_done) struct buf text = {};

	buf_printf(&text, "# %s = %s (", config->name, one->value);
	setting_origin(&text, &o->settings, one);
	buf_add_str(
	    &text, o->settings.file || !strcmp(one->value, CONFIG_NONE) ? ")" : "; there is none)");
	text_clean(b, buf_str(&text));
	buf_add_char(b, '\n');
	if (!o->command)
		return;
	buf_add_str(b, "# command:");
	for (char **word = o->command; *word; word++) {
		buf_add_char(b, ' ');
		text_clean(b, *word);
	}
	buf_add_char(b, '\n');
}

static int print_text(const struct record_options *o, const struct opt_usage *u,
		      const struct opt *config)
{
	_cleanup_(buf_done) struct buf b = {};
	int err = 0;

	buf_add_str(&b, "# The options in effect, and where each comes from.\n");
	add_head(&b, o, config);
	for (size_t g = 0; g < u->n; g++) {
		buf_printf(&b, "\n# %s\n", u->groups[g].title);
		for (size_t i = 0; i < u->groups[g].n && !err; i++)
			if (!u->groups[g].opts[i].no_file)
				err = add_option(&b, &o->settings, &u->groups[g].opts[i]);
	}
	if (!err)
		err = b.err;
	if (!err)
		fputs(buf_str(&b), stdout);
	return err;
}

static json_t *clean_string(const char *s)
{
	_cleanup_(buf_done) struct buf b = {};

	text_clean(&b, s);
	return b.err ? NULL : json_string(buf_str(&b));
}

/* Takes over the value; NULL when out of memory. */
static json_t *setting_json(const struct settings *s, const struct setting *one, json_t *value)
{
	_cleanup_(buf_done) struct buf variable = {};

	switch (one ? one->layer : SETTING_PRESET) {
	case SETTING_FILE:
		return json_pack("{s:o, s:s, s:o, s:I}", "value", value, "origin", "file", "file",
				 clean_string(s->file), "line", (json_int_t)one->line);
	case SETTING_VARIABLE:
		setting_variable(&variable, one->opt);
		return json_pack("{s:o, s:s, s:s}", "value", value, "origin", "environment",
				 "variable", buf_str(&variable));
	case SETTING_FLAG:
		return json_pack("{s:o, s:s}", "value", value, "origin", "flag");
	case SETTING_PRESET:
		break;
	}
	return json_pack("{s:o, s:s}", "value", value, "origin", "default");
}

static json_t *option_json(const struct settings *s, const struct opt *o)
{
	const struct setting *one = settings_next(s, o, NULL);
	json_t *list;

	if (o->repeat == OPT_COUNT)
		return setting_json(s, one, json_integer((json_int_t)settings_count(s, o)));
	if (!o->arg)
		return setting_json(s, one, json_boolean(one && one->count));
	if (!is_list(o))
		return setting_json(s, one, one ? clean_string(one->value) : json_null());
	list = json_array();
	for (; one; one = settings_next(s, o, one)) {
		if (json_array_append_new(list, setting_json(s, one, clean_string(one->value)))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *command_json(char **command)
{
	json_t *list = json_array();

	for (char **word = command; *word; word++) {
		if (json_array_append_new(list, clean_string(*word))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int print_json(const struct record_options *o, const struct opt_usage *u)
{
	const struct settings *s = &o->settings;
	json_t *options = json_object(), *top;
	int err = 0;

	for (size_t g = 0; g < u->n; g++)
		for (size_t i = 0; i < u->groups[g].n && !err; i++)
			err = json_object_set_new(options, u->groups[g].opts[i].name,
						  option_json(s, &u->groups[g].opts[i]));
	top = json_pack("{s:i, s:o, s:o}", "schema", 1, "file",
			s->file ? clean_string(s->file) : json_null(), "options", options);
	if (!err && o->command)
		err = json_object_set_new(top, "command", command_json(o->command));
	if (!top || err)
		err = -ENOMEM;
	else if (json_dumpf(top, stdout, JSON_INDENT(2)))
		err = -EIO;
	if (!err)
		putchar('\n');
	json_decref(top);
	return err;
}

/* --format is this command's own here: how to print. */
static int take_format(struct record_options *o, bool *ret_json)
{
	const char *format = settings_take_flag(&o->settings, "format");

	*ret_json = format && !strcmp(format, "json");
	if (!format || *ret_json || !strcmp(format, "text"))
		return -1;
	return opt_fail("--format: unknown format '%s'; there are: text json", format);
}

static int run_all(struct record_options *o, int argc, char **argv)
{
	struct opt_usage usage = *record_usage();
	bool json;
	int err, status;

	usage.synopsis = "pathbpf config [--format text|json] [OPTION...] [-- COMMAND [ARG...]]";
	usage.about = "Prints which options 'pathbpf record' would have in effect with this "
		      "command line, environment and file, and where each comes from. The text "
		      "is itself a configuration file. --format tells how to print.";
	status = record_options_collect(o, &usage, argc, argv);
	if (status < 0)
		status = take_format(o, &json);
	if (status < 0)
		status = record_options_apply(o, false);
	if (status >= 0)
		return status;
	err = json ? print_json(o, &usage) : print_text(o, &usage, opt_find(&usage, "config"));
	if (err == -E2BIG)
		return log_err(0,
			       "a value is longer than a line of a file may be (%d bytes): "
			       "see --format json",
			       CONF_LINE_MAX),
		       STATUS_FAILED;
	if (err)
		return log_err(err, "cannot print the configuration"), STATUS_FAILED;
	return 0;
}

static int run(int argc, char **argv)
{
	struct record_options o = {};
	int status = run_all(&o, argc, argv);

	record_options_done(&o);
	return status;
}

const struct command cmd_config = {
	.name = "config",
	.summary = "show the options in effect, and where each comes from",
	.run = run,
};
