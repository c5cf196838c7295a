/* SPDX-License-Identifier: GPL-2.0-only */
/* Text from outside, made fit to be shown. */
#pragma once

struct buf;

/*
 * Appends s (NULL is nothing) as valid UTF-8 on one line: what is cut, malformed or not printable
 * becomes '?'.
 */
void text_clean(struct buf *b, const char *s);
