/* SPDX-License-Identifier: GPL-2.0-only */
/* Go's table of functions in real programs, linked and stripped in every way. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "elf_image.h"
#include "go_program.h"
#include "sym/goinfo.h"
#include "sym/symbols.h"

static struct symbols *open_file(const struct buf *file)
{
	struct symbols *s = NULL;

	cr_assert_eq(symbols_open_memory(file->data, file->len, &s), 0);
	return s;
}

/* Opens a copy in which the head says nothing of where code begins. */
static struct symbols *open_without_text(const struct buf *file, bool without_module)
{
	uint64_t word = 0x08010000fffffff0, addr = 0; /* Go 1.18 */
	struct buf copy = {};
	struct symbols *s;
	char *head;

	buf_add(&copy, file->data, file->len);
	head = memmem(copy.data, copy.len, &word, sizeof(word));
	word |= 1; /* Go 1.20 and later */
	head = head ? head : memmem(copy.data, copy.len, &word, sizeof(word));
	cr_assert_not_null(head);
	if (without_module) {
		s = open_file(file);
		addr = symbols_addr_of(s, (uint64_t)(head - copy.data));
		symbols_free(s);
	}
	for (size_t i = 0; addr && i + 8 <= copy.len; i += 8)
		if (!memcmp(copy.data + i, &addr, 8))
			memset(copy.data + i, 0, 8);
	memset(head + 24, 0, 8);
	s = open_file(&copy);
	buf_done(&copy);
	return s;
}

static uint64_t addr_of(const struct symbols *s, const char *name)
{
	const struct symbol *sym = elf_image_symbol(s, name);

	cr_expect_not_null(sym, "%s is not there", name);
	return sym ? sym->addr : 0;
}

static void skip_without_go(void)
{
	if (!go_program_is_possible())
		cr_skip_test("Go is not installed");
}

struct census {
	const struct symbols *other;
	uint64_t n;
};

static int is_in_other(const struct symbol *sym, void *arg)
{
	struct census *c = arg;
	const struct symbol *same = symbols_find(c->other, sym->offset);

	/* With its symbol table a function ends before the padding. */
	cr_assert(same && same->offset == sym->offset && same->size <= sym->size, "%s", sym->name);
	cr_assert_str_eq(same->name, sym->name);
	c->n++;
	return 0;
}

Test(gopclntab, names_the_functions_of_a_stripped_program_as_go_writes_them)
{
	struct buf plain_file = {}, file = {};
	struct census c = {};
	struct symbols *plain, *s;
	struct go_info info;

	skip_without_go();
	go_program_build("", false, &plain_file);
	go_program_build("-ldflags='-s -w'", false, &file);
	plain = open_file(&plain_file);
	s = open_file(&file);
	cr_expect(symbols_traits(plain)->has_symtab && symbols_traits(plain)->has_go_table);
	cr_expect(!symbols_traits(s)->has_symtab && symbols_traits(s)->has_go_table);
	cr_expect_eq(addr_of(s, "main.(*shop).sell"),
		     go_program_nm(&plain_file, "main.(*shop).sell"));
	cr_expect_eq(addr_of(s, "runtime.goexit"),
		     go_program_nm(&plain_file, "runtime.goexit.abi0"));
	addr_of(s, "main.double[...]");
	cr_expect(symbols_is_stack_root(s, elf_image_symbol(s, "runtime.goexit")->offset));
	cr_expect(symbols_go_info(s, &info) && info.version_major == 1 && info.version_minor);
	c.other = plain;
	symbols_each(s, is_in_other, &c);
	cr_expect_gt(c.n, 1000);
	symbols_free(plain);
	symbols_free(s);
	buf_done(&plain_file);
	buf_done(&file);
}

static int count_name(const struct symbol *sym, void *arg)
{
	uint64_t *n = arg;

	*n += !strcmp(sym->name, "main.(*shop).sell");
	return 0;
}

Test(gopclntab, names_a_function_of_the_symbol_table_once_and_keeps_its_size)
{
	const struct symbol *sell, *goexit;
	struct buf file = {};
	struct symbols *s;
	uint64_t n = 0;

	skip_without_go();
	go_program_build("", false, &file);
	s = open_file(&file);
	symbols_each(s, count_name, &n);
	cr_expect_eq(n, 1);
	sell = elf_image_symbol(s, "main.(*shop).sell");
	cr_assert_not_null(sell);
	cr_expect_neq(sell->size % 32, 0, "padding is counted");
	/* The symbol table has "runtime.goexit.abi0". */
	goexit = elf_image_symbol(s, "runtime.goexit.abi0");
	cr_assert_not_null(goexit);
	cr_expect_str_eq(symbols_find(s, goexit->offset)->name, "runtime.goexit");
	cr_expect_eq(symbols_find(s, goexit->offset)->size, goexit->size);
	symbols_free(s);
	buf_done(&file);
}

Test(gopclntab, is_found_in_a_real_program_without_section_headers)
{
	struct buf file = {};
	struct symbols *s, *headless;
	struct census c = {};
	struct go_info info;

	skip_without_go();
	go_program_build("", false, &file);
	c.other = s = open_file(&file);
	headless = go_program_open_headless(&file);
	cr_expect(symbols_traits(headless)->is_go && !symbols_traits(headless)->has_symtab);
	cr_expect(symbols_go_info(headless, &info));
	symbols_each(headless, is_in_other, &c);
	cr_expect_gt(c.n, 1000);
	symbols_free(s);
	symbols_free(headless);
	buf_done(&file);
}

/* How a program is linked, and what an analyst of its code would have to know. */
struct linkage {
	char flags[80];
	bool cgo;
};

ParameterizedTestParameters(gopclntab, finds_code_however_the_program_was_linked)
{
	static struct linkage cases[] = {
		{ "", false },
		{ "-buildmode=pie", false },
		{ "-ldflags=-linkmode=external", true },
		{ "-buildmode=pie -ldflags=-linkmode=external", true },
	};

	return cr_make_param_array(struct linkage, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct linkage *l, gopclntab, finds_code_however_the_program_was_linked)
{
	struct buf file = {};
	uint64_t addr;

	skip_without_go();
	go_program_build(l->flags, l->cgo, &file);
	addr = go_program_nm(&file, "main.(*shop).sell");
	for (int without = 0; without < 3; without++) {
		struct symbols *s =
		    without ? open_without_text(&file, without == 2) : open_file(&file);
		const struct symbol *sell;

		/* Another's linker puts code before Go's: then nothing is left to tell. */
		if (without == 2 && l->cgo && !strstr(l->flags, "pie")) {
			cr_expect_not(symbols_traits(s)->has_go_table);
			symbols_free(s);
			continue;
		}
		cr_expect(symbols_traits(s)->has_go_table, "%s, %d", l->flags, without);
		sell = elf_image_symbol(s, "main.(*shop).sell");
		cr_assert_not_null(sell);
		cr_expect_eq(sell->addr, addr, "%s, %d", l->flags, without);
		symbols_free(s);
	}
	buf_done(&file);
}
