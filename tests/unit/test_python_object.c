/* SPDX-License-Identifier: GPL-2.0-only */
/* Strings and code objects of CPython, in a process made of bytes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "python_objects.h"
#include "runtime/python_object.h"

#define STR   (FAKE_BASE + 0x100)
#define BYTES (FAKE_BASE + 0x300)
#define CODE  (FAKE_BASE + 0x500)
#define NAMES (FAKE_BASE + 0x700)
#define NAME  (FAKE_BASE + 0x1000)
#define FILE_ (FAKE_BASE + 0x1400)
#define TABLE (FAKE_BASE + 0x1800)
#define OBJ   (FAKE_BASE + 0x2000)

static struct fake_process *process(void)
{
	static struct fake_process f;
	static const char names[] = "str\0\0\0\0\0bytes\0\0\0code";

	fake_init(&f);
	fake_bytes(&f, NAMES, names, sizeof(names));
	fake_word(&f, STR + 24, NAMES);
	fake_word(&f, BYTES + 24, NAMES + 8);
	fake_word(&f, CODE + 24, NAMES + 16);
	return &f;
}

/* kind: bytes a character, 0: ASCII */
static void put_string(struct fake_process *f, const struct python_layout *l, uint64_t at,
		       uint32_t kind, const void *data, uint64_t length)
{
	uint64_t state = 1 << 5 | (kind ? kind : 1) << 2 | (kind ? 0 : 1 << 6);

	fake_word(f, at + 8, STR);
	fake_word(f, at + 16, length);
	fake_word(f, at + 32, state);
	fake_bytes(f, at + (kind ? l->str_compact : l->str_ascii), data,
		   length * (kind ? kind : 1));
}

static void expect_string(uint32_t minor, uint32_t kind, const void *data, uint64_t length,
			  const char *want)
{
	const struct python_layout *l = python_layout_of(minor);
	struct fake_process *f = process();
	struct python_types types = {};
	char *got = NULL;

	put_string(f, l, OBJ, kind, data, length);
	cr_assert_eq(python_string(&f->memory, l, &types, OBJ, &got), 0);
	cr_expect_str_eq(got, want);
	free(got);
}

Test(python_object, reads_strings_of_every_width)
{
	for (uint32_t minor = 8; minor <= 12; minor++) {
		expect_string(minor, 0, "Class.method", 12, "Class.method");
		expect_string(minor, 1, "prix_\xe9", 6, "prix_é");
		expect_string(minor, 2, u"价格", 2, "价格");
		expect_string(minor, 4, U"x\U0001f600", 2, "x😀");
		expect_string(minor, 0, "", 0, "");
	}
}

Test(python_object, replaces_what_is_no_text)
{
	expect_string(11, 0, "a\nb\x7f", 4, "a?b?");
	expect_string(11, 2, (uint16_t[]){ 0xd800, 'a' }, 2,
		      "\xef\xbf\xbd"
		      "a");
	expect_string(11, 4, (uint32_t[]){ 0xffffffff }, 1, "\xef\xbf\xbd");
}

Test(python_object, refuses_what_is_no_string)
{
	const struct python_layout *l = python_layout_of(11);
	struct fake_process *f = process();
	struct python_types types = {};
	char *got = NULL;

	cr_expect_eq(python_string(&f->memory, l, &types, OBJ, &got), -EINVAL, "no type");
	put_string(f, l, OBJ, 0, "abc", 3);
	fake_word(f, OBJ + 8, BYTES);
	cr_expect_eq(python_string(&f->memory, l, &types, OBJ, &got), -EINVAL, "another type");
	put_string(f, l, OBJ, 0, "abc", 3);
	fake_word(f, OBJ + 32, 3 << 2 | 1 << 5);
	cr_expect_eq(python_string(&f->memory, l, &types, OBJ, &got), -EINVAL, "width 3");
	fake_word(f, OBJ + 32, 1 << 2);
	cr_expect_eq(python_string(&f->memory, l, &types, OBJ, &got), -EINVAL, "not compact");
	put_string(f, l, OBJ, 0, "abc", 3);
	fake_word(f, OBJ + 16, UINT64_MAX);
	cr_expect_eq(python_string(&f->memory, l, &types, OBJ, &got), -EINVAL, "negative length");
	cr_expect_eq(python_string(&f->memory, l, &types, 0, &got), -EINVAL);
	cr_expect_eq(python_string(&f->memory, l, &types, UINT64_MAX - 3, &got), -EINVAL);
	cr_expect_null(got);
}

