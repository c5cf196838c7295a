/* SPDX-License-Identifier: GPL-2.0-only */
/* Text set in columns for a terminal. */
#include "lib/wrap.h"

#include <string.h>

#include "lib/buf.h"

size_t wrap_columns(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

void wrap_text(struct buf *b, const char *text, size_t column, size_t indent)
{
	const char *blank = "";

	text += strspn(text, " ");
	while (*text) {
		size_t len = strcspn(text, " "), columns = wrap_columns(text, len);

		if (*blank && column + 1 + columns >= WRAP_WIDTH) {
			buf_printf(b, "\n%*s", (int)indent, "");
			column = indent;
			blank = "";
		}
		buf_add_str(b, blank);
		buf_add(b, text, len);
		column += columns + (*blank ? 1 : 0);
		blank = " ";
		text += len + strspn(text + len, " ");
	}
	buf_add_char(b, '\n');
}
