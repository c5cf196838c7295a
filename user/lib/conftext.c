/* SPDX-License-Identifier: GPL-2.0-only */
/* The text of a configuration. */
#include "lib/conftext.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/text.h"

#define BLANKS " \t\r"

static int fail(char *why, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int fail(char *why, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, size, fmt, args);
	va_end(args);
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void cut_blanks(char *s)
{
	size_t len = strlen(s);

	while (len && is_blank(s[len - 1]))
		len--;
	s[len] = '\0';
}

static void cut_comment(char *s)
{
	for (char *p = s; *p; p++) {
		if (*p == '#' && (p == s || is_blank(p[-1]))) {
			*p = '\0';
			return;
		}
	}
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c | 0x20) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* Reads what follows a backslash at *p, and moves on: the byte, or -1. */
static int unescape(char **p)
{
	static const char names[] = "\"\\nrt", bytes[] = "\"\\\n\r\t";
	char c = *(*p)++;
	const char *name = c ? strchr(names, c) : NULL;
	int high, low;

	if (name)
		return bytes[name - names];
	if (c != 'x')
		return -1;
	high = hex_digit((*p)[0]);
	low = high < 0 ? -1 : hex_digit((*p)[1]);
	if (low < 0 || !(high + low))
		return -1;
	*p += 2;
	return high << 4 | low;
}

/* Reads the quoted value at *p and moves behind its closing quote. */
static int unquote(char **p, const char **ret, char *why, size_t size)
{
	char *in = *p + 1, *out = in;

	*ret = in;
	while (*in != '"') {
		int byte = (unsigned char)*in;

		if (!byte)
			return fail(why, size, "a quote is not closed");
		in++;
		if (byte == '\\') {
			byte = unescape(&in);
			if (byte < 0)
				return fail(why, size,
					    "a backslash between quotes stands before "
					    "\", \\, n, r, t or xHH");
		}
		*out++ = (char)byte;
	}
	*out = '\0';
	*p = in + 1;
	return 0;
}

/* Cuts off the next line: 1, 0 behind the last one, or -EINVAL for one that is no text. */
static int take_line(struct conf_text *c, char **ret, char *why, size_t size)
{
	char *line = c->next, *newline;
	size_t len;

	if (line == c->end)
		return 0;
	newline = memchr(line, '\n', (size_t)(c->end - line));
	len = (size_t)((newline ? newline : c->end) - line);
	c->next = newline ? newline + 1 : c->end;
	c->line++;
	line[len] = '\0';
	if (len > CONF_LINE_MAX)
		return fail(why, size, "the line is longer than %d bytes", CONF_LINE_MAX), -EINVAL;
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)line[i];

		if ((byte < 0x20 && !is_blank(line[i])) || byte == 0x7f)
			return fail(why, size, "this is no text: it holds a byte 0x%02x", byte),
			       -EINVAL;
	}
	*ret = line;
	return 1;
}

static int read_pair(char *line, struct conf_pair *ret, char *why, size_t size)
{
	char *value = strchr(line, '=');

	if (!value)
		return fail(why, size, "'%.60s' is no setting: write NAME = VALUE", line);
	*value++ = '\0';
	cut_blanks(line);
	if (!*line)
		return fail(why, size, "no name stands before '='");
	ret->key = line;
	value += strspn(value, BLANKS);
	if (*value == '"') {
		int err = unquote(&value, &ret->value, why, size);

		value += strspn(value, BLANKS);
		if (!err && *value && *value != '#')
			return fail(why, size, "'%.60s' stands behind a closing quote", value);
		return err;
	}
	cut_comment(value);
	cut_blanks(value);
	if (!*value)
		return fail(why, size, "'%.60s' has no value", line);
	ret->value = value;
	return 0;
}

int conf_next(struct conf_text *c, struct conf_pair *ret, char *why, size_t size)
{
	char *line;
	int more;

	for (;;) {
		more = take_line(c, &line, why, size);
		if (more <= 0)
			return more;
		line += strspn(line, BLANKS);
		if (*line && *line != '#')
			return read_pair(line, ret, why, size) ? -EINVAL : 1;
	}
}

int conf_list_next(char **p, const char **ret, char *why, size_t size)
{
	char *s = *p + strspn(*p, BLANKS "\n;"), *start = s;

	if (!*s) {
		*p = s;
		return 0;
	}
	if (*s == '"') {
		if (unquote(&s, ret, why, size))
			return -EINVAL;
		s += strspn(s, BLANKS);
		if (*s && *s != ';' && *s != '\n')
			return fail(why, size, "'%.60s' stands behind a closing quote", s);
		*p = s;
		return 1;
	}
	s += strcspn(s, ";\n");
	*p = s + (*s != '\0');
	*s = '\0';
	cut_blanks(start);
	*ret = start;
	return 1;
}

static bool is_plain(const char *s)
{
	for (const char *p = s; *p; p++)
		if (*p == '#' && (p == s || is_blank(p[-1])))
			return false;
	return *s && *s != '"' && !is_blank(*s) && !is_blank(s[strlen(s) - 1]);
}

/* Can it stand in a text file for people as it is? */
static bool is_clean(const char *s)
{
	_cleanup_(buf_done) struct buf b = {};

	text_clean(&b, s);
	return !strcmp(buf_str(&b), s);
}

void conf_quote(struct buf *b, const char *value)
{
	bool clean = is_clean(value);

	if (clean && is_plain(value)) {
		buf_add_str(b, value);
		return;
	}
	buf_add_char(b, '"');
	for (const char *p = value; *p; p++) {
		unsigned char byte = (unsigned char)*p;

		if (byte == '"' || byte == '\\')
			buf_printf(b, "\\%c", byte);
		else if (byte < 0x20 || (byte >= 0x7f && !clean))
			buf_printf(b, "\\x%02x", byte);
		else
			buf_add_char(b, *p);
	}
	buf_add_char(b, '"');
}
