/* SPDX-License-Identifier: GPL-2.0-only */
/* Symbols of ELF objects: made ones for exact answers, those of this system for real ones. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_image.h"
#include "lib/cleanup.h"
#include "sym/symbols.h"

#define LIBC "/lib/x86_64-linux-gnu/libc.so.6"

static const char *name_at(const struct symbols *s, uint64_t offset)
{
	const struct symbol *sym = symbols_find(s, offset);

	return sym ? sym->name : "";
}

static int count_one(const struct symbol *sym, void *arg)
{
	(void)sym;
	++*(size_t *)arg;
	return 0;
}

static size_t count(const struct symbols *s)
{
	size_t n = 0;

	symbols_each(s, count_one, &n);
	return n;
}

Test(symbols, refuses_what_is_no_elf_file)
{
	struct symbols *s = NULL;
	struct elf_image im = {};
	struct buf file = {};

	cr_expect_eq(symbols_open_memory("", 0, &s), -ENOEXEC);
	cr_expect_eq(symbols_open_memory("#!/bin/sh\nexit 0\n", 17, &s), -ENOEXEC);
	elf_image_write(&im, &file);
	cr_expect_eq(symbols_open_memory(file.data, 40, &s), -ENOEXEC);
	file.data[EI_DATA] = ELFDATA2MSB;
	cr_expect_eq(symbols_open_memory(file.data, file.len, &s), -ENOEXEC);
	cr_expect_null(s);
	buf_done(&file);
	elf_image_done(&im);
}

Test(symbols, names_nothing_beyond_a_functions_size)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_function(&im, "first", 0x10, 0x10, STB_GLOBAL);
	elf_image_add_function(&im, "second", 0x40, 0x20, STB_LOCAL);
	s = elf_image_open(&im);
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x0f)), "");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x10)), "first");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x1f)), "first");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x20)), "");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x5f)), "second");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x60)), "");
	cr_expect_str_eq(name_at(s, 0), "");
	cr_expect_str_eq(name_at(s, UINT64_MAX), "");
	cr_expect_eq(elf_image_symbol(s, "first")->addr, IMAGE_TEXT + 0x10);
	cr_expect(elf_image_symbol(s, "first")->global && !elf_image_symbol(s, "second")->global);
	symbols_free(s);
}

Test(symbols, ends_a_function_without_size_at_the_nearest_border)
{
	struct elf_image im = { .text_size = 0x100 };
	struct symbols *s;

	elf_image_add_function(&im, "before_another", 0x00, 0, STB_GLOBAL);
	elf_image_add_function(&im, "with_fde", 0x20, 0, STB_GLOBAL);
	elf_image_add_function(&im, "last", 0x80, 0, STB_GLOBAL);
	elf_image_add_fde(&im, 0x20, 0x18, "", 0);
	s = elf_image_open(&im);
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x1f)), "before_another");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x37)), "with_fde");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x38)), "");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0xff)), "last");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x100)), "", "beyond .text");
	symbols_free(s);
}

Test(symbols, prefers_sized_then_global_then_short_aliases)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_function(&im, "x", 0x10, 0x10, STB_LOCAL);
	elf_image_add_function(&im, "long_global", 0x10, 0x10, STB_GLOBAL);
	elf_image_add_function(&im, "global", 0x10, 0x10, STB_WEAK);
	elf_image_add_function(&im, "a", 0x10, 0, STB_GLOBAL);
	s = elf_image_open(&im);
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x18)), "global");
	cr_expect_eq(count(s), 4);
	symbols_free(s);
}

Test(symbols, lists_a_name_of_both_tables_once_and_without_version)
{
	struct elf_image im = {};
	struct symbols *s;
	Elf64_Sym sym = { .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			  .st_shndx = 1,
			  .st_value = IMAGE_TEXT,
			  .st_size = 8 };

	elf_image_add_function(&im, "open@@V_2.34", 0, 8, STB_GLOBAL);
	elf_image_add_function(&im, "open@V_2.2.5", 0, 8, STB_GLOBAL);
	elf_image_add_symbol(&im, 1, "open", sym);
	s = elf_image_open(&im);
	cr_expect_not_null(elf_image_symbol(s, "open"));
	cr_expect_eq(count(s), 1);
	symbols_free(s);
}

Test(symbols, goes_on_with_the_outer_function_behind_an_inner_one)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_function(&im, "outer", 0x00, 0x100, STB_GLOBAL);
	elf_image_add_function(&im, "inner", 0x20, 0x20, STB_GLOBAL);
	elf_image_add_function(&im, "innermost", 0x28, 0x08, STB_GLOBAL);
	s = elf_image_open(&im);
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x10)), "outer");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x2f)), "innermost");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x30)), "inner");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x40)), "outer");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x100)), "");
	symbols_free(s);
}

Test(symbols, takes_untyped_names_for_functions_but_not_labels)
{
	struct elf_image im = {};
	Elf64_Sym label = { .st_shndx = 1 };
	struct symbols *s;

	elf_image_add_function(&im, "function", 0x00, 0x20, STB_GLOBAL);
	label.st_value = IMAGE_TEXT + 0x10;
	elf_image_add_symbol(&im, 0, "in_function", label);
	label.st_value = IMAGE_TEXT + 0x40;
	elf_image_add_symbol(&im, 0, "assembly", label);
	label.st_value = IMAGE_TEXT + 0x50;
	elf_image_add_symbol(&im, 0, ".Llocal", label);
	elf_image_add_symbol(&im, 0, "$x", label);
	s = elf_image_open(&im);
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x11)), "function");
	cr_expect_str_eq(name_at(s, IMAGE_AT(0x58)), "assembly");
	cr_expect_eq(count(s), 2);
	cr_expect(elf_image_symbol(s, "function")->typed);
	cr_expect_not(elf_image_symbol(s, "assembly")->typed);
	symbols_free(s);
}

Test(symbols, ignores_what_is_not_code_of_this_object)
{
	struct elf_image im = {};
	Elf64_Sym sym = { .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_size = 8 };
	struct symbols *s;

	elf_image_add_symbol(&im, 0, "undefined", sym);
	sym.st_shndx = 1;
	sym.st_value = IMAGE_DATA + 0x10;
	elf_image_add_symbol(&im, 0, "in_data", sym);
	sym.st_value = 0x10;
	elf_image_add_symbol(&im, 0, "below", sym);
	sym.st_value = UINT64_MAX;
	elf_image_add_symbol(&im, 0, "above", sym);
	sym.st_value = IMAGE_TEXT + 0x20;
	sym.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
	elf_image_add_symbol(&im, 0, "object", sym);
	elf_image_add_function(&im, "too_long", IMAGE_TEXT_SIZE - 8, UINT64_MAX, STB_GLOBAL);
	s = elf_image_open(&im);
	cr_expect_eq(count(s), 1);
	cr_expect_eq(elf_image_symbol(s, "too_long")->size, 8, "cut at the end of its segment");
	symbols_free(s);
}

static int stop_at_second(const struct symbol *sym, void *arg)
{
	(void)sym;
	return ++*(int *)arg == 2 ? 42 : 0;
}

Test(symbols, stops_a_listing_when_asked_to)
{
	struct elf_image im = {};
	struct symbols *s;
	int n = 0;

	elf_image_add_function(&im, "a", 0, 8, STB_GLOBAL);
	elf_image_add_function(&im, "b", 8, 8, STB_GLOBAL);
	elf_image_add_function(&im, "c", 16, 8, STB_GLOBAL);
	s = elf_image_open(&im);
	cr_expect_eq(symbols_each(s, stop_at_second, &n), 42);
	cr_expect_eq(n, 2);
	symbols_free(s);
}

Test(symbols, translates_between_offsets_and_addresses)
{
	struct elf_image im = {};
	struct symbols *s = elf_image_open(&im);

	cr_expect_eq(symbols_offset_of(s, IMAGE_TEXT + 5), IMAGE_AT(5));
	cr_expect_eq(symbols_addr_of(s, IMAGE_AT(5)), IMAGE_TEXT + 5);
	cr_expect_eq(symbols_offset_of(s, IMAGE_DATA + 0xfff), IMAGE_AT(0x1fff));
	cr_expect_eq(symbols_offset_of(s, IMAGE_DATA + 0x1000), UINT64_MAX);
	cr_expect_eq(symbols_offset_of(s, 0), UINT64_MAX);
	cr_expect_eq(symbols_addr_of(s, 0), UINT64_MAX);
	symbols_free(s);
}

struct name_trait {
	char name[32];
	bool defined, is_rust, has_unwinder, catches, cleans_up, forces_unwinding, uses_fibers,
	    uses_signal_stacks, uses_async_jobs;
};

ParameterizedTestParameters(symbols, learns_traits_from_names)
{
	static struct name_trait cases[] = {
		{ "rust_eh_personality", true, .is_rust = true, .cleans_up = true },
		{ "__rust_alloc", true, .is_rust = true },
		{ "_Unwind_RaiseException", true, .has_unwinder = true },
		{ "_Unwind_RaiseException", .defined = false },
		{ "__cxa_throw", .defined = false },
		{ "__cxa_begin_catch", false, .catches = true },
		{ "__cxa_begin_catch", true, .catches = true },
		{ "__gxx_personality_v0", false, .cleans_up = true },
		{ "__gcc_personality_v0", true, .cleans_up = true },
		{ "_Unwind_Resume", .defined = false },
		{ "swapcontext", false, .uses_fibers = true },
		{ "make_fcontext", true, .uses_fibers = true },
		{ "bthread_jump_fcontext", true, .uses_fibers = true },
		{ "co_switch", false, .uses_fibers = true },
		{ "pthread_cancel", false, .forces_unwinding = true },
		{ "pthread_exit", false, .forces_unwinding = true },
		{ "sigaltstack", false, .uses_signal_stacks = true },
		{ "ASYNC_start_job", false, .uses_async_jobs = true },
		{ "SSL_get_all_async_fds", false, .uses_async_jobs = true },
		{ "ASYNC_start_job", .defined = true },
		{ "SSL_read", .defined = false },
		{ "printf", .defined = false },
		{ "main", .defined = true },
	};

	return cr_make_param_array(struct name_trait, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct name_trait *c, symbols, learns_traits_from_names)
{
	Elf64_Sym sym = { .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			  .st_shndx = c->defined ? 1 : SHN_UNDEF,
			  .st_value = c->defined ? IMAGE_TEXT : 0 };
	struct elf_image im = {};
	const struct elf_traits *t;
	struct symbols *s;

	elf_image_add_symbol(&im, 1, c->name, sym);
	s = elf_image_open(&im);
	t = symbols_traits(s);
	cr_expect_eq(t->is_rust, c->is_rust, "%s", c->name);
	cr_expect_eq(t->has_unwinder, c->has_unwinder, "%s", c->name);
	cr_expect_eq(t->catches, c->catches, "%s", c->name);
	cr_expect_eq(t->uses_async_jobs, c->uses_async_jobs, "%s", c->name);
	cr_expect_eq(t->cleans_up, c->cleans_up, "%s", c->name);
	cr_expect_eq(t->forces_unwinding, c->forces_unwinding, "%s", c->name);
	cr_expect_eq(t->uses_fibers, c->uses_fibers, "%s", c->name);
	cr_expect_eq(t->uses_signal_stacks, c->uses_signal_stacks, "%s", c->name);
	cr_expect(t->is_64 && !t->is_go && !t->has_symtab && !t->interp);
	symbols_free(s);
}

Test(symbols, reads_build_id_and_compiler)
{
	struct elf_image im = {};
	const struct elf_traits *t;
	struct symbols *s;

	elf_image_set_build_id(&im, "0123456789abcdefghij", 20);
	buf_add_str(&im.comment, "rustc version 1.70.0");
	s = elf_image_open(&im);
	t = symbols_traits(s);
	cr_expect_eq(t->build_id_len, 20);
	cr_expect_arr_eq(t->build_id, "0123456789abcdefghij", 20);
	cr_expect(t->is_rust);
	symbols_free(s);
}

Test(symbols, knows_the_libraries_of_this_system)
{
	struct symbols *libc = elf_image_open_file(LIBC);
	struct symbols *gcc = elf_image_open_file("/lib/x86_64-linux-gnu/libgcc_s.so.1");
	const struct elf_traits *t = symbols_traits(libc);
	const struct symbol *open_symbol = elf_image_symbol(libc, "open");

	cr_expect_not(t->uses_fibers, "to define makecontext is not to use it");
	cr_expect(t->is_64 && t->machine == EM_X86_64 && t->type == ET_DYN &&
		  t->build_id_len == 20);
	cr_expect(symbols_traits(gcc)->has_unwinder);
	cr_assert_not_null(open_symbol);
	cr_expect(open_symbol->global && open_symbol->size);
	cr_expect_eq(symbols_find(libc, open_symbol->offset + 1)->offset, open_symbol->offset);
	cr_expect(elf_image_symbol(libc, "strlen")->ifunc);
	symbols_free(libc);
	symbols_free(gcc);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

Test(symbols, names_the_stubs_of_this_program_but_does_not_list_them)
{
	struct symbols *s = elf_image_open_file("/proc/self/exe");
	const struct symbol *stub = NULL;

	for (uint64_t offset = 0; offset < 64u << 20 && !stub; offset += 16) {
		stub = symbols_find(s, offset);
		if (stub && !ends_with(stub->name, "@plt"))
			stub = NULL;
	}
	cr_assert_not_null(stub);
	cr_expect_null(elf_image_symbol(s, stub->name));
	cr_expect_leq(stub->size, 16);
	symbols_free(s);
}

Test(symbols, finds_the_functions_of_this_program)
{
	struct symbols *s = elf_image_open_file("/proc/self/exe");
	const struct symbol *own = elf_image_symbol(s, "write_rich_image");
	const struct elf_traits *t = symbols_traits(s);

	cr_expect(t->has_symtab && t->interp && strstr(t->interp, "ld-linux"));
	cr_assert_not_null(own);
	cr_expect_not(own->global);
	cr_expect_str_eq(name_at(s, own->offset + 4), "write_rich_image");
	cr_expect(symbols_is_stack_root(s, t->entry_offset));
	cr_expect_str_eq(name_at(s, t->entry_offset), "_start");
	cr_expect_gt(symbols_memory(s), count(s) * 40);
	symbols_free(s);
}

Test(symbols, reads_the_vdso_from_memory)
{
	const unsigned long addr = getauxval(AT_SYSINFO_EHDR);
	struct symbols *s = NULL;
	const struct symbol *sym;

	if (!addr)
		cr_skip_test("this kernel gives no vdso");
	cr_assert_eq(symbols_open_memory((const void *)addr, 8192, &s), 0);
	sym = elf_image_symbol(s, "__vdso_clock_gettime");
	cr_assert_not_null(sym);
	cr_expect_eq(symbols_find(s, sym->offset)->offset, sym->offset);
	symbols_free(s);
}

Test(symbols, survives_a_file_that_shrinks_after_it_was_opened)
{
	_cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
	struct elf_image im = {};
	struct buf file = {};
	struct symbols *s = NULL;

	elf_image_add_function(&im, "f", 0, 8, STB_GLOBAL);
	elf_image_add_fde(&im, 0, 8, "", 0);
	elf_image_write(&im, &file);
	cr_assert_eq(write(fd, file.data, file.len), (ssize_t)file.len);
	cr_assert_eq(symbols_open(fd, NULL, "", &s), 0);
	cr_assert_eq(ftruncate(fd, 100), 0);
	cr_expect_str_eq(name_at(s, IMAGE_AT(0)), "f");
	cr_expect_eq(symbols_keeps_frame_pointer(s, IMAGE_AT(0)), -1);
	cr_expect_not(symbols_is_stack_root(s, IMAGE_AT(0)));
	symbols_free(s);
	buf_done(&file);
	elf_image_done(&im);
}

/* Asks everything of a file that may be damaged in any way. */
static void ask_all(const void *file, size_t len)
{
	struct symbols *s = NULL;

	if (symbols_open_memory(file, len, &s))
		return;
	for (uint64_t at = 0; at < 0x200; at += 4) {
		const struct symbol *sym = symbols_find(s, IMAGE_AT(at));

		cr_assert(!sym || (sym->offset <= IMAGE_AT(at) && strlen(sym->name) < 100));
		symbols_is_stack_root(s, IMAGE_AT(at));
		symbols_keeps_frame_pointer(s, IMAGE_AT(at));
	}
	symbols_free(s);
}

