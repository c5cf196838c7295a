/* SPDX-License-Identifier: GPL-2.0-only */
/* The text of a configuration: lines, lists, quoting. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/conftext.h"

/* All pairs of a text as "KEY<VALUE>LINE", and what stopped it. */
static void expect_len(const char *text, size_t len, const char *pairs, int end)
{
	char *copy = malloc(len + 1), why[160] = "";
	struct conf_text c = { .next = copy, .end = copy + len };
	struct conf_pair pair;
	struct buf got = {};
	int more;

	memcpy(copy, text, len);
	while ((more = conf_next(&c, &pair, why, sizeof(why))) > 0)
		buf_printf(&got, "%s<%s>%u ", pair.key, pair.value, c.line);
	if (more < 0)
		buf_printf(&got, "%u: %s", c.line, why);
	cr_assert_eq(more, end, "%s: %d", text, more);
	cr_assert_str_eq(buf_str(&got), pairs, "%s", text);
	buf_done(&got);
	free(copy);
}

struct text {
	char text[64], pairs[100];
};

ParameterizedTestParameters(conftext, a_line_is_a_setting)
{
	static struct text cases[] = {
		{ "", "" },
		{ "\n\n", "" },
		{ "a=b", "a<b>1 " },
		{ "a=b\n", "a<b>1 " },
		{ "  a\t =  b c  \n\n# x = y\n  # z\nd = e\n", "a<b c>1 d<e>5 " },
		{ "a = b\r\nc = d\r\n", "a<b>1 c<d>2 " },
		{ "a = b=c", "a<b=c>1 " },
		{ "a = b # c", "a<b>1 " },
		{ "a = b\t#", "a<b>1 " },
		{ "a = b#c", "a<b#c>1 " },
		{ "a = f@ret<0:int", "a<f@ret<0:int>1 " },
		{ "a = \"\"", "a<>1 " },
		{ "a = \" b # \\\" \\\\ \" # c", "a< b # \" \\ >1 " },
		{ "a = \"\\n\\t\\r\\x41\\xe4\"", "a<\n\t\rA\xe4>1 " },
		{ "a = b\"c\"", "a<b\"c\">1 " },
		{ "\xc3\xa4 = \xff", "\xc3\xa4<\xff>1 " },
	};

	return cr_make_param_array(struct text, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct text *t, conftext, a_line_is_a_setting)
{
	expect_len(t->text, strlen(t->text), t->pairs, 0);
}

ParameterizedTestParameters(conftext, a_wrong_line_is_named)
{
	static struct text cases[] = {
		{ "a", "1: 'a' is no setting: write NAME = VALUE" },
		{ "a=b\n\n[c]\n", "a<b>1 3: '[c]' is no setting: write NAME = VALUE" },
		{ " = b", "1: no name stands before '='" },
		{ "a =", "1: 'a' has no value" },
		{ "a = # b", "1: 'a' has no value" },
		{ "a = \"b", "1: a quote is not closed" },
		{ "a = \"b\\", "1: a backslash between quotes stands before \", \\, n, r, t or "
			       "xHH" },
		{ "a = \"\\x00\"", "1: a backslash between quotes stands before \", \\, n, r, t or "
				   "xHH" },
		{ "a = \"\\x4\"", "1: a backslash between quotes stands before \", \\, n, r, t or "
				  "xHH" },
		{ "a = \"\\q\"", "1: a backslash between quotes stands before \", \\, n, r, t or "
				 "xHH" },
		{ "a = \"b\" c", "1: 'c' stands behind a closing quote" },
		{ "a = b\nc = \x1b", "a<b>1 2: this is no text: it holds a byte 0x1b" },
		{ "# \x7f", "1: this is no text: it holds a byte 0x7f" },
	};

	return cr_make_param_array(struct text, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct text *t, conftext, a_wrong_line_is_named)
{
	expect_len(t->text, strlen(t->text), t->pairs, -EINVAL);
}

Test(conftext, a_nul_is_no_text)
{
	expect_len("a = b\0c\n", 8, "1: this is no text: it holds a byte 0x00", -EINVAL);
}

Test(conftext, a_line_is_bounded)
{
	char text[CONF_LINE_MAX + 2], pairs[CONF_LINE_MAX + 16];

	memset(text, 'x', sizeof(text));
	memcpy(text, "a=", 2);
	snprintf(pairs, sizeof(pairs), "a<%.*s>1 ", CONF_LINE_MAX - 2, text + 2);
	expect_len(text, CONF_LINE_MAX, pairs, 0);
	expect_len(text, CONF_LINE_MAX + 1, "1: the line is longer than 16384 bytes", -EINVAL);
}

/* "<VALUE>" of each, and what stopped it. */
static void expect_list(const char *text, const char *values, int end)
{
	char *copy = strdup(text), *p = copy, why[128] = "";
	struct buf got = {};
	const char *value;
	int more;

	while ((more = conf_list_next(&p, &value, why, sizeof(why))) > 0)
		buf_printf(&got, "<%s>", value);
	buf_add_str(&got, why);
	cr_assert_eq(more, end, "%s", text);
	cr_assert_str_eq(buf_str(&got), values, "%s", text);
	buf_done(&got);
	free(copy);
}

Test(conftext, a_list_has_its_values_between_semicolons_or_newlines)
{
	expect_list("", "", 0);
	expect_list(" ;\n; ", "", 0);
	expect_list("a", "<a>", 0);
	expect_list(" a b ; c,d\ne # f ;", "<a b><c,d><e # f>", 0);
	expect_list("\"a;b\" ;\"\\\"\"\n\"\"", "<a;b><\"><>", 0);
	expect_list("a\"b;c\"", "<a\"b><c\">", 0);
	expect_list("a;\"b", "<a>a quote is not closed", -EINVAL);
	expect_list("\"a\"b", "'b' stands behind a closing quote", -EINVAL);
}

static void expect_quoted(const char *value, const char *quoted)
{
	struct buf line = {};

	buf_add_str(&line, "k = ");
	conf_quote(&line, value);
	cr_assert_str_eq(buf_str(&line) + 4, quoted);
	buf_add_str(&line, "   # comment");
	{
		struct conf_text c = { .next = line.data, .end = line.data + line.len };
		struct conf_pair pair;
		char why[160];

		cr_assert_eq(conf_next(&c, &pair, why, sizeof(why)), 1);
		cr_assert_str_eq(pair.value, value);
	}
	buf_done(&line);
}

Test(conftext, what_is_quoted_reads_back)
{
	expect_quoted("plain", "plain");
	expect_quoted("a b=c;d", "a b=c;d");
	expect_quoted("ns::f<int, long>(char)@ret<0", "ns::f<int, long>(char)@ret<0");
	expect_quoted("\xc3\xa4", "\xc3\xa4");
	expect_quoted("a\"b\\", "a\"b\\");
	expect_quoted("", "\"\"");
	expect_quoted(" a", "\" a\"");
	expect_quoted("a ", "\"a \"");
	expect_quoted("#a", "\"#a\"");
	expect_quoted("a #b\\", "\"a #b\\\\\"");
	expect_quoted("a#b", "a#b");
	expect_quoted("\"a\"", "\"\\\"a\\\"\"");
	expect_quoted("a\nb\tc", "\"a\\x0ab\\x09c\"");
	expect_quoted("\xff\xc3\xa4", "\"\\xff\\xc3\\xa4\"");
}