Test(python_object, cuts_long_strings)
{
	const struct python_layout *l = python_layout_of(11);
	struct fake_process *f = process();
	struct python_types types = {};
	char *got = NULL;

	put_string(f, l, OBJ, 0, "abc", 3);
	fake_word(f, OBJ + 16, 1 << 30);
	cr_assert_eq(python_string(&f->memory, l, &types, OBJ, &got), 0);
	cr_expect_eq(strnlen(got, 5000), 1024);
	free(got);
}

static void put_code(struct fake_process *f, const struct python_layout *l)
{
	put_string(f, l, NAME, 0, "Shop.price", 10);
	put_string(f, l, FILE_, 0, "/srv/shop.py", 12);
	fake_word(f, TABLE + 8, BYTES);
	fake_word(f, TABLE + l->bytes_size, 4);
	fake_bytes(f, TABLE + l->bytes_data, "\x01\x02\x03\x04", 4);
	fake_word(f, OBJ + 8, CODE);
	fake_word(f, OBJ + l->code_line, 42);
	fake_word(f, OBJ + l->code_name, NAME);
	fake_word(f, OBJ + l->code_file, FILE_);
	fake_word(f, OBJ + l->code_table, TABLE);
	if (l->code_qualname)
		fake_word(f, OBJ + l->code_qualname, NAME);
}

Test(python_object, reads_code_objects_of_each_version)
{
	for (uint32_t minor = 8; minor <= 12; minor++) {
		const struct python_layout *l = python_layout_of(minor);
		struct python_types types = { .code = CODE };
		struct fake_process *f = process();
		struct python_code c;

		put_code(f, l);
		cr_assert_eq(python_code_read(&f->memory, l, &types, OBJ, &c), 0, "3.%u", minor);
		cr_expect_str_eq(c.name, "Shop.price");
		cr_expect_str_eq(c.file, "/srv/shop.py");
		cr_expect(c.line == 42 && c.table_size == 4 && !c.hidden);
		cr_expect_eq(memcmp(c.table, "\x01\x02\x03\x04", 4), 0);
		python_code_done(&c);
	}
}

Test(python_object, has_another_check_for_other_code_at_the_same_address)
{
	const struct python_layout *l = python_layout_of(11);
	struct python_types types = { .code = CODE };
	struct fake_process *f = process();
	struct python_code a, b;

	put_code(f, l);
	cr_assert_eq(python_code_read(&f->memory, l, &types, OBJ, &a), 0);
	fake_word(f, OBJ + l->code_line, 43);
	cr_assert_eq(python_code_read(&f->memory, l, &types, OBJ, &b), 0);
	cr_expect_neq(a.check, b.check);
	python_code_done(&a);
	python_code_done(&b);
}

Test(python_object, gives_no_name_where_there_is_no_code_object)
{
	const struct python_layout *l = python_layout_of(11);
	struct python_types types = { .code = CODE };
	struct fake_process *f = process();
	struct python_code c;

	put_code(f, l);
	fake_word(f, OBJ + 8, STR);
	cr_expect_eq(python_code_read(&f->memory, l, &types, OBJ, &c), -EINVAL, "another type");
	put_code(f, l);
	fake_word(f, OBJ + l->code_qualname, TABLE);
	cr_expect_eq(python_code_read(&f->memory, l, &types, OBJ, &c), -EINVAL, "no string");
	cr_expect_eq(python_code_read(&f->memory, l, &types, 8, &c), -EFAULT);
}

Test(python_object, does_without_a_table_that_is_too_large)
{
	const struct python_layout *l = python_layout_of(11);
	struct python_types types = { .code = CODE };
	struct fake_process *f = process();
	struct python_code c;

	put_code(f, l);
	fake_word(f, TABLE + l->bytes_size, UINT64_MAX);
	cr_assert_eq(python_code_read(&f->memory, l, &types, OBJ, &c), 0);
	cr_expect(!c.table && !c.table_size);
	python_code_done(&c);
}
