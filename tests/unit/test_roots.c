/* SPDX-License-Identifier: GPL-2.0-only */
/* Which functions begin a stack, asked through symbols.h. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_image.h"
#include "lib/cleanup.h"
#include "sym/symbols.h"

#define LIBC "/lib/x86_64-linux-gnu/libc.so.6"

Test(roots, sees_the_end_of_the_stack_where_no_caller_is_defined)
{
	struct elf_image im = {};
	struct symbols *s;

	/* Four bytes with a caller, then `undefined rip`. */
	elf_image_add_fde(&im, 0x100, 0x20, "\x44\x07\x10", 3);
	s = elf_image_open(&im);
	cr_expect_not(symbols_is_stack_root(s, IMAGE_AT(0x103)));
	cr_expect(symbols_is_stack_root(s, IMAGE_AT(0x104)));
	cr_expect(symbols_is_stack_root(s, IMAGE_AT(0x11f)));
	cr_expect_not(symbols_is_stack_root(s, IMAGE_AT(0x120)));
	cr_expect_not(symbols_is_stack_root(s, UINT64_MAX));
	symbols_free(s);
}

Test(roots, knows_roots_by_entry_point_and_by_name)
{
	struct elf_image im = { .entry = IMAGE_TEXT + 0x80 };
	struct symbols *s;

	elf_image_add_function(&im, "main", 0x00, 0x20, STB_GLOBAL);
	elf_image_add_function(&im, "begin", 0x80, 0x20, STB_GLOBAL);
	elf_image_add_function(&im, "runtime.goexit.abi0", 0xc0, 0x20, STB_LOCAL);
	elf_image_add_function(&im, "start_thread", 0x100, 0x20, STB_LOCAL);
	elf_image_add_function(&im, "runtime.mcall", 0x140, 0x20, STB_LOCAL);
	s = elf_image_open(&im);
	cr_expect_eq(symbols_traits(s)->entry_offset, IMAGE_AT(0x80));
	cr_expect_not(symbols_is_stack_root(s, IMAGE_AT(0x00)));
	cr_expect(symbols_is_stack_root(s, IMAGE_AT(0x80)));
	cr_expect(symbols_is_stack_root(s, IMAGE_AT(0x9f)));
	cr_expect_not(symbols_is_stack_root(s, IMAGE_AT(0xa0)));
	cr_expect(symbols_is_stack_root(s, IMAGE_AT(0xc0)));
	cr_expect_not(symbols_is_stack_root(s, IMAGE_AT(0x100)), "any program may have that name");
	cr_expect_not(symbols_is_stack_root(s, IMAGE_AT(0x140)));
	symbols_free(s);
}

Test(roots, tells_the_child_in_clone_from_the_parent)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_function(&im, "pthread_create", 0x00, 0x20, STB_GLOBAL);
	elf_image_add_function(&im, "clone", 0x100, 0x40, STB_GLOBAL);
	elf_image_add_fde(&im, 0x100, 0x20, "", 0);
	elf_image_add_fde(&im, 0x128, 0x18, "\x07\x10", 2);
	s = elf_image_open(&im);
	cr_expect_not(symbols_is_stack_root(s, IMAGE_AT(0x110)));
	cr_expect(symbols_is_stack_root(s, IMAGE_AT(0x124)), "without unwind information");
	cr_expect(symbols_is_stack_root(s, IMAGE_AT(0x130)));
	symbols_free(s);
}

/* Appends one function at a multiple of 0x20, its FDE, and with a name its export. */
static void add_code(struct elf_image *im, const char *name, const void *code, size_t len)
{
	Elf64_Sym sym = { .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = 1 };
	uint64_t at = im->text.len;

	sym.st_value = IMAGE_TEXT + at;
	sym.st_size = len;
	buf_add(&im->text, code, len);
	while (im->text.len % 0x20)
		buf_add_char(&im->text, '\x90');
	elf_image_add_fde(im, at, (uint32_t)len, "", 0);
	if (name)
		elf_image_add_symbol(im, 1, name, sym);
}

