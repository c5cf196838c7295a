/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes protocol buffers (protobuf.dev, "Encoding"): each call appends one field to a message
 * under construction in a buffer. Fields of value 0 and empty ones are left out where the
 * format reads their absence as that value (proto_uint, proto_int, proto_packed).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

void proto_varint(struct buf *b, uint64_t value);
void proto_uint(struct buf *b, uint32_t field, uint64_t value);
void proto_int(struct buf *b, uint32_t field, int64_t value); /* int64, not sint64 */
/* Written even when 0: for fields that tell 0 from absence. */
void proto_present(struct buf *b, uint32_t field, uint64_t value);
void proto_fixed64(struct buf *b, uint32_t field, uint64_t value); /* written even when 0 */
/* Written even when empty: an entry of a repeated field counts. */
void proto_bytes(struct buf *b, uint32_t field, const void *data, size_t len);
void proto_str(struct buf *b, uint32_t field, const char *s);
void proto_message(struct buf *b, uint32_t field, const struct buf *message);
/* A packed repeated field of uint64 or int64. */
void proto_packed(struct buf *b, uint32_t field, const uint64_t *values, size_t n);
