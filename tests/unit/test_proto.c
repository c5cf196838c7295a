/* SPDX-License-Identifier: GPL-2.0-only */
/* Protocol buffers, against bytes worked out by hand from the encoding's description. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/proto.h"

static struct buf b;

static void teardown(void)
{
	buf_done(&b);
}

TestSuite(proto, .fini = teardown);

#define EXPECT(bytes)                                                                              \
	do {                                                                                       \
		cr_assert_eq(b.len, sizeof(bytes) - 1, "%zu bytes", b.len);                        \
		cr_assert_arr_eq(b.data, bytes, sizeof(bytes) - 1);                                \
	} while (0)

Test(proto, small_numbers_take_one_byte)
{
	proto_varint(&b, 0);
	proto_varint(&b, 127);
	EXPECT("\x00\x7f");
}

Test(proto, larger_numbers_come_in_groups_of_seven_bits)
{
	proto_varint(&b, 128);
	proto_varint(&b, 300);
	EXPECT("\x80\x01\xac\x02");
}

Test(proto, the_largest_number_takes_ten_bytes)
{
	proto_varint(&b, UINT64_MAX);
	EXPECT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

Test(proto, a_number_field_has_its_tag)
{
	proto_uint(&b, 1, 150);
	EXPECT("\x08\x96\x01");
}

Test(proto, field_numbers_above_fifteen_take_a_longer_tag)
{
	proto_uint(&b, 16, 1);
	EXPECT("\x80\x01\x01");
}

Test(proto, zero_is_left_out)
{
	proto_uint(&b, 1, 0);
	proto_int(&b, 2, 0);
	proto_packed(&b, 3, NULL, 0);
	cr_assert_eq(b.len, 0);
}

Test(proto, zero_is_written_where_it_differs_from_absence)
{
	proto_present(&b, 8, 0);
	proto_present(&b, 8, 300);
	EXPECT("\x40\x00\x40\xac\x02");
}

Test(proto, a_fixed_number_takes_eight_bytes_with_the_lowest_first)
{
	proto_fixed64(&b, 1, 0x0102030405060708);
	proto_fixed64(&b, 47, 0);
	EXPECT("\x09\x08\x07\x06\x05\x04\x03\x02\x01"
	       "\xf9\x02\x00\x00\x00\x00\x00\x00\x00\x00");
}

Test(proto, a_negative_number_is_its_complement)
{
	proto_int(&b, 1, -2);
	EXPECT("\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

Test(proto, text_has_its_length)
{
	proto_str(&b, 2, "testing");
	EXPECT("\x12\x07testing");
}

Test(proto, an_empty_text_is_written)
{
	proto_str(&b, 6, "");
	EXPECT("\x32\x00");
}

Test(proto, bytes_may_hold_zeros)
{
	proto_bytes(&b, 2, "a\0b", 3);
	EXPECT("\x12\x03"
	       "a\0b");
}

Test(proto, a_message_holds_a_message)
{
	struct buf inner = {};

	proto_uint(&inner, 1, 150);
	proto_message(&b, 3, &inner);
	buf_done(&inner);
	EXPECT("\x1a\x03\x08\x96\x01");
}

Test(proto, an_empty_message_is_written)
{
	struct buf inner = {};

	proto_message(&b, 3, &inner);
	EXPECT("\x1a\x00");
}

Test(proto, a_message_that_lacked_memory_spoils_the_outer_one)
{
	struct buf inner = { .err = -12 };

	proto_message(&b, 3, &inner);
	cr_assert_eq(b.err, -12);
}

Test(proto, packed_numbers_share_one_tag)
{
	proto_packed(&b, 6, (uint64_t[]){ 3, 270, 86942, 0 }, 4);
	EXPECT("\x32\x07\x03\x8e\x02\x9e\xa7\x05\x00");
}

Test(proto, a_long_packed_field_has_a_long_length)
{
	uint64_t ones[200];

	for (int i = 0; i < 200; i++)
		ones[i] = 1;
	proto_packed(&b, 1, ones, 200);
	cr_assert_eq(b.len, 3 + 200);
	cr_assert_arr_eq(b.data, "\x0a\xc8\x01\x01", 4);
}
