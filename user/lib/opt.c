/* SPDX-License-Identifier: GPL-2.0-only */
/* Options from a table. */
#include "lib/opt.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/settings.h"
#include "lib/vec.h"
#include "lib/wrap.h"

#define HELP_COLUMN 26  /* where help text begins */
#define WORD_MAX    64  /* longer words are near to nothing */
#define VALUE_BASE  256 /* getopt values above every character: VALUE_BASE + row */

/* What getopt_long() wants, and the rows by number. */
struct tables {
	VEC(struct option) longs;
	VEC(const struct opt *) rows; /* NULL: --help */
	VEC(const char *) names;
	struct buf shorts;
};

static void tables_done(struct tables *t)
{
	vec_done(&t->longs);
	vec_done(&t->rows);
	vec_done(&t->names);
	buf_done(&t->shorts);
}

static int tables_add(struct tables *t, const struct opt *o)
{
	struct option row = {
		.name = o ? o->name : "help",
		.has_arg = !o       ? no_argument
			   : o->arg ? required_argument
				    : optional_argument,
		.val = VALUE_BASE + (int)t->rows.n,
	};

	if (o && o->short_name)
		buf_printf(&t->shorts, "%c%s", o->short_name, o->arg ? ":" : "");
	if (vec_push(&t->longs, row) || vec_push(&t->rows, o) || vec_push(&t->names, row.name))
		return -ENOMEM;
	return 0;
}

static int tables_init(struct tables *t, const struct opt_usage *u)
{
	int err = 0;

	buf_add_str(&t->shorts, "+:"); /* stop at the first non-option; ':' tells what is missing */
	for (size_t g = 0; g < u->n && !err; g++)
		for (size_t i = 0; i < u->groups[g].n && !err; i++)
			err = tables_add(t, &u->groups[g].opts[i]);
	if (!err)
		err = tables_add(t, NULL);
	if (!err)
		err = vec_push(&t->longs, (struct option){});
	return err ? err : t->shorts.err;
}

static const struct opt *row_by_value(const struct tables *t, int value)
{
	if (value >= VALUE_BASE)
		return t->rows.v[value - VALUE_BASE];
	vec_foreach (o, &t->rows)
		if (*o && (*o)->short_name == value)
			return *o;
	return NULL;
}

const struct opt *opt_find(const struct opt_usage *u, const char *name)
{
	for (size_t g = 0; g < u->n; g++)
		for (size_t i = 0; i < u->groups[g].n; i++)
			if (!strcmp(u->groups[g].opts[i].name, name))
				return &u->groups[g].opts[i];
	return NULL;
}

int opt_fail(const char *fmt, ...)
{
	struct buf text = {};
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	log_err(0, "%s; see 'pathbpf --help'", buf_str(&text));
	buf_done(&text);
	return OPT_USAGE_STATUS;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edit distance with swaps of neighbours; words are shorter than WORD_MAX. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), d[3][WORD_MAX + 1];

	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *row = d[i % 3], *above = d[(i + 2) % 3], *above2 = d[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    above2[j - 2] + 1 < row[j])
				row[j] = above2[j - 2] + 1;
		}
	}
	return d[n % 3][m];
}

/* Is the word a part of the name, between dashes? */
static bool is_part(const char *word, const char *name)
{
	size_t len = strlen(word);

	for (const char *p = strstr(name, word); p; p = strstr(p + 1, word))
		if ((p == name || p[-1] == '-') && (!p[len] || p[len] == '-'))
			return true;
	return false;
}

const char *opt_nearest(const char *word, const char *const *candidates, size_t n)
{
	size_t len = strlen(word), best = len / 3 + 1;
	const char *nearest = NULL;

	if (len < 2 || len >= WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t d;

		if (strlen(candidates[i]) >= WORD_MAX)
			continue;
		d = distance(word, candidates[i]);
		if (d < best) {
			best = d;
			nearest = candidates[i];
		}
	}
	for (size_t i = 0; i < n && !nearest; i++)
		if (is_part(word, candidates[i]))
			nearest = candidates[i];
	return nearest;
}

