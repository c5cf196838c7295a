/* SPDX-License-Identifier: GPL-2.0-only */
/* Parses the argument of -t. */
#include "trace/spec.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/glob.h"

#define EXCERPT 60 /* bytes of a SPEC that a message quotes */

/* A part of the SPEC under the parser. */
struct slice {
	const char *s;
	size_t len;
};

struct parser {
	const char *text;
	char *why;
	size_t size;
};

static int fail(const struct parser *p, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "what is wrong, at 'rest of the SPEC' (byte 12 of 'SPEC')" */
static int fail(const struct parser *p, const char *at, const char *fmt, ...)
{
	char what[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (*at)
		snprintf(p->why, p->size, "%s, at byte %zu of '%.*s': '%.*s'", what,
			 (size_t)(at - p->text) + 1, EXCERPT, p->text, EXCERPT, at);
	else
		snprintf(p->why, p->size, "%s, at the end of '%.*s'", what, EXCERPT, p->text);
	return -EINVAL;
}

void spec_done(struct spec *s)
{
	vec_foreach (g, &s->globs)
		free(g->glob);
	vec_done(&s->globs);
	free(s->binary);
	free(s->provider);
	free(s->text);
	*s = (struct spec){};
}

/*
 * Splits at the first single ':' of a slice: *ret_head before it, the slice behind it. False and
 * nothing changed when there is none.
 */
static bool split_colon(struct slice *rest, struct slice *ret_head)
{
	size_t i = 0;

	while (i < rest->len) {
		size_t run = 0;

		i += glob_index(rest->s + i, rest->len - i, ':');
		while (i + run < rest->len && rest->s[i + run] == ':')
			run++;
		if (run % 2) {
			*ret_head = (struct slice){ rest->s, i };
			rest->s += i + 1;
			rest->len -= i + 1;
			return true;
		}
		i += run;
	}
	return false;
}

static bool slice_is(const struct slice *s, const char *word)
{
	return s->len == strlen(word) && !memcmp(s->s, word, s->len);
}

/* Moves the slice behind a prefix, when it has it. */
static bool skip(struct slice *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->len < n || memcmp(s->s, prefix, n))
		return false;
	s->s += n;
	s->len -= n;
	return true;
}

/* ":int", ":long", ":ptr" or nothing at the end of a predicate. */
static int parse_width(const struct parser *p, const struct slice *s, struct spec_pred *pred)
{
	if (!s->len)
		return 0;
	if (slice_is(s, ":int"))
		pred->width = SPEC_INT;
	else if (slice_is(s, ":long"))
		pred->width = SPEC_LONG;
	else if (slice_is(s, ":ptr"))
		pred->width = SPEC_PTR;
	else if (*s->s == ':')
		return fail(p, s->s, "unknown width: expected :int, :long or :ptr");
	else
		return fail(p, s->s, "unexpected text after the value");
	if (pred->width == SPEC_INT && (pred->value < INT32_MIN || pred->value > INT32_MAX))
		return fail(p, s->s, "the value %" PRId64 " does not fit an int", pred->value);
	return 0;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/*
 * A number: decimal or 0x…, perhaps negative. Hexadecimal reaches to 64 bits, as pointers and
 * unsigned values do. One that an int cannot hold makes the width a long.
 */
static int parse_value(const struct parser *p, struct slice *s, struct spec_pred *pred)
{
	const char *start = s->s;
	bool minus = skip(s, "-"), hex = skip(s, "0x") || skip(s, "0X"), overflow = false;
	uint64_t value = 0, limit = hex && !minus ? UINT64_MAX : (uint64_t)INT64_MAX + minus;
	int base = hex ? 16 : 10;
	size_t n = 0;

	for (; n < s->len && digit_value(s->s[n]) < base; n++)
		overflow |= __builtin_mul_overflow(value, (uint64_t)base, &value) ||
			    __builtin_add_overflow(value, (uint64_t)digit_value(s->s[n]), &value);
	if (!n)
		return fail(p, start, "expected a number or 'null'");
	if (overflow || value > limit)
		return fail(p, start, "the number does not fit 64 bits");
	s->s += n;
	s->len -= n;
	pred->value = (int64_t)(minus ? -value : value);
	if (value > (uint64_t)INT32_MAX + minus)
		pred->width = SPEC_LONG;
	return 0;
}

static int parse_pred(const struct parser *p, struct slice s, enum spec_kind kind,
		      struct spec_pred *ret)
{
	struct spec_pred pred = { .width = kind == SPEC_SYSCALL ? SPEC_LONG : SPEC_INT };
	const char *start = s.s;
	int err;

	if (slice_is(&s, "never")) {
		ret->op = SPEC_PRED_NEVER;
		return 0;
	}
	if (!skip(&s, "ret"))
		return fail(p, start, "expected ret<0, ret==0, ret!=0, ret==null, ret==N or never");
	if (skip(&s, "=="))
		pred.op = SPEC_PRED_EQ;
	else if (skip(&s, "!="))
		pred.op = SPEC_PRED_NE;
	else if (skip(&s, "<"))
		pred.op = SPEC_PRED_LT;
	else
		return fail(p, s.s, "expected '<', '==' or '!=' after 'ret'");
	if (pred.op != SPEC_PRED_LT && skip(&s, "null")) {
		pred.width = SPEC_PTR;
	} else {
		err = parse_value(p, &s, &pred);
		if (err)
			return err;
	}
	err = parse_width(p, &s, &pred);
	if (err)
		return err;
	*ret = pred;
	return 0;
}

/* Index of the last unescaped '@', or the length. */
static size_t last_at(const struct slice *s)
{
	size_t found = s->len;

	for (size_t i = 0; i < s->len; i++) {
		if (s->s[i] == '\\')
			i++;
		else if (s->s[i] == '@')
			found = i;
	}
	return found;
}

/* "argN[:TYPE]" */
static int parse_arg(const struct parser *p, struct slice s, struct spec_args *ret)
{
	static const char *const types[] = { ":int", ":long", ":ptr", ":str" };
	struct spec_arg a = { .type = SPEC_ARG_LONG };

	skip(&s, "arg");
	if (!s.len || *s.s < '1' || *s.s > '0' + SPEC_ARGS_MAX)
		return fail(p, s.s, "arguments are arg1 to arg%d", SPEC_ARGS_MAX);
	a.number = (uint8_t)(*s.s - '0');
	s.s++;
	s.len--;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (slice_is(&s, types[i])) {
			a.type = (uint8_t)i;
			s.len = 0;
		}
	}
	if (s.len)
		return fail(p, s.s, "unknown type: expected :int, :long, :ptr or :str");
	if (ret->n == SPEC_ARGS_MAX)
		return fail(p, s.s, "more than %d arguments", SPEC_ARGS_MAX);
	ret->v[ret->n++] = a;
	return 0;
}

/* "(arg1:str,arg2)" at the end of a name, which then ends before it. C++ names have brackets, too.
 */
static int parse_args(const struct parser *p, struct slice *name, struct spec_args *ret)
{
	size_t open = name->len;
	struct slice rest;
	int err = 0;

	while (open > 0 && name->s[open - 1] != '(')
		open--;
	if (open < 2 || name->s[name->len - 1] != ')')
		return 0;
	rest = (struct slice){ name->s + open, name->len - open - 1 };
	if (rest.len < 4 || memcmp(rest.s, "arg", 3) || rest.s[3] < '0' || rest.s[3] > '9')
		return 0;
	name->len = open - 1;
	while (rest.len && !err) {
		size_t n = 0;

		while (n < rest.len && rest.s[n] != ',')
			n++;
		err = parse_arg(p, (struct slice){ rest.s, n }, ret);
		if (!err && n + 1 == rest.len)
			err = fail(p, rest.s + n, "an argument is missing");
		n += n < rest.len;
		rest.s += n;
		rest.len -= n;
	}
	return err;
}

/* One element of the list: [!]GLOB[(ARGS)][@PRED] */
static int parse_glob(const struct parser *p, struct slice s, struct spec *spec)
{
	struct spec_glob g = { .negative = skip(&s, "!") };
	size_t at = last_at(&s);
	struct slice name = { s.s, at }, head, rest = name;
	int err;

	if (!at)
		return fail(p, s.s, "a name is missing");
	err = parse_args(p, &name, &g.args);
	if (err)
		return err;
	rest = name;
	if (split_colon(&rest, &head))
		return fail(p, rest.s - 1, "a SPEC has one BINARY: give the next its own -t");
	if (at < s.len && g.negative)
		return fail(p, s.s + at, "a glob that takes away has no predicate");
	if (at < s.len) {
		err = parse_pred(p, (struct slice){ s.s + at + 1, s.len - at - 1 }, spec->kind,
				 &g.pred);
		if (err)
			return err;
	}
	g.glob = strndup(name.s, name.len);
	if (!g.glob)
		return -ENOMEM;
	err = vec_push(&spec->globs, g);
	if (err)
		free(g.glob);
	return err;
}

static int parse_list(const struct parser *p, struct slice s, struct spec *spec)
{
	bool positive = false;
	size_t n;
	int err;

	for (;; s.s += n + 1, s.len -= n + 1) {
		n = glob_element(s.s, s.len);
		err = parse_glob(p, (struct slice){ s.s, n }, spec);
		if (err)
			return err;
		if (spec->globs.n)
			positive |= !spec->globs.v[spec->globs.n - 1].negative;
		if (n == s.len)
			break;
	}
	if (!positive)
		return fail(p, p->text, "it only takes away: put a GLOB before the '!'");
	return 0;
}

/* BINARY or PROVIDER: copied when it is sound. */
static int copy_part(const struct parser *p, const struct slice *s, const char *what, char **ret)
{
	if (!s->len)
		return fail(p, s->s, "%s is missing before ':'", what);
	if (*s->s == '!')
		return fail(p, s->s, "'!' belongs before a GLOB of a list, not before %s", what);
	*ret = strndup(s->s, s->len);
	return *ret ? 0 : -ENOMEM;
}

static int parse_usdt(const struct parser *p, struct slice *first, struct spec *spec)
{
	struct slice binary, provider;
	int err;

	if (!split_colon(first, &binary) || !split_colon(first, &provider))
		return fail(p, first->s, "expected usdt:BINARY:PROVIDER:NAME");
	err = copy_part(p, &binary, "BINARY", &spec->binary);
	return err ? err : copy_part(p, &provider, "PROVIDER", &spec->provider);
}

/*
 * What stands before the list; moves *rest to the list. Only the first element can hold it, and
 * there only what stands before a predicate.
 */
static int parse_prefix(const struct parser *p, struct slice *rest, struct spec *spec)
{
	struct slice first = { rest->s, glob_element(rest->s, rest->len) }, head;
	int err = 0;

	first.len = last_at(&first);
	if (!split_colon(&first, &head))
		return 0;
	if (slice_is(&head, "usdt")) {
		spec->kind = SPEC_USDT;
		err = parse_usdt(p, &first, spec);
	} else if (slice_is(&head, "k")) {
		spec->kind = SPEC_KERNEL;
	} else if (slice_is(&head, "sys")) {
		spec->kind = SPEC_SYSCALL;
	} else {
		err = copy_part(p, &head, "BINARY", &spec->binary);
	}
	rest->len -= (size_t)(first.s - rest->s);
	rest->s = first.s;
	return err;
}

int spec_parse(const char *text, struct spec *ret, char *why, size_t size)
{
	_cleanup_(spec_done) struct spec spec = {};
	struct parser p = { text, why, size };
	struct slice rest = { text, strlen(text) };
	int err;

	if (size)
		*why = '\0';
	if (!rest.len)
		return fail(&p, text, "the SPEC is empty");
	err = parse_prefix(&p, &rest, &spec);
	if (!err)
		err = parse_list(&p, rest, &spec);
	if (err)
		return err;
	*ret = spec;
	spec = (struct spec){};
	return 0;
}

bool spec_match(const struct spec *s, const char *name, struct spec_pred *ret_pred)
{
	struct spec_pred pred = {};
	bool found = false;

	vec_foreach (g, &s->globs) {
		if (!glob_match(g->glob, name) && strcmp(g->glob, name))
			continue;
		if (g->negative)
			return false;
		g->matched = true;
		found = true;
		if (g->pred.op != SPEC_PRED_NONE)
			pred = g->pred;
	}
	if (found && ret_pred)
		*ret_pred = pred;
	return found;
}

const struct spec_args *spec_args_of(const struct spec *s, const char *name)
{
	const struct spec_args *found = NULL;

	vec_foreach (g, &s->globs) {
		if (!g->negative && g->args.n &&
		    (glob_match(g->glob, name) || !strcmp(g->glob, name)))
			found = &g->args;
	}
	return found;
}
