/* SPDX-License-Identifier: GPL-2.0-only */
/* Text set in columns for a terminal. */
#pragma once

#include <stddef.h>

struct buf;

#define WRAP_WIDTH 80

/*
 * Appends text broken at blanks so that no line reaches WRAP_WIDTH columns, and ends the last
 * line. The first line goes on at `column`; the others are indented by `indent`. A word that is
 * too long for a line keeps its own. Columns are counted in characters of UTF-8.
 */
void wrap_text(struct buf *b, const char *text, size_t column, size_t indent);
/* Columns that text takes. */
size_t wrap_columns(const char *text, size_t len);
