/* SPDX-License-Identifier: GPL-2.0-only */
/* Go's table of functions, made by hand for each version. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "elf_image.h"
#include "go_program.h"
#include "sym/gopclntab.h"
#include "sym/symbols.h"

#define GO_1_16 0xfffffffau
#define GO_1_18 0xfffffff0u
#define GO_1_20 0xfffffff1u

/* A table under construction. */
struct maker {
	uint32_t magic;
	uint64_t text;
	struct buf names, functions, records;
	uint64_t n;
	uint64_t room; /* bytes of `functions` when all are there */
};

static void add_number(struct buf *b, uint64_t v, size_t size)
{
	buf_add(b, &v, size);
}

static bool is_wide(const struct maker *m)
{
	return m->magic == GO_1_16;
}

/* The end of the last function is an entry without a record. */
static void make_start(struct maker *m, uint32_t magic, uint64_t text, uint64_t n)
{
	*m = (struct maker){ .magic = magic, .text = text };
	m->room = is_wide(m) ? n * 16 + 8 : n * 8 + 4;
	buf_add(&m->names, "", 1);
}

static void make_function(struct maker *m, uint64_t at, const char *name)
{
	size_t width = is_wide(m) ? 8 : 4;
	uint64_t entry = is_wide(m) ? m->text + at : at;

	add_number(&m->functions, entry, width);
	add_number(&m->functions, m->room + m->records.len, width);
	add_number(&m->records, entry, width);
	add_number(&m->records, m->names.len, 4);
	buf_add(&m->names, name, strlen(name) + 1);
	m->n++;
}

static void make_end(struct maker *m, uint64_t at, uint64_t head_text, struct buf *out)
{
	uint64_t names = is_wide(m) ? 64 : 72;
	uint64_t functions = (names + m->names.len + 7) & ~7ull;

	add_number(&m->functions, is_wide(m) ? m->text + at : at, is_wide(m) ? 8 : 4);
	cr_assert_eq(m->functions.len, m->room);
	add_number(out, m->magic | 0x0801ull << 48, 8);
	add_number(out, m->n, 8);
	add_number(out, 1, 8); /* files */
	if (!is_wide(m))
		add_number(out, head_text, 8);
	add_number(out, names, 8);
	for (int i = 0; i < 3; i++) /* units, files, lines: empty */
		add_number(out, names + m->names.len, 8);
	add_number(out, functions, 8);
	buf_add(out, m->names.data, m->names.len);
	while (out->len < functions)
		buf_add_char(out, 0);
	buf_add(out, m->functions.data, m->functions.len);
	buf_add(out, m->records.data, m->records.len);
	buf_done(&m->names);
	buf_done(&m->functions);
	buf_done(&m->records);
}

/* Three functions from IMAGE_TEXT on: at 0, 0x20 and 0x60, the last of 0x10 bytes. */
static void make_shop(uint32_t magic, uint64_t head_text, struct buf *out)
{
	struct maker m;

	make_start(&m, magic, IMAGE_TEXT, 3);
	make_function(&m, 0, "main.main");
	make_function(&m, 0x20, "main.(*shop).sell");
	make_function(&m, 0x60, "main.double[...]");
	make_end(&m, 0x70, head_text, out);
}

struct seen {
	struct buf text;
	uint64_t n, last;
	const struct gopclntab *table;
};

static int see(const struct go_function *f, void *arg)
{
	const struct gopclntab *t = ((struct seen *)arg)->table;
	struct seen *s = arg;

	cr_assert(f->size && f->addr >= s->last);
	cr_assert((const uint8_t *)f->name >= t->data &&
		  (const uint8_t *)f->name + f->name_len < t->data + t->size);
	cr_assert_eq(strlen(f->name), f->name_len);
	buf_printf(&s->text, "%s %lx+%lx;", f->name, f->addr, f->size);
	s->last = f->addr;
	s->n++;
	return 0;
}

/* What a table says, or NULL when its head is refused. */
static char *listing(struct buf *table)
{
	struct gopclntab t;
	struct seen s = { .table = &t };

	if (table->len < GOPCLNTAB_HEAD || gopclntab_parse((uint8_t *)table->data, table->len, &t))
		return NULL;
	cr_assert_eq(gopclntab_each(&t, see, &s), 0);
	return s.text.data ? s.text.data : strdup("");
}

static void expect_listing(struct buf *table, const char *expected)
{
	char *text = listing(table);

	cr_expect(text && !strcmp(text, expected), "got %s", text ? text : "nothing");
	free(text);
}

ParameterizedTestParameters(gopclntab, reads_the_functions_of_each_version)
{
	static uint32_t magics[] = { GO_1_16, GO_1_18, GO_1_20 };

	return cr_make_param_array(uint32_t, magics, 3);
}

ParameterizedTest(uint32_t *magic, gopclntab, reads_the_functions_of_each_version)
{
	struct buf table = {};

	make_shop(*magic, IMAGE_TEXT, &table);
	expect_listing(&table, "main.main 401000+20;main.(*shop).sell 401020+40;"
			       "main.double[...] 401060+10;");
	buf_done(&table);
}

Test(gopclntab, leaves_out_what_is_damaged)
{
	struct buf table = {};
	struct maker m;
	uint32_t far = 0x7ffffff0, at;

	make_start(&m, GO_1_20, 0x1000, 6);
	make_function(&m, 0x10, "a");
	make_function(&m, 0x18, "");
	make_function(&m, 0x20, "its record is gone");
	make_function(&m, 0x08, "it goes back");
	make_function(&m, 0x40, "its name is gone");
	make_function(&m, 0x50, "z");
	make_end(&m, 0x58, 0x1000, &table);
	at = (uint32_t)(table.len - 6 * 8 - m.room);
	memcpy(table.data + at + 2 * 8 + 4, &far, 4);
	memcpy(table.data + at + m.room + 4 * 8 + 4, &far, 4);
	expect_listing(&table, "a 1010+8;z 1050+8;");
	buf_done(&table);
}

