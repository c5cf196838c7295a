/* SPDX-License-Identifier: GPL-2.0-only */
/* Tells by a function's name whether it compares. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/demangle.h"
#include "sym/rettype.h"

#define WORD_MAX 32

/* What was seen of a name so far. */
struct words {
	bool compares, order, by, sort;
};

static bool ends_with(const char *word, const char *end)
{
	size_t n = strlen(word), m = strlen(end);

	return n >= m && !strcmp(word + n - m, end);
}

/* "cmp" and "diff" are glued to other words; these have nothing to do with it. */
static bool is_other(const char *word)
{
	static const char *const others[] = { "icmp",   "icmp4",  "icmp6",
					      "icmpv4", "icmpv6", "cmpxchg" };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(word, others[i]))
			return true;
	return false;
}

static bool compares(const char *word)
{
	static const char *const whole[] = { "compares", "comparator", "comparer", "comparison",
					     "collate",  "difference", "difftime", "diffs" };

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (!strcmp(word, whole[i]))
			return true;
	if (ends_with(word, "compare") || ends_with(word, "coll") || ends_with(word, "diff"))
		return true;
	return !is_other(word) && (ends_with(word, "cmp") || !strncmp(word, "cmp", 3));
}

static void see(struct words *w, const char *word)
{
	w->compares |= compares(word);
	w->order |= !strcmp(word, "order") || !strcmp(word, "ordering");
	w->by |= !strcmp(word, "by");
	w->sort |= !strcmp(word, "sort");
}

/* Words end at what is no letter or digit, and before a capital behind a small letter. */
static bool words_compare(const char *s, size_t len)
{
	struct words w = {};
	char word[WORD_MAX];
	size_t n = 0;

	for (size_t i = 0; i <= len; i++) {
		bool in = i < len && isalnum((unsigned char)s[i]);

		if (n &&
		    (!in || (isupper((unsigned char)s[i]) && islower((unsigned char)s[i - 1])))) {
			word[n] = '\0';
			see(&w, word);
			n = 0;
		}
		/* Of a longer one the end counts. */
		if (in && n == WORD_MAX - 1)
			memmove(word, word + 1, --n);
		if (in)
			word[n++] = (char)tolower((unsigned char)s[i]);
	}
	return w.compares || (w.order && (w.by || w.sort));
}

/*
 * The last component of a name, without parameters and template arguments: "ns::C<A>::cmp(int)"
 * is "cmp", "main.(*T).Less" is "Less".
 */
static const char *last_component(const char *name, size_t *ret_len)
{
	const char *start = name, *end = NULL;
	int depth = 0;

	for (const char *p = name; *p; p++) {
		if (*p == '(' && !depth && p > name && p[-1] != '.' && p[-1] != ':' && p[-1] != ' ')
			break;
		if (strchr("<([", *p)) {
			if (!depth++)
				end = p;
		} else if (strchr(">)]", *p)) {
			depth -= depth > 0;
		} else if (!depth && strchr(":. /", *p)) {
			start = p + 1;
			end = NULL;
		} else if (!depth) {
			end = p + 1;
		}
	}
	*ret_len = end && end > start ? (size_t)(end - start) : 0;
	return start;
}

/* Compilers mark their copies of a function: "cmp.constprop.0", "cmp.isra.0.cold". */
static char *without_clones(const char *name)
{
	static const char *const marks[] = { ".constprop.", ".isra.",     ".part.",
					     ".cold",       ".lto_priv.", ".llvm." };
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		const char *at = strstr(name, marks[i]);

		if (at && at > name && (size_t)(at - name) < len)
			len = (size_t)(at - name);
	}
	return strndup(name, len);
}

/* The difference of two values, or their order; behind it come parameters or nothing. */
static bool is_operator(const char *s)
{
	static const char *const ops[] = { "operator-", "operator<=>" };

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		size_t len = strlen(ops[i]);
		const char *at = strstr(s, ops[i]);

		if (at && (at[len] == '(' || !at[len]))
			return true;
	}
	return false;
}

bool return_is_comparison(const char *name)
{
	_cleanup_free_ char *plain = without_clones(name);
	_cleanup_free_ char *text = plain ? demangle(plain) : NULL;
	const char *s = text ? text : plain;
	size_t len;

	if (!s)
		return false;
	if (is_operator(s))
		return true;
	s = last_component(s, &len);
	return words_compare(s, len);
}
