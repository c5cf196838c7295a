/* SPDX-License-Identifier: GPL-2.0-only */
/* Shell globs over whole strings, and lists of them. */
#include "lib/glob.h"

#include <ctype.h>
#include <string.h>

/* Bytes of the class at s, which begins with '['; 0 when it is not closed within len. */
static size_t class_len(const char *s, size_t len)
{
	size_t i = 1;

	if (i < len && (s[i] == '!' || s[i] == '^'))
		i++;
	if (i < len && s[i] == ']') /* first in the class: a member */
		i++;
	for (; i < len; i++) {
		if (s[i] == ']')
			return i + 1;
		if (s[i] == '\\' && i + 1 < len)
			i++;
	}
	return 0;
}

/* The next member of a class; moves *i behind it. */
static unsigned char member(const char *s, size_t *i, size_t end)
{
	if (s[*i] == '\\' && *i + 1 < end)
		(*i)++;
	return (unsigned char)s[(*i)++];
}

static bool class_match(const char *s, size_t len, unsigned char c)
{
	size_t i = 1, end = len - 1;
	bool negate = s[i] == '!' || s[i] == '^', found = false;

	if (negate)
		i++;
	while (i < end) {
		unsigned char low = member(s, &i, end), high = low;

		if (i + 1 < end && s[i] == '-') {
			i++;
			high = member(s, &i, end);
		}
		found |= low <= c && c <= high;
	}
	return found != negate;
}

/* Bytes of the glob that stand for one byte of the text at g, or 0 when they do not match c. */
static size_t match_one(const char *g, size_t len, char c)
{
	size_t class;

	if (*g == '?')
		return 1;
	if (*g == '\\' && len > 1)
		return g[1] == c ? 2 : 0;
	if (*g == '[') {
		class = class_len(g, len);
		if (class)
			return class_match(g, class, (unsigned char)c) ? class : 0;
	}
	return *g == c;
}

/*
 * Only the last star is ever tried again: what an earlier one matched can stay as short as it
 * was, because the last one may take the rest. So there is no exponential backtracking.
 */
static bool match(const char *glob, size_t len, const char *text)
{
	size_t g = 0, t = 0, star = len, resume = 0, n;

	while (text[t]) {
		if (g < len && glob[g] == '*') {
			star = g++;
			resume = t;
			continue;
		}
		n = g < len ? match_one(glob + g, len - g, text[t]) : 0;
		if (n) {
			g += n;
			t++;
		} else if (star < len) {
			g = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (g < len && glob[g] == '*')
		g++;
	return g == len;
}

bool glob_match(const char *glob, const char *text)
{
	return match(glob, strlen(glob), text);
}

bool glob_is_literal(const char *glob)
{
	size_t len = strlen(glob);

	for (size_t i = 0; i < len; i++)
		if (glob[i] == '*' || glob[i] == '?' || glob[i] == '\\' ||
		    (glob[i] == '[' && class_len(glob + i, len - i)))
			return false;
	return true;
}

/*
 * Bytes of a C++ operator name at i whose symbol would read as a bracket or a separator
 * (`operator<<`, `operator->`, `operator,`), or 0.
 */
static size_t operator_len(const char *s, size_t len, size_t i)
{
	static const char *const symbols[] = { "->*", "<=>", "<<=", ">>=", "->", "<<", ">>",
					       "<=",  ">=",  "<",   ">",   ",",  "()" };
	static const char word[] = "operator";
	size_t n = sizeof(word) - 1;

	if (len - i <= n || memcmp(s + i, word, n))
		return 0;
	if (i && (isalnum((unsigned char)s[i - 1]) || s[i - 1] == '_'))
		return 0;
	for (size_t k = 0; k < sizeof(symbols) / sizeof(*symbols); k++) {
		size_t m = strlen(symbols[k]);

		if (len - i - n >= m && !memcmp(s + i + n, symbols[k], m))
			return n + m;
	}
	return 0;
}

/* Bytes at i that are one thing whatever they contain; 1 for an ordinary byte. */
static size_t step(const char *s, size_t len, size_t i)
{
	size_t n = 0;

	if (s[i] == '\\' && i + 1 < len)
		return 2;
	if (s[i] == '[')
		n = class_len(s + i, len - i);
	else if (s[i] == 'o')
		n = operator_len(s, len, i);
	return n ? n : 1;
}

/* Bytes of the pair of brackets that opens at i, or 0 when nothing closes it before an '@'. */
static size_t pair_len(const char *s, size_t len, size_t i)
{
	static const char opening[] = "(<{", closing[] = ")>}";
	const char *kind = memchr(opening, s[i], sizeof(opening) - 1);
	char open = s[i], close;
	size_t depth = 0;

	if (!kind)
		return 0;
	close = closing[kind - opening];
	for (size_t k = i; k < len && s[k] != '@'; k += step(s, len, k)) {
		if (s[k] == open)
			depth++;
		else if (s[k] == close && !--depth)
			return k + 1 - i;
	}
	return 0;
}

/* The first unprotected c, or len; after an '@' brackets may be taken as ordinary bytes. */
static size_t find(const char *s, size_t len, char c, bool plain_after_at)
{
	size_t i = 0, n;
	bool plain = false;

	while (i < len && s[i] != c) {
		if (s[i] == '@')
			plain = plain_after_at;
		n = plain ? 1 : pair_len(s, len, i);
		if (!n)
			n = step(s, len, i);
		i += n;
	}
	return i < len ? i : len;
}

size_t glob_element(const char *list, size_t len)
{
	return find(list, len, ',', true);
}

size_t glob_index(const char *s, size_t len, char c)
{
	return find(s, len, c, false);
}

bool glob_list_match(const char *list, const char *text)
{
	size_t len = strlen(list), n;
	bool found = false, plain = false, taken = false;

	for (size_t i = 0; i <= len; i += n + 1) {
		bool negative = list[i] == '!';

		n = glob_element(list + i, len - i);
		if (negative && match(list + i + 1, n - 1, text))
			return false;
		if (negative)
			taken = true;
		else if (n)
			plain = true;
		found = found || (!negative && n && match(list + i, n, text));
	}
	return plain ? found : taken;
}

bool glob_lists_match(const char *const *lists, size_t n, const char *name, const char *other)
{
	bool found = false, plain = false;

	for (size_t l = 0; l < n; l++) {
		size_t len = strlen(lists[l]), size;

		for (size_t i = 0; i <= len; i += size + 1) {
			const char *glob = lists[l] + i;
			bool negative = *glob == '!', hit;

			size = glob_element(glob, len - i);
			hit = size > negative &&
			      (match(glob + negative, size - negative, name) ||
			       (other && match(glob + negative, size - negative, other)));
			if (negative && hit)
				return false;
			plain = plain || (!negative && size);
			found = found || hit;
		}
	}
	return found || !plain;
}
