/* SPDX-License-Identifier: GPL-2.0-only */
/* `pathbpf doctor`: what works here, what does not, why, and what to do about it. */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "cmd/command.h"
#include "lib/buf.h"
#include "lib/log.h"
#include "lib/opt.h"
#include "lib/wrap.h"
#include "trace/features.h"

#define NAME_COLUMN 6
#define TEXT_COLUMN 29

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))

struct doctor {
	bool json;
};

static int set_json(void *ctx, const char *value)
{
	(void)value;
	((struct doctor *)ctx)->json = true;
	return 0;
}

static const struct opt rows[] = {
	{ 0, "json", NULL, "print JSON rather than a table", set_json },
};

static const struct opt_group groups[] = { { "Options", rows, ARRAY_LEN(rows) } };

static const struct opt_usage usage = {
	.synopsis = "pathbpf doctor [--json]",
	.about = "Tries out what pathbpf needs from this kernel and this user, and says what is "
		 "missing, why, and what to do. Exit status 0: -p will work; 3: it will not.",
	.groups = groups,
	.n = ARRAY_LEN(groups),
};

static const char *const states[] = {
	[FEATURE_NO] = "no",
	[FEATURE_YES] = "yes",
	[FEATURE_UNKNOWN] = "unknown",
};

static const char *const needs[] = {
	[FEATURE_REQUIRED] = "required",
	[FEATURE_USEFUL] = "useful",
	[FEATURE_INFO] = "info",
};

/* "why: …" and "do:  …" under a feature. */
static void add_remark(struct buf *b, const char *label, const char *text)
{
	size_t column = TEXT_COLUMN + 5;

	buf_printf(b, "%*s%-5s", TEXT_COLUMN, "", label);
	wrap_text(b, text, column, column);
}

static void add_feature(struct buf *b, const struct feature *f)
{
	static const char *const marks[] = {
		[FEATURE_NO] = "no",
		[FEATURE_YES] = "ok",
		[FEATURE_UNKNOWN] = "-",
	};

	buf_printf(b, "  %-*s%-*s", NAME_COLUMN - 2, marks[f->state], TEXT_COLUMN - NAME_COLUMN,
		   f->name);
	wrap_text(b, f->gives, TEXT_COLUMN, TEXT_COLUMN);
	if (f->state == FEATURE_YES)
		return;
	add_remark(b, "why:", f->why);
	/* What was not tried for want of privilege has one remedy, told at the end. */
	if (f->state == FEATURE_NO)
		add_remark(b, "do:", f->advice);
}

static void add_group(struct buf *b, const struct features *f, enum feature_need need,
		      const char *title)
{
	buf_printf(b, "%s\n", title);
	for (size_t i = 0; i < FEATURE_COUNT; i++)
		if (f->v[i].need == need)
			add_feature(b, &f->v[i]);
	buf_add_char(b, '\n');
}

static void add_verdict(struct buf *b, const struct features *f)
{
	const char *comma = "";

	if (features_usable(f)) {
		buf_add_str(b, "pathbpf -p works here.\n");
		return;
	}
	buf_add_str(b, "pathbpf -p does not work here; it lacks: ");
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		/* What was not tried hangs on one of these. */
		if (f->v[i].need != FEATURE_REQUIRED || f->v[i].state != FEATURE_NO)
			continue;
		buf_printf(b, "%s%s", comma, f->v[i].name);
		comma = ", ";
	}
	buf_add_str(b, ".\n");
	if (!f->root)
		buf_add_str(b,
			    "This was tried without privilege; run as root: sudo pathbpf doctor\n");
}

static int print_table(const struct features *f, const struct utsname *host)
{
	struct buf b = {};
	int err;

	buf_printf(&b, "Linux %s, %s, %u possible CPUs\n\n", host->release, host->machine, f->cpus);
	add_group(&b, f, FEATURE_REQUIRED, "Required by -p");
	add_group(&b, f, FEATURE_USEFUL, "Useful: a run goes on without, and says so");
	add_group(&b, f, FEATURE_INFO, "Surroundings");
	add_verdict(&b, f);
	err = b.err;
	if (!err)
		fputs(buf_str(&b), stdout);
	buf_done(&b);
	return err;
}

static json_t *feature_json(const struct feature *f)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "name", f->name, "state", states[f->state],
			      "need", needs[f->need], "gives", f->gives);

	if (o && f->state != FEATURE_YES &&
	    (json_object_set_new(o, "why", json_string(f->why)) ||
	     json_object_set_new(o, "advice", json_string(f->advice)))) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static int print_json(const struct features *f, const struct utsname *host)
{
	json_t *list = json_array();
	json_t *top =
	    json_pack("{s:i, s:b, s:b, s:{s:s, s:s, s:i}, s:o}", "schema", 1, "usable",
		      features_usable(f), "root", f->root, "host", "kernel", host->release, "arch",
		      host->machine, "cpus", (int)f->cpus, "features", list);
	int err = top ? 0 : -ENOMEM;

	for (size_t i = 0; i < FEATURE_COUNT && !err; i++)
		if (json_array_append_new(list, feature_json(&f->v[i])))
			err = -ENOMEM;
	if (!err && json_dumpf(top, stdout, JSON_INDENT(2)))
		err = -EIO;
	if (!err)
		putchar('\n');
	json_decref(top);
	return err;
}

static int run(int argc, char **argv)
{
	struct doctor d = {};
	struct features f;
	struct utsname host;
	int status, rest, err;

	status = opt_parse(&usage, argc, argv, &d, NULL, &rest);
	if (status >= 0)
		return status;
	if (rest < argc)
		return opt_fail("doctor takes no argument, not '%s'", argv[rest]);
	uname(&host);
	err = features_probe(&f);
	if (!err)
		err = d.json ? print_json(&f, &host) : print_table(&f, &host);
	if (err) {
		log_err(err, "cannot print the report");
		return STATUS_FAILED;
	}
	return features_usable(&f) ? 0 : STATUS_LACKING;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "check what works on this machine, and advise",
	.run = run,
};
