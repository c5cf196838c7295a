/* SPDX-License-Identifier: GPL-2.0-only */
/* The text report's shortened names. */
#include "view/text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"

/* Bytes of the code point at s, which is valid UTF-8. */
static size_t code_bytes(const char *s)
{
	unsigned char c = (unsigned char)*s;

	return c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* From U+1100 on, where wide characters begin, every one is taken for wide. */
static size_t code_columns(const char *s)
{
	unsigned char c = (unsigned char)*s;

	return c > 0xe1 || (c == 0xe1 && (unsigned char)s[1] >= 0x84) ? 2 : 1;
}

size_t text_columns(const char *s)
{
	size_t n = 0;

	for (; *s; s += code_bytes(s))
		n += code_columns(s);
	return n;
}

/* The bracket that closes the one at s, or NULL. An arrow's '>' closes nothing. */
static const char *find_close(const char *s, char open, char close)
{
	size_t depth = 0;

	for (const char *p = s; *p; p++) {
		if (*p == open)
			depth++;
		if (*p == close && (close != '>' || p[-1] != '-') && !--depth)
			return p;
	}
	return NULL;
}

/* Is what stands before s "operator" and its sign of up to three characters? */
static bool follows_operator(const char *start, const char *s)
{
	for (ptrdiff_t sign = 1; sign <= 3; sign++) {
		if (s - start >= 8 + sign && !memcmp(s - 8 - sign, "operator", 8))
			return true;
	}
	return false;
}

/* Do arguments begin at s, rather than "(anonymous namespace)", "(*T).f", "<T as U>", "operator<"?
 */
static bool begins_arguments(const char *start, const char *s)
{
	if (s == start)
		return false;
	if (*s == '(')
		return isalnum((unsigned char)s[-1]) || strchr("_>)", s[-1]) ||
		       follows_operator(start, s);
	if (s - start >= 8 && !memcmp(s - 8, "operator", 8))
		return false;
	return isalnum((unsigned char)s[-1]) || strchr("_:", s[-1]);
}

/* Replaces the contents of every outermost pair of brackets that holds arguments by "..". */
static void drop_arguments(struct buf *b, const char *name, char open, char close)
{
	for (const char *p = name; *p; p++) {
		const char *end = NULL;

		if (*p == open && begins_arguments(name, p))
			end = find_close(p, open, close);
		if (!end || end - p < 4) {
			buf_add_char(b, *p);
			continue;
		}
		buf_printf(b, "%c..%c", open, close);
		p = end;
	}
}

/* Cuts the middle out of valid UTF-8 so that `width` columns are left. */
static void cut_middle(struct buf *b, const char *s, size_t width)
{
	size_t total = text_columns(s), head = width < 3 ? width : (width - 2) / 2, column = 0;
	size_t tail = width < 3 ? total : total - (width - 2 - head);

	for (; *s && column + code_columns(s) <= head; s += code_bytes(s)) {
		buf_add(b, s, code_bytes(s));
		column += code_columns(s);
	}
	if (width >= 3)
		buf_add_str(b, "..");
	for (; *s; s += code_bytes(s)) {
		if (column >= tail)
			buf_add(b, s, code_bytes(s));
		column += code_columns(s);
	}
}

void text_shorten(struct buf *b, const char *name, size_t width)
{
	_cleanup_(buf_done) struct buf clean = {};
	_cleanup_(buf_done) struct buf calls = {};
	_cleanup_(buf_done) struct buf plain = {};

	text_clean(&clean, name);
	if (clean.err) {
		b->err = clean.err;
		return;
	}
	if (text_columns(buf_str(&clean)) <= width) {
		buf_add_str(b, buf_str(&clean));
		return;
	}
	drop_arguments(&calls, buf_str(&clean), '(', ')');
	if (text_columns(buf_str(&calls)) > width)
		drop_arguments(&plain, buf_str(&calls), '<', '>');
	else
		buf_add_str(&plain, buf_str(&calls));
	if (text_columns(buf_str(&plain)) > width)
		cut_middle(b, buf_str(&plain), width);
	else
		buf_add_str(b, buf_str(&plain));
	if (calls.err || plain.err)
		b->err = -ENOMEM;
}

void text_pad(struct buf *b, const char *name, size_t width)
{
	size_t start = b->len, columns;

	text_shorten(b, name, width);
	columns = b->err ? width : text_columns(buf_str(b) + start);
	for (; columns < width; columns++)
		buf_add_char(b, ' ');
}

void text_frame(struct buf *b, const char *frame, size_t width)
{
	_cleanup_free_ char *name = NULL;
	size_t len = strlen(frame);
	const char *mark;

	if (len < 5 || frame[len - 1] != ']' || frame[len - 3] != '[' || frame[len - 4] != '_') {
		text_shorten(b, frame, width);
		return;
	}
	mark = frame + len - 3;
	name = strndup(frame, len - 4);
	if (!name) {
		b->err = -ENOMEM;
		return;
	}
	text_shorten(b, name, width > 4 ? width - 4 : 1);
	buf_printf(b, " %s", mark);
}
