/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A growing byte buffer for text and binary output. The contents are always followed by a NUL
 * that `len` does not count, so `data` is a string once something was appended. Appending
 * after an allocation failed does nothing; look at `err` once, at the end.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* owned; NULL while nothing was appended */
	size_t len, cap;
	int err; /* 0 or -ENOMEM */
};

void buf_done(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory, drops contents and error */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list args);
/* The contents as a string; "" for an empty buffer. Valid until the next change. */
const char *buf_str(const struct buf *b);
