/* SPDX-License-Identifier: GPL-2.0-only */
/* The hash table, and what is built on it and on growing arrays: interned strings. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/strpool.h"
#include "lib/table.h"
#include "lib/vec.h"

Test(table, an_empty_one_finds_nothing)
{
	struct table t = {};

	cr_assert_eq(table_find(&t, "a", 1), TABLE_NONE);
	table_done(&t);
}

Test(table, every_key_is_found_again_after_it_has_grown)
{
	struct table t = {};

	for (uint32_t i = 0; i < 20000; i++)
		cr_assert_eq(table_add(&t, &i, sizeof(i), i * 3), 0);
	cr_assert_eq(t.n, 20000);
	for (uint32_t i = 0; i < 20000; i++)
		cr_assert_eq(table_find(&t, &i, sizeof(i)), i * 3);
	for (uint32_t i = 20000; i < 40000; i++)
		cr_assert_eq(table_find(&t, &i, sizeof(i)), TABLE_NONE);
	table_done(&t);
}

Test(table, a_key_that_is_there_already_keeps_its_value)
{
	struct table t = {};

	cr_assert_eq(table_add(&t, "key", 3, 1), 0);
	cr_assert_eq(table_add(&t, "key", 3, 2), -EEXIST);
	cr_assert_eq(table_find(&t, "key", 3), 1);
	cr_assert_eq(t.n, 1);
	table_done(&t);
}

Test(table, keys_differ_by_length_and_by_zero_bytes)
{
	struct table t = {};

	cr_assert_eq(table_add(&t, "", 0, 1), 0);
	cr_assert_eq(table_add(&t, "\0", 1, 2), 0);
	cr_assert_eq(table_add(&t, "\0\0", 2, 3), 0);
	cr_assert_eq(table_find(&t, "", 0), 1);
	cr_assert_eq(table_find(&t, "\0", 1), 2);
	cr_assert_eq(table_find(&t, "\0\0", 2), 3);
	table_done(&t);
}

Test(table, keys_are_copied)
{
	struct table t = {};
	char key[] = "before";

	table_add(&t, key, sizeof(key), 7);
	memcpy(key, "after!", sizeof(key));
	cr_assert_eq(table_find(&t, "before", sizeof("before")), 7);
	cr_assert_eq(table_find(&t, key, sizeof(key)), TABLE_NONE);
	table_done(&t);
}

Test(strpool, equal_text_has_equal_address)
{
	struct strpool p = {};
	char a[] = "name", b[] = "name";
	const char *first = strpool_add(&p, a);

	cr_assert_str_eq(first, "name");
	cr_assert_neq(first, a);
	cr_assert_eq(strpool_add(&p, b), first);
	cr_assert_neq(strpool_add(&p, "other"), first);
	strpool_done(&p);
}

Test(strpool, addresses_hold_while_it_grows)
{
	static const char *seen[5000];
	struct strpool p = {};
	char text[16];

	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "s%d", i);
		seen[i] = strpool_add(&p, text);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "s%d", i);
		cr_assert_eq(strpool_add(&p, text), seen[i]);
		cr_assert_str_eq(seen[i], text);
	}
	strpool_done(&p);
}

Test(strpool, nothing_stays_nothing_and_empty_is_a_text)
{
	struct strpool p = {};

	cr_assert_null(strpool_add(&p, NULL));
	cr_assert_str_eq(strpool_add(&p, ""), "");
	strpool_done(&p);
}

Test(vec, elements_keep_their_order_over_growth)
{
	VEC(int) v = {};
	int sum = 0;

	for (int i = 0; i < 1000; i++)
		cr_assert_eq(vec_push(&v, i), 0);
	cr_assert_eq(v.n, 1000);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(v.v[i], i);
	vec_foreach (it, &v)
		sum += *it;
	cr_assert_eq(sum, 499500);
	vec_done(&v);
	cr_assert_null(v.v);
	cr_assert_eq(v.n, 0);
	vec_done(&v);
}
