/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects of a V8 heap, and strings of all kinds. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "v8_objects.h"

static struct v8_objects o;

static void begin(void)
{
	v8_objects_begin(&o, V8_VERSION(11, 3));
}

static void expect(uint64_t string, const char *want)
{
	_cleanup_free_ char *s = v8_string(&o.heap, string);

	if (!want)
		cr_expect_null(s, "%s", s);
	else
		cr_expect(s && !strcmp(s, want), "%s, should be %s", s ? s : "(null)", want);
}

Test(v8_heap, reads_strings_of_bytes_as_latin_1, .init = begin)
{
	expect(v8_one_byte(&o, "plain"), "plain");
	expect(v8_one_byte(&o, ""), "");
	expect(v8_one_byte(&o, "sch\xf6n"), "sch\xc3\xb6n");
	expect(v8_one_byte(&o, "a\nb\tc\x7f"), "a b c ");
}

Test(v8_heap, reads_strings_of_two_bytes_as_utf_16, .init = begin)
{
	static const uint16_t whole[] = { 'a', 0x20ac, 0xd83d, 0xde00 };
	static const uint16_t halves[] = { 0xd83d, 'a', 0xde00 };

	expect(v8_two_bytes(&o, whole, 4), "a\xe2\x82\xac\xf0\x9f\x98\x80");
	expect(v8_two_bytes(&o, halves, 3), "\xef\xbf\xbd"
					    "a\xef\xbf\xbd");
}

Test(v8_heap, puts_concatenated_strings_together, .init = begin)
{
	uint64_t ab = v8_cons(&o, v8_one_byte(&o, "a"), v8_one_byte(&o, "b"), 2);
	uint64_t cd = v8_cons(&o, v8_one_byte(&o, "c"), v8_one_byte(&o, "d"), 2);

	expect(v8_cons(&o, ab, cd, 4), "abcd");
	expect(v8_cons(&o, ab, v8_one_byte(&o, ""), 2), "ab");
}

Test(v8_heap, follows_slices_and_strings_that_moved, .init = begin)
{
	uint64_t text = v8_one_byte(&o, "0123456789"), slice = v8_object(&o, V8_SLICED, 32);
	uint64_t thin = v8_object(&o, V8_THIN, 24);
	uint32_t length = 4;

	v8_set_bytes(&o, slice, 12, &length, sizeof(length));
	v8_set(&o, slice, 16, text);
	v8_set(&o, slice, 24, v8_number(3));
	expect(slice, "3456");
	v8_set_bytes(&o, thin, 12, &length, sizeof(length));
	v8_set(&o, thin, 16, slice);
	expect(thin, "3456");
	v8_set(&o, slice, 24, v8_number(8));
	expect(slice, NULL);
}

Test(v8_heap, reads_external_strings_that_keep_their_address, .init = begin)
{
	uint64_t text = v8_one_byte(&o, "outside"), string = v8_object(&o, V8_EXTERNAL, 32);
	uint32_t length = 7;

	v8_set_bytes(&o, string, 12, &length, sizeof(length));
	v8_set(&o, string, 24, text - 1 + 16);
	expect(string, "outside");
	string = v8_object(&o, V8_UNCACHED, 32);
	v8_set_bytes(&o, string, 12, &length, sizeof(length));
	v8_set(&o, string, 24, text - 1 + 16);
	expect(string, NULL);
}

Test(v8_heap, cuts_long_strings, .init = begin)
{
	char text[2000];
	char *s;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	s = v8_string(&o.heap, v8_one_byte(&o, text));
	cr_assert_not_null(s);
	cr_expect_eq(strlen(s), V8_NAME_MAX);
	free(s);
}

Test(v8_heap, survives_strings_without_end, .init = begin)
{
	uint64_t a = v8_cons(&o, 0, 0, 100), b = v8_cons(&o, a, a, 100), text;
	uint32_t huge = 1U << 29;

	v8_set(&o, a, 16, b);
	v8_set(&o, a, 24, b);
	expect(a, NULL);
	v8_set(&o, a, 16, a);
	v8_set(&o, a, 24, v8_one_byte(&o, ""));
	expect(a, NULL);
	text = v8_one_byte(&o, "short");
	v8_set_bytes(&o, text, 12, &huge, sizeof(huge));
	o.used = V8_BYTES;
	v8_set_bytes(&o, V8_BASE + V8_BYTES - 15, 0, "x", 1);
	expect(v8_number(5), NULL);
	expect(V8_BASE + V8_BYTES + 1, NULL);
}

Test(v8_heap, takes_no_other_object_for_a_string_or_an_array, .init = begin)
{
	uint64_t word, text = v8_one_byte(&o, "abc");
	uint64_t array = v8_array(&o, V8_ARRAY, (const uint64_t[]){ v8_number(1), text }, 2);

	expect(array, NULL);
	cr_expect_not(v8_element(&o.heap, text, 0, &word));
	cr_expect(v8_element(&o.heap, array, 1, &word));
	cr_expect_eq(word, text);
	cr_expect_not(v8_element(&o.heap, array, 2, &word));
	cr_expect_not(v8_element(&o.heap, array, -1, &word));
}

Test(v8_heap, makes_weak_references_strong, .init = begin)
{
	uint64_t word, text = v8_one_byte(&o, "abc");
	uint64_t array = v8_array(&o, V8_WEAK_ARRAY, (const uint64_t[]){ text | 2 }, 1);

	cr_expect(v8_element(&o.heap, array, 0, &word));
	cr_expect_eq(word, text);
}
