/* SPDX-License-Identifier: GPL-2.0-only */
/* Shell globs and lists of them. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>
#include <time.h>

#include "lib/glob.h"

struct match {
	char glob[32], text[32];
	bool matches;
};

ParameterizedTestParameters(glob, matches_the_whole_string)
{
	static struct match cases[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "a", "a", true },
		{ "a", "ab", false },
		{ "b", "ab", false },
		{ "*", "", true },
		{ "*", "abc", true },
		{ "a*", "abc", true },
		{ "*c", "abc", true },
		{ "a*c", "abc", true },
		{ "a*c", "abcd", false },
		{ "*b*", "abc", true },
		{ "a**c", "ac", true },
		{ "?", "a", true },
		{ "?", "", false },
		{ "a?c", "abc", true },
		{ "a?c", "ac", false },
		{ "*/x", "/a/b/x", true },
		{ "*a", ".a", true },
		{ "[a-c]x", "bx", true },
		{ "[a-c]x", "dx", false },
		{ "[!a-c]", "d", true },
		{ "[!a-c]", "b", false },
		{ "[^a]", "b", true },
		{ "[]a]", "]", true },
		{ "[]a]", "a", true },
		{ "[!]a]", "]", false },
		{ "[a-]", "-", true },
		{ "[\\]]", "]", true },
		{ "[a", "[a", true },
		{ "[a", "a", false },
		{ "[", "[", true },
		{ "\\*", "*", true },
		{ "\\*", "a", false },
		{ "\\", "\\", true },
		{ "a\\", "a\\", true },
		{ "*abc", "ababc", true },
		{ "*ab?d*", "xabcd", true },
		{ "\\a", "a", true },
		{ "a*b*c", "a1b2b3c", true },
		{ "a*b*c", "a1c2b", false },
		{ "[c-a]", "b", false },
		{ "operator[]", "operator[]", true },
	};

	return cr_make_param_array(struct match, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct match *c, glob, matches_the_whole_string)
{
	cr_assert_eq(glob_match(c->glob, c->text), c->matches, "'%s' and '%s'", c->glob, c->text);
}

Test(glob, hostile_patterns_take_no_exponential_time, .timeout = 5)
{
	char glob[2001], text[4001];

	for (size_t i = 0; i < 2000; i += 2)
		memcpy(glob + i, "a*", 2);
	strcpy(glob + 1998, "*b");
	memset(text, 'a', 4000);
	text[4000] = '\0';
	cr_assert_not(glob_match(glob, text));
}

Test(glob, literal_means_nothing_special)
{
	cr_assert(glob_is_literal("malloc"));
	cr_assert(glob_is_literal("ns::f(int)"));
	cr_assert(glob_is_literal("a["));
	cr_assert_not(glob_is_literal("mall*"));
	cr_assert_not(glob_is_literal("mall?c"));
	cr_assert_not(glob_is_literal("[a]"));
	cr_assert_not(glob_is_literal("\\a"));
}

struct list {
	char list[48], text[32];
	bool matches;
};

ParameterizedTestParameters(glob, lists_add_and_take_away)
{
	static struct list cases[] = {
		{ "a*,b*", "ax", true },
		{ "a*,b*", "bx", true },
		{ "a*,b*", "cx", false },
		{ "a*,!ab*", "ab", false },
		{ "!ab*,a*", "ab", false },
		{ "a*,!ab*", "ac", true },
		{ "!a*", "b", true },
		{ "!a*", "a", false },
		{ "", "", false },
		{ ",a", "a", true },
		{ ",!a", "b", true },
		{ "[a,b]", ",", true },
		{ "a\\,b", "a,b", true },
		{ "f(int,*)", "f(int,long)", true },
		{ "f<a,b>,g", "g", true },
		{ "f<a,b>,g", "b>", false },
		{ "x<,g", "g", true },
		{ "operator,,g", "g", true },
		{ "operator,,g", "operator,", true },
		{ "operator<*,g", "operator<<x", true },
		{ "operator<*,g>", "g>", true },
	};

	return cr_make_param_array(struct list, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct list *c, glob, lists_add_and_take_away)
{
	cr_assert_eq(glob_list_match(c->list, c->text), c->matches, "'%s' and '%s'", c->list,
		     c->text);
}

Test(glob, index_skips_what_brackets_protect)
{
	cr_assert_eq(glob_index("f(a:b):c", 8, ':'), 6);
	cr_assert_eq(glob_index("[a:b]c", 6, ':'), 6);
	cr_assert_eq(glob_index("a\\:b:c", 6, ':'), 4);
	cr_assert_eq(glob_index("(a:b", 4, ':'), 2);
}

Test(glob, several_lists_are_one_and_two_names_one_thing)
{
	static const char *const none[] = { "" }, *const some[] = { "mod_*", "/opt/*,x.so" },
				 *const but[] = { "!mod_bad*" },
				 *const both[] = { "mod_*", "!*/old/*" };

	cr_assert(glob_lists_match(NULL, 0, "a.so", NULL));
	cr_assert(glob_lists_match(none, 1, "a.so", "/a.so"));
	cr_assert(glob_lists_match(some, 2, "mod_a.so", "/usr/mod_a.so"));
	cr_assert(glob_lists_match(some, 2, "a.so", "/opt/a.so"));
	cr_assert(glob_lists_match(some, 2, "x.so", NULL));
	cr_assert_not(glob_lists_match(some, 2, "a.so", "/usr/a.so"));
	cr_assert_not(glob_lists_match(some, 2, "a.so", NULL));
	cr_assert(glob_lists_match(but, 1, "mod_good.so", NULL));
	cr_assert_not(glob_lists_match(but, 1, "mod_bad.so", NULL));
	cr_assert(glob_lists_match(both, 2, "mod_a.so", "/usr/new/mod_a.so"));
	cr_assert_not(glob_lists_match(both, 2, "mod_a.so", "/usr/old/mod_a.so"));
	cr_assert_not(glob_lists_match(both, 2, "a.so", "/usr/new/a.so"));
}

Test(glob, what_is_taken_away_stays_away_in_every_order)
{
	static const char *const lists[][2] = { { "!a*", "a*" },
						{ "a*", "!a*" },
						{ "a*,!a*", "b" } };

	for (size_t i = 0; i < 3; i++)
		cr_assert_not(glob_lists_match(lists[i], 2, "ab", NULL), "%zu", i);
}
