/* SPDX-License-Identifier: GPL-2.0-only */
/* Ends of lines in the sources of scripts. */
#include "runtime/v8_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/table.h"
#include "lib/vec.h"

#define SOURCE_MAX (64U << 20) /* characters that are looked through */
#define ENDS_MAX   (4U << 20)  /* lines of all scripts that are kept */
#define BLOCK      16384       /* bytes read at a time */

/* Other line terminators than LF and CR. */
#define LINE_SEPARATOR      0x2028
#define PARAGRAPH_SEPARATOR 0x2029

struct source {
	uint32_t first, n; /* in `ends` */
};

struct v8_lines {
	VEC(uint32_t) ends; /* offsets just behind the end of each line */
	VEC(struct source) sources;
	struct table index;
};

int v8_lines_new(struct v8_lines **ret)
{
	struct v8_lines *lines = calloc(1, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	*ret = lines;
	return 0;
}

static void forget(struct v8_lines *lines)
{
	vec_done(&lines->ends);
	vec_done(&lines->sources);
	table_done(&lines->index);
}

void v8_lines_free(struct v8_lines *lines)
{
	if (!lines)
		return;
	forget(lines);
	free(lines);
}

/* Reading on, over the borders of blocks. */
struct scan {
	uint32_t at;  /* character */
	bool carried; /* the last character was a CR */
};

static int see_character(struct v8_lines *lines, struct scan *s, uint32_t c)
{
	int err = 0;

	/* A CR ends a line unless it is the first half of CR LF. */
	if (s->carried && c != '\n')
		err = vec_push(&lines->ends, s->at);
	s->carried = c == '\r';
	s->at++;
	if (c == '\n' || c == LINE_SEPARATOR || c == PARAGRAPH_SEPARATOR)
		err = err ? err : vec_push(&lines->ends, s->at);
	return err;
}

static int scan_text(struct v8_lines *lines, const struct v8_heap *h, const struct v8_text *t)
{
	size_t left = (size_t)t->length << t->two_bytes;
	struct scan s = {};
	uint64_t addr = t->addr;
	union {
		uint8_t one[BLOCK];
		uint16_t two[BLOCK / 2];
	} block;

	while (left) {
		size_t n = left < sizeof(block) ? left : sizeof(block);
		int err = h->read(h->arg, addr, &block, n);

		for (size_t i = 0; !err && i < n >> t->two_bytes; i++)
			err = see_character(lines, &s, t->two_bytes ? block.two[i] : block.one[i]);
		if (err)
			return err;
		addr += n;
		left -= n;
	}
	return s.carried ? vec_push(&lines->ends, s.at) : 0;
}

/* The lines of a script, looked for when it is new. */
static bool source_of(struct v8_lines *lines, const struct v8_heap *h, uint64_t script,
		      struct source *ret)
{
	struct {
		uint64_t addr;
		uint32_t length, two_bytes;
		int32_t id, zero;
	} key = {};
	uint64_t string;
	struct v8_text t;
	uint32_t i;

	if (!v8_field(h, script, h->layout->script_source, &string) || !v8_text_of(h, string, &t) ||
	    t.length > SOURCE_MAX || !v8_small_field(h, script, h->layout->script_id, &key.id))
		return false;
	key.addr = t.addr;
	key.length = t.length;
	key.two_bytes = t.two_bytes;
	i = table_find(&lines->index, &key, sizeof(key));
	if (i == TABLE_NONE) {
		struct source source;

		if (lines->ends.n > ENDS_MAX)
			forget(lines);
		source.first = (uint32_t)lines->ends.n;
		i = (uint32_t)lines->sources.n;
		if (scan_text(lines, h, &t)) {
			lines->ends.n = source.first;
			return false;
		}
		source.n = (uint32_t)lines->ends.n - source.first;
		if (vec_push(&lines->sources, source) ||
		    table_add(&lines->index, &key, sizeof(key), i))
			return false;
	}
	*ret = lines->sources.v[i];
	return true;
}

uint32_t v8_line(struct v8_lines *lines, const struct v8_heap *h, uint64_t script, int32_t offset)
{
	struct source source;
	uint32_t low = 0, high;
	int32_t before;

	if (offset < 0 || v8_type(h, script) != h->layout->type_script ||
	    !v8_small_field(h, script, h->layout->script_line_offset, &before) || before < 0 ||
	    !source_of(lines, h, script, &source))
		return 0;
	high = source.n;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (lines->ends.v[source.first + mid] <= (uint32_t)offset)
			low = mid + 1;
		else
			high = mid;
	}
	return (uint32_t)before + low + 1;
}