Test(roots, tells_the_starters_of_a_stripped_libc_by_what_they_call)
{
	struct elf_image im = {};
	struct symbols *s;

	add_code(&im, "exit", "\xf4", 1);
	/* 0x20, 0x40, 0x60: `call *%rax; ret`; the same with exit, but exported; call_main */
	add_code(&im, NULL, "\xff\xd0\xc3", 3);
	add_code(&im, "exported", "\xff\xd0\xe8\xb9\xff\xff\xff", 7);
	add_code(&im, NULL, "\xff\xd0\x89\xc7\xe8\x97\xff\xff\xff", 9);
	/* 0x80: call 0x20; call 0x40; call 0x60; ret */
	add_code(&im, "__libc_start_main",
		 "\xe8\x9b\xff\xff\xff\xe8\xb6\xff\xff\xff\xe8\xd1\xff\xff\xff\xc3", 16);
	/* 0xa0: start_thread: call *%rax; call 0x20; call exit */
	add_code(&im, NULL, "\xff\xd0\xe8\x79\xff\xff\xff\xe8\x54\xff\xff\xff", 12);
	/* 0xc0: a signal handler: call *%rax; ret. 0xe0: create_thread: lea 0xa0(%rip), %rsi; ret
	 */
	add_code(&im, NULL, "\xff\xd0\xc3", 3);
	add_code(&im, NULL, "\x48\x8d\x35\xb9\xff\xff\xff\xc3", 8);
	/* 0x100: lea 0xc0(%rip), %rax; call 0xe0; ret */
	add_code(&im, "pthread_create", "\x48\x8d\x05\xb9\xff\xff\xff\xe8\xd4\xff\xff\xff\xc3", 13);
	s = elf_image_open(&im);
	for (uint64_t at = 0; at < 0x120; at++)
		cr_expect_eq(symbols_is_stack_root(s, IMAGE_AT(at)),
			     (at >= 0x60 && at < 0x69) || (at >= 0x80 && at < 0x90) ||
				 (at >= 0xa0 && at < 0xac),
			     "at %lx", at);
	symbols_free(s);
}

/* Opens the C library as if its debug file were not installed. */
static struct symbols *open_stripped_libc(void)
{
	struct symbols *s = elf_image_open_file(LIBC);
	_cleanup_fclose_ FILE *f = fopen(LIBC, "re");
	struct elf_traits traits = *symbols_traits(s);
	char *image, *id;
	long size;

	symbols_free(s);
	cr_assert(f && !fseek(f, 0, SEEK_END));
	size = ftell(f);
	rewind(f);
	image = malloc((size_t)size);
	cr_assert(image && fread(image, 1, (size_t)size, f) == (size_t)size);
	id = memmem(image, (size_t)size, traits.build_id, traits.build_id_len);
	cr_assert_not_null(id);
	memset(id, 0x5a, traits.build_id_len);
	cr_assert_eq(symbols_open_memory(image, (size_t)size, &s), 0);
	free(image);
	return s;
}

Test(roots, finds_the_starters_of_a_stripped_libc_that_the_debug_file_names)
{
	static const char *const names[] = { "__libc_start_call_main", "start_thread" };
	static const char *const others[] = { "exit",   "pthread_create", "printf", "qsort",
					      "malloc", "pthread_join",   "atexit", "__cxa_atexit",
					      "write",  "abort",          "setjmp", "longjmp" };
	struct symbols *named = elf_image_open_file(LIBC), *stripped;

	if (!symbols_traits(named)->has_symtab) {
		symbols_free(named);
		cr_skip_test("libc6-dbg is not installed");
	}
	stripped = open_stripped_libc();
	cr_assert_not(symbols_traits(stripped)->has_symtab);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct symbol *sym = elf_image_symbol(named, names[i]);

		cr_assert_not_null(sym, "%s", names[i]);
		cr_expect_null(elf_image_symbol(stripped, names[i]));
		for (uint64_t at = 0; at < sym->size; at++)
			cr_assert(symbols_is_stack_root(stripped, sym->offset + at) &&
				      symbols_is_stack_root(named, sym->offset + at),
				  "%s+%lu", names[i], at);
		cr_expect_not(symbols_is_stack_root(stripped, sym->offset - 1), "%s", names[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		const struct symbol *sym = elf_image_symbol(named, others[i]);

		for (uint64_t at = 0; sym && at < sym->size; at++)
			cr_assert(!symbols_is_stack_root(stripped, sym->offset + at) &&
				      !symbols_is_stack_root(named, sym->offset + at),
				  "%s+%lu", others[i], at);
	}
	symbols_free(named);
	symbols_free(stripped);
}
