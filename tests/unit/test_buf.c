/* SPDX-License-Identifier: GPL-2.0-only */
/* The growing byte buffer. */
#include <criterion/criterion.h>

#include "lib/buf.h"

Test(buf, an_empty_one_reads_as_an_empty_string)
{
	struct buf b = {};

	cr_assert_str_eq(buf_str(&b), "");
	cr_assert_eq(b.len, 0);
	buf_done(&b);
}

Test(buf, what_is_appended_stands_in_order)
{
	struct buf b = {};

	buf_add_str(&b, "ab");
	buf_add_char(&b, 'c');
	buf_printf(&b, "%d-%s", 42, "x");
	buf_add(&b, "yz", 1);
	cr_assert_str_eq(buf_str(&b), "abc42-xy");
	cr_assert_eq(b.len, 8);
	cr_assert_eq(b.err, 0);
	buf_done(&b);
}

Test(buf, it_grows_over_many_doublings_and_stays_terminated)
{
	struct buf b = {};

	for (int i = 0; i < 100000; i++) {
		buf_printf(&b, "%d,", i % 10);
		cr_assert_eq(b.data[b.len], '\0');
	}
	cr_assert_eq(b.len, 200000);
	cr_assert_eq(b.data[199998], '9');
	buf_done(&b);
}

Test(buf, one_text_longer_than_its_room_fits)
{
	static char text[5000];
	struct buf b = {};

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 26);
	buf_printf(&b, "<%s>", text);
	cr_assert_eq(b.len, sizeof(text) + 1);
	cr_assert_eq(b.data[b.len - 1], '>');
	buf_done(&b);
}

Test(buf, zero_bytes_are_content)
{
	struct buf b = {};

	buf_add(&b, "a\0b", 3);
	cr_assert_eq(b.len, 3);
	cr_assert_arr_eq(b.data, "a\0b", 4);
	buf_done(&b);
}

Test(buf, clearing_keeps_the_memory_and_drops_the_error)
{
	struct buf b = {};

	buf_add_str(&b, "text");
	b.err = -12;
	buf_add_str(&b, "ignored");
	cr_assert_eq(b.len, 4, "after an error nothing is appended");
	buf_clear(&b);
	cr_assert_eq(b.err, 0);
	cr_assert_str_eq(buf_str(&b), "");
	cr_assert_gt(b.cap, 0);
	buf_add_str(&b, "new");
	cr_assert_str_eq(buf_str(&b), "new");
	buf_done(&b);
	cr_assert_null(b.data);
}
