/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text that came from a target, made fit for a terminal, a line-based file or JSON: what comes
 * out is valid UTF-8 on one line without control characters.
 */
#include "lib/text.h"

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

/*
 * Decodes one well-formed UTF-8 sequence of the NUL-terminated text at s: its length, or 0. The
 * NUL is no continuation byte, so that nothing behind it is read.
 */
static size_t utf8_decode(const unsigned char *s, uint32_t *ret)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t len;

	if (s[0] < 0x80) {
		*ret = s[0];
		return 1;
	}
	len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	code = s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < smallest[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret = code;
	return len;
}

/* Line separators and what turns the direction of text break or fake the lines of a report. */
static bool is_printable(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return false;
	if (code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e))
		return false;
	if ((code >= 0x2066 && code <= 0x2069) || code == 0x061c || code == 0xfeff)
		return false;
	return (code & 0xfffe) != 0xfffe;
}

void text_clean(struct buf *b, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	while (p && *p) {
		uint32_t code = 0;
		size_t len = utf8_decode(p, &code);

		if (len && is_printable(code))
			buf_add(b, p, len);
		else
			buf_add_char(b, '?');
		p += len ? len : 1;
	}
}