static void write_rich_image(struct buf *file)
{
	struct elf_image im = { .entry = IMAGE_TEXT };

	elf_image_add_function(&im, "_start", 0, 0x10, STB_GLOBAL);
	elf_image_add_function(&im, "outer", 0x20, 0x100, STB_GLOBAL);
	elf_image_add_function(&im, "inner", 0x40, 0, STB_LOCAL);
	elf_image_add_fde(&im, 0x00, 0x10, "\x07\x10", 2);
	elf_image_add_fde(&im, 0x20, 0x100, "\x41\x0e\x10\x86\x02\x43\x0d\x06\x0a\x4b\x0b", 11);
	elf_image_set_build_id(&im, "0123456789abcdefghij", 20);
	elf_image_set_debuglink(&im, "x.debug", 1);
	elf_image_write(&im, file);
	elf_image_done(&im);
}

Test(symbols, survives_a_file_cut_anywhere)
{
	struct buf file = {};

	write_rich_image(&file);
	for (size_t len = 0; len < file.len; len += len < 0x2f00 ? 61 : 1)
		ask_all(file.data, len);
	buf_done(&file);
}

Test(symbols, survives_any_damaged_byte)
{
	static const char values[] = { 0, 1, 0x7f, (char)0x80, (char)0xff };
	struct buf file = {};

	write_rich_image(&file);
	for (size_t i = 0; i < file.len; i++) {
		char old = file.data[i];

		/* Most is padding, and the code itself is not read. */
		if ((i >= 0x200 && i < 0x2000) || (i >= 0x2200 && i < 0x3000))
			continue;
		for (size_t k = 0; k < sizeof(values); k++) {
			file.data[i] = values[k];
			ask_all(file.data, file.len);
		}
		file.data[i] = old;
	}
	buf_done(&file);
}