/* Says why a long option is refused: getopt leaves 0 in optopt when it knows no row for it. */
static int fail_long(const struct tables *t, const char *arg)
{
	size_t len = strcspn(arg + 2, "=");
	_cleanup_free_ char *name = strndup(arg + 2, len);
	const char *near;
	size_t fits = 0;

	if (!name)
		return log_err(1, "out of memory");
	if (optopt)
		return opt_fail("option '--%s' takes no argument", t->names.v[optopt - VALUE_BASE]);
	vec_foreach (s, &t->names)
		fits += !strncmp(*s, name, len);
	if (fits > 1)
		return opt_fail("option '--%s' is ambiguous: it begins %zu options", name, fits);
	near = opt_nearest(name, t->names.v, t->names.n);
	if (near)
		return opt_fail("unknown option '--%s' (did you mean '--%s'?)", name, near);
	return opt_fail("unknown option '--%s'", name);
}

/* c is '?' or ':' as getopt_long() returned it; arg is the word that it looked at. */
static int fail_option(const struct tables *t, int c, const char *arg)
{
	const struct opt *o = optopt ? row_by_value(t, optopt) : NULL;

	if (c == ':' && o && optopt >= VALUE_BASE)
		return opt_fail("option '--%s' needs %s", o->name, o->arg);
	if (c == ':' && o)
		return opt_fail("option '-%c' needs %s", optopt, o->arg);
	if (!strncmp(arg, "--", 2))
		return fail_long(t, arg);
	return opt_fail("unknown option '-%c'", optopt);
}

static int collect(const struct tables *t, const struct opt_usage *u, int argc, char **argv,
		   struct settings *s)
{
	const struct opt *o;
	int c, status = -1, word;

	optind = 0; /* glibc: start afresh, also after an earlier parse */
	opterr = 0;
	while (status < 0) {
		word = optind ? optind : 1;
		optopt = 0;
		c = getopt_long(argc, argv, buf_str(&t->shorts), t->longs.v, NULL);
		if (c < 0)
			return -1;
		if (c == '?' || c == ':')
			return fail_option(t, c, argv[word]);
		o = row_by_value(t, c);
		if (!o) {
			opt_help(u, stdout);
			return 0;
		}
		status = settings_add(s, o, SETTING_FLAG, 0, optarg);
	}
	return status;
}

int opt_collect(const struct opt_usage *u, int argc, char **argv, struct settings *s, int *ret_rest)
{
	_cleanup_(tables_done) struct tables t = {};
	int status;

	if (tables_init(&t, u)) {
		log_err(0, "out of memory");
		return 1;
	}
	status = collect(&t, u, argc, argv, s);
	if (status < 0)
		*ret_rest = optind;
	return status;
}

int opt_parse(const struct opt_usage *u, int argc, char **argv, void *ctx, const char *why,
	      int *ret_rest)
{
	_cleanup_(settings_done) struct settings s = {};
	int rest, status = opt_collect(u, argc, argv, &s, &rest);

	if (status < 0)
		status = settings_add_presets(&s, u);
	if (status < 0)
		status = settings_apply(&s, ctx, why);
	if (status < 0)
		*ret_rest = rest;
	return status;
}

static void help_row(struct buf *b, const struct opt *o)
{
	_cleanup_(buf_done) struct buf text = {};
	size_t start = b->len, columns;

	if (o->short_name)
		buf_printf(b, "  -%c, --%s", o->short_name, o->name);
	else
		buf_printf(b, "      --%s", o->name);
	if (o->arg)
		buf_printf(b, " %s", o->arg);
	columns = b->len - start;
	if (columns + 2 > HELP_COLUMN) {
		buf_add_char(b, '\n');
		columns = 0;
	}
	buf_printf(b, "%*s", (int)(HELP_COLUMN - columns), "");
	buf_add_str(&text, o->help);
	if (o->preset)
		buf_printf(&text, " (default %s)", o->preset);
	wrap_text(b, buf_str(&text), HELP_COLUMN, HELP_COLUMN);
}

void opt_help(const struct opt_usage *u, FILE *out)
{
	static const struct opt help = { 0, "help", NULL, "print this and exit", NULL };
	struct buf b = {};

	buf_printf(&b, "Usage: %s\n", u->synopsis);
	if (u->about) {
		buf_add_char(&b, '\n');
		wrap_text(&b, u->about, 0, 0);
	}
	for (size_t g = 0; g < u->n; g++) {
		buf_printf(&b, "\n%s:\n", u->groups[g].title);
		for (size_t i = 0; i < u->groups[g].n; i++)
			help_row(&b, &u->groups[g].opts[i]);
	}
	if (!u->n)
		buf_add_str(&b, "\nOptions:\n");
	help_row(&b, &help);
	fputs(buf_str(&b), out);
	buf_done(&b);
}
