/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes protocol buffers. */
#include "lib/proto.h"

#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LEN = 2 };

void proto_varint(struct buf *b, uint64_t value)
{
	char bytes[10];
	size_t n = 0;

	for (; value > 0x7f; value >>= 7)
		bytes[n++] = (char)(0x80 | (value & 0x7f));
	bytes[n++] = (char)value;
	buf_add(b, bytes, n);
}

static void tag(struct buf *b, uint32_t field, enum wire_type type)
{
	proto_varint(b, (uint64_t)field << 3 | type);
}

void proto_uint(struct buf *b, uint32_t field, uint64_t value)
{
	if (value)
		proto_present(b, field, value);
}

void proto_present(struct buf *b, uint32_t field, uint64_t value)
{
	tag(b, field, WIRE_VARINT);
	proto_varint(b, value);
}

void proto_fixed64(struct buf *b, uint32_t field, uint64_t value)
{
	char bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(value >> 8 * i);
	tag(b, field, WIRE_FIXED64);
	buf_add(b, bytes, sizeof(bytes));
}

void proto_int(struct buf *b, uint32_t field, int64_t value)
{
	proto_uint(b, field, (uint64_t)value);
}

void proto_bytes(struct buf *b, uint32_t field, const void *data, size_t len)
{
	tag(b, field, WIRE_LEN);
	proto_varint(b, len);
	buf_add(b, data, len);
}

void proto_str(struct buf *b, uint32_t field, const char *s)
{
	proto_bytes(b, field, s, strlen(s));
}

void proto_message(struct buf *b, uint32_t field, const struct buf *message)
{
	if (message->err)
		b->err = message->err;
	proto_bytes(b, field, message->data, message->len);
}

static size_t varint_size(uint64_t value)
{
	size_t n = 1;

	for (; value > 0x7f; value >>= 7)
		n++;
	return n;
}

void proto_packed(struct buf *b, uint32_t field, const uint64_t *values, size_t n)
{
	size_t len = 0;

	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		len += varint_size(values[i]);
	tag(b, field, WIRE_LEN);
	proto_varint(b, len);
	for (size_t i = 0; i < n; i++)
		proto_varint(b, values[i]);
}