Test(gopclntab, refuses_a_damaged_head)
{
	/* Offset in the head, and a value that cannot be. */
	static const struct {
		size_t at;
		uint64_t value;
	} cases[] = {
		{ 0, GO_1_20 },                       /* pointers of no size */
		{ 0, GO_1_20 | 0x0401ull << 48 },     /* of 4 bytes */
		{ 0, 0xfffffff2u | 0x0801ull << 48 }, /* a version that nobody knows */
		{ 8, 0 },                             /* no functions */
		{ 8, 1000 },                          /* more than there is room for */
		{ 8, UINT64_MAX / 8 + 2 },            /* their size overflows */
		{ 32, 1 << 20 },                      /* names outside */
		{ 32, 8 },                            /* names in the head */
		{ 40, 1 << 20 },                      /* their end */
		{ 40, 72 },                           /* no room for names */
		{ 64, 1 << 20 },                      /* functions outside */
		{ 64, UINT64_MAX },
		{ 64, 72 }, /* functions in the names */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf table = {};
		char *text;

		make_shop(GO_1_20, IMAGE_TEXT, &table);
		memcpy(table.data + cases[i].at, &cases[i].value, 8);
		text = listing(&table);
		cr_expect_null(text, "case %zu: %s", i, text);
		free(text);
		buf_done(&table);
	}
}

Test(gopclntab, survives_any_damaged_byte_and_any_length)
{
	static const char values[] = { 0, 1, 0x7f, (char)0x80, (char)0xff };
	struct buf table = {};

	make_shop(GO_1_18, IMAGE_TEXT, &table);
	for (size_t i = 0; i < table.len; i++) {
		char old = table.data[i];

		for (size_t k = 0; k < sizeof(values); k++) {
			table.data[i] = values[k];
			free(listing(&table));
		}
		table.data[i] = old;
	}
	for (size_t len = GOPCLNTAB_HEAD; len < table.len; len++) {
		/* Of the exact size, so that the sanitizer sees what lies beyond. */
		struct buf cut = {};

		buf_add(&cut, table.data, len);
		cut.data = realloc(cut.data, len);
		free(listing(&cut));
		buf_done(&cut);
	}
	buf_done(&table);
}

/* Data begins with `before` bytes of something else. */
static struct symbols *open_data(const struct buf *data, size_t before)
{
	struct elf_image im = {};
	struct buf file = {};
	struct symbols *s;

	for (size_t i = 0; i < before; i++)
		buf_add_char(&im.eh_frame, (char)i);
	buf_add(&im.eh_frame, data->data, data->len);
	elf_image_write(&im, &file);
	s = go_program_open_headless(&file);
	buf_done(&file);
	elf_image_done(&im);
	return s;
}

static void expect_shop(struct symbols *s)
{
	const struct symbol *sell = elf_image_symbol(s, "main.(*shop).sell");

	cr_assert_not_null(sell);
	cr_expect_eq(sell->addr, IMAGE_TEXT + 0x20);
	cr_expect_eq(sell->offset, IMAGE_AT(0x20));
	cr_expect_eq(sell->size, 0x40);
	cr_expect_eq(symbols_find(s, IMAGE_AT(0x5f)), sell);
	cr_expect_null(symbols_find(s, IMAGE_AT(0x70)));
	cr_expect(symbols_traits(s)->is_go && symbols_traits(s)->has_go_table);
	cr_expect_not(symbols_traits(s)->has_symtab);
}

Test(gopclntab, is_found_by_its_first_bytes_where_section_headers_are_gone)
{
	static const size_t places[] = { 0, 8, 0xf00 };
	struct buf table = {};

	make_shop(GO_1_20, IMAGE_TEXT, &table);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct symbols *s = open_data(&table, places[i]);

		expect_shop(s);
		symbols_free(s);
	}
	buf_done(&table);
}

Test(gopclntab, learns_from_moduledata_where_code_begins_since_go_1_26)
{
	struct buf data = {};
	struct symbols *s;

	make_shop(GO_1_20, 0, &data);
	while (data.len % 8)
		buf_add_char(&data, 0);
	for (int i = 0; i < 2; i++) { /* something that points at the table, too; then moduledata */
		add_number(&data, IMAGE_DATA, 8);
		for (int k = 1; k < 22; k++)
			add_number(&data, (uint64_t)k, 8);
		add_number(&data, i ? IMAGE_TEXT : IMAGE_DATA, 8);
	}
	s = open_data(&data, 0);
	expect_shop(s);
	symbols_free(s);
	buf_done(&data);
}

Test(gopclntab, is_not_used_when_nobody_knows_where_code_begins)
{
	static const uint64_t texts[] = { 0, IMAGE_DATA, IMAGE_TEXT + 0xff0, UINT64_MAX };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct buf table = {};
		struct symbols *s;

		make_shop(GO_1_20, texts[i], &table);
		s = open_data(&table, 0);
		cr_expect_null(elf_image_symbol(s, "main.main"), "text %lx", texts[i]);
		cr_expect_not(symbols_traits(s)->has_go_table);
		symbols_free(s);
		buf_done(&table);
	}
}
