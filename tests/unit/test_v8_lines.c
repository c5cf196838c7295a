/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of scripts. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/cleanup.h"
#include "runtime/v8_lines.h"
#include "v8_objects.h"

static struct v8_objects o;
static struct v8_lines *lines;

static void begin(void)
{
	v8_objects_begin(&o, V8_VERSION(11, 3));
	cr_assert_eq(v8_lines_new(&lines), 0);
}

static void end(void)
{
	v8_lines_free(lines);
}

Test(v8_lines, counts_ends_of_lines_of_all_kinds, .init = begin, .fini = end)
{
	uint64_t script = v8_script(&o, "a.js", "a\nb\r\nc\rd");
	static const uint32_t want[] = { 1, 1, 2, 2, 2, 3, 3, 4 };

	for (int i = 0; i < 8; i++)
		cr_expect_eq(v8_line(lines, &o.heap, script, i), want[i], "character %d", i);
	cr_expect_eq(v8_line(lines, &o.heap, script, -1), 0);
}

Test(v8_lines, knows_the_line_ends_of_unicode, .init = begin, .fini = end)
{
	static const uint16_t text[] = { 'a', 0x2028, 'b', 0x2029, 'c' };
	uint64_t script = v8_script(&o, "a.js", "");

	v8_set(&o, script, o.layout.script_source, v8_two_bytes(&o, text, 5));
	cr_expect_eq(v8_line(lines, &o.heap, script, 1), 1);
	cr_expect_eq(v8_line(lines, &o.heap, script, 2), 2);
	cr_expect_eq(v8_line(lines, &o.heap, script, 4), 3);
}

Test(v8_lines, counts_over_the_borders_of_what_is_read_at_once, .init = begin, .fini = end)
{
	char text[40000];
	uint64_t script;

	memset(text, 'x', sizeof(text));
	text[16383] = '\r';
	text[16384] = '\n';
	text[32767] = '\n';
	text[sizeof(text) - 1] = '\0';
	script = v8_script(&o, "a.js", text);
	cr_expect_eq(v8_line(lines, &o.heap, script, 16384), 1);
	cr_expect_eq(v8_line(lines, &o.heap, script, 16385), 2);
	cr_expect_eq(v8_line(lines, &o.heap, script, 39000), 3);
}

Test(v8_lines, begins_where_the_script_begins_in_its_file, .init = begin, .fini = end)
{
	uint64_t script = v8_script(&o, "a.js", "a\nb");

	v8_set(&o, script, o.layout.script_line_offset, v8_number(10));
	cr_expect_eq(v8_line(lines, &o.heap, script, 2), 12);
}

Test(v8_lines, are_not_taken_for_those_of_another_script, .init = begin, .fini = end)
{
	uint64_t script = v8_script(&o, "a.js", "a\nb");

	cr_expect_eq(v8_line(lines, &o.heap, script, 2), 2);
	v8_set(&o, script, o.layout.script_source, v8_one_byte(&o, "\n\nb"));
	v8_set(&o, script, o.layout.script_id, v8_number(8));
	cr_expect_eq(v8_line(lines, &o.heap, script, 2), 3);
	cr_expect_eq(v8_line(lines, &o.heap, v8_one_byte(&o, "x"), 0), 0);
}
