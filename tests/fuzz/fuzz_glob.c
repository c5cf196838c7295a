/* SPDX-License-Identifier: GPL-2.0-only */
/* Fuzzes globs and lists: input is "GLOB\nTEXT". A glob made literal must match itself. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* text with a backslash before each byte: it matches the text alone. */
static char *escape(const char *text)
{
	char *out = malloc(2 * strlen(text) + 1), *p = out;

	for (; out && *text; text++) {
		*p++ = '\\';
		*p++ = *text;
	}
	if (out)
		*p = '\0';
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *glob = strndup((const char *)data, size), *text, *same;

	if (!glob)
		return 0;
	text = strchr(glob, '\n');
	if (text)
		*text++ = '\0';
	else
		text = glob + strlen(glob);
	same = escape(text);
	if (!same || !glob_match(same, text) || !glob_match("*", text))
		abort();
	if (glob_is_literal(glob) && glob_match(glob, text) != !strcmp(glob, text))
		abort();
	glob_match(glob, text);
	glob_list_match(glob, text);
	if (glob_element(glob, strlen(glob)) > strlen(glob) ||
	    glob_index(glob, strlen(glob), ':') > strlen(glob))
		abort();
	free(same);
	free(glob);
	return 0;
}
