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

#define TEXT(at) (IMAGE_TEXT_OFFSET + (uint64_t)(at))

static struct symbols *open_image(struct elf_image *im)
{
	struct symbols *s = NULL;
	struct buf file = {};

	elf_image_write(im, &file);
	cr_assert_eq(symbols_open_memory(file.data, file.len, &s), 0);
	buf_done(&file);
	elf_image_done(im);
	return s;
}

static struct symbols *open_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct symbols *s = NULL;

	cr_assert_geq(fd, 0, "cannot open %s", path);
	cr_assert_eq(symbols_open(fd, path, "", &s), 0);
	return s;
}

static const char *name_at(const struct symbols *s, uint64_t offset)
{
	const struct symbol *sym = symbols_find(s, offset);

	return sym ? sym->name : "";
}

struct lookup {
	const char *name;
	const struct symbol *found;
	size_t n;
};

static int look_up(const struct symbol *sym, void *arg)
{
	struct lookup *l = arg;

	if (!l->name || !strcmp(sym->name, l->name)) {
		l->found = sym;
		l->n++;
	}
	return 0;
}

static const struct symbol *by_name(const struct symbols *s, const char *name)
{
	struct lookup l = { .name = name };

	symbols_each(s, look_up, &l);
	return l.found;
}

static size_t count(const struct symbols *s, const char *name)
{
	struct lookup l = { .name = name };

	symbols_each(s, look_up, &l);
	return l.n;
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
	s = open_image(&im);
	cr_expect_str_eq(name_at(s, TEXT(0x0f)), "");
	cr_expect_str_eq(name_at(s, TEXT(0x10)), "first");
	cr_expect_str_eq(name_at(s, TEXT(0x1f)), "first");
	cr_expect_str_eq(name_at(s, TEXT(0x20)), "");
	cr_expect_str_eq(name_at(s, TEXT(0x5f)), "second");
	cr_expect_str_eq(name_at(s, TEXT(0x60)), "");
	cr_expect_str_eq(name_at(s, 0), "");
	cr_expect_str_eq(name_at(s, UINT64_MAX), "");
	cr_expect_eq(by_name(s, "first")->addr, IMAGE_TEXT + 0x10);
	cr_expect(by_name(s, "first")->global && !by_name(s, "second")->global);
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
	s = open_image(&im);
	cr_expect_str_eq(name_at(s, TEXT(0x1f)), "before_another");
	cr_expect_str_eq(name_at(s, TEXT(0x37)), "with_fde");
	cr_expect_str_eq(name_at(s, TEXT(0x38)), "");
	cr_expect_str_eq(name_at(s, TEXT(0xff)), "last");
	cr_expect_str_eq(name_at(s, TEXT(0x100)), "", "beyond .text");
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
	s = open_image(&im);
	cr_expect_str_eq(name_at(s, TEXT(0x18)), "global");
	cr_expect_eq(count(s, NULL), 4);
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
	s = open_image(&im);
	cr_expect_eq(count(s, "open"), 1);
	cr_expect_eq(count(s, NULL), 1);
	symbols_free(s);
}

Test(symbols, goes_on_with_the_outer_function_behind_an_inner_one)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_function(&im, "outer", 0x00, 0x100, STB_GLOBAL);
	elf_image_add_function(&im, "inner", 0x20, 0x20, STB_GLOBAL);
	elf_image_add_function(&im, "innermost", 0x28, 0x08, STB_GLOBAL);
	s = open_image(&im);
	cr_expect_str_eq(name_at(s, TEXT(0x10)), "outer");
	cr_expect_str_eq(name_at(s, TEXT(0x2f)), "innermost");
	cr_expect_str_eq(name_at(s, TEXT(0x30)), "inner");
	cr_expect_str_eq(name_at(s, TEXT(0x40)), "outer");
	cr_expect_str_eq(name_at(s, TEXT(0x100)), "");
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
	s = open_image(&im);
	cr_expect_str_eq(name_at(s, TEXT(0x11)), "function");
	cr_expect_str_eq(name_at(s, TEXT(0x58)), "assembly");
	cr_expect_eq(count(s, NULL), 2);
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
	s = open_image(&im);
	cr_expect_eq(count(s, NULL), 1);
	cr_expect_eq(by_name(s, "too_long")->size, 8, "cut at the end of its segment");
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
	s = open_image(&im);
	cr_expect_eq(symbols_each(s, stop_at_second, &n), 42);
	cr_expect_eq(n, 2);
	symbols_free(s);
}

Test(symbols, translates_between_offsets_and_addresses)
{
	struct elf_image im = {};
	struct symbols *s = open_image(&im);

	cr_expect_eq(symbols_offset_of(s, IMAGE_TEXT + 5), TEXT(5));
	cr_expect_eq(symbols_addr_of(s, TEXT(5)), IMAGE_TEXT + 5);
	cr_expect_eq(symbols_offset_of(s, IMAGE_DATA + 0xfff), TEXT(0x1fff));
	cr_expect_eq(symbols_offset_of(s, IMAGE_DATA + 0x1000), UINT64_MAX);
	cr_expect_eq(symbols_offset_of(s, 0), UINT64_MAX);
	cr_expect_eq(symbols_addr_of(s, 0), UINT64_MAX);
	symbols_free(s);
}

/* push %rbp (1 byte); mov %rsp,%rbp (3 bytes); …; pop %rbp; ret at 0x10 */
static const char rbp_program[] = "\x41\x0e\x10\x86\x02" /* 1: CFA = rsp + 16 */
				  "\x43\x0d\x06"         /* 4: CFA = rbp + 16 */
				  "\x4b\x0a"             /* 15: remembered */
				  "\x41\x0c\x07\x08"     /* 16: CFA = rsp + 8 */
				  "\x41\x0b";            /* 17: as at 15 */

Test(symbols, knows_where_a_function_keeps_its_frame_pointer)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_fde(&im, 0x100, 0x20, rbp_program, sizeof(rbp_program) - 1);
	elf_image_add_fde(&im, 0x120, 0x10, "", 0);
	elf_image_add_fde(&im, 0x140, 0x10, "\x0c\x06\x30", 3); /* CFA = rbp + 48 */
	elf_image_add_fde(&im, 0x150, 0x10, "\x0c\x0a\x00", 3); /* CFA = r10 */
	s = open_image(&im);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0xff)), -1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0x100)), 0);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0x103)), 0);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0x104)), 1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0x10f)), 1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0x110)), 0);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0x111)), 1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0x11f)), 1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0x120)), 0);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0x130)), -1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0x140)), 0);
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0x150)), -1);
	cr_expect_eq(symbols_keeps_frame_pointer(s, UINT64_MAX), -1);
	symbols_free(s);
}

Test(symbols, sees_the_end_of_the_stack_where_no_caller_is_defined)
{
	struct elf_image im = {};
	struct symbols *s;

	/* Four bytes with a caller, then `undefined rip`. */
	elf_image_add_fde(&im, 0x100, 0x20, "\x44\x07\x10", 3);
	s = open_image(&im);
	cr_expect_not(symbols_is_stack_root(s, TEXT(0x103)));
	cr_expect(symbols_is_stack_root(s, TEXT(0x104)));
	cr_expect(symbols_is_stack_root(s, TEXT(0x11f)));
	cr_expect_not(symbols_is_stack_root(s, TEXT(0x120)));
	cr_expect_not(symbols_is_stack_root(s, UINT64_MAX));
	symbols_free(s);
}

Test(symbols, knows_roots_by_entry_point_and_by_name)
{
	struct elf_image im = { .entry = IMAGE_TEXT + 0x80 };
	struct symbols *s;

	elf_image_add_function(&im, "main", 0x00, 0x20, STB_GLOBAL);
	elf_image_add_function(&im, "begin", 0x80, 0x20, STB_GLOBAL);
	elf_image_add_function(&im, "runtime.goexit.abi0", 0xc0, 0x20, STB_LOCAL);
	elf_image_add_function(&im, "start_thread", 0x100, 0x20, STB_LOCAL);
	elf_image_add_function(&im, "runtime.mcall", 0x140, 0x20, STB_LOCAL);
	s = open_image(&im);
	cr_expect_eq(symbols_traits(s)->entry_offset, TEXT(0x80));
	cr_expect_not(symbols_is_stack_root(s, TEXT(0x00)));
	cr_expect(symbols_is_stack_root(s, TEXT(0x80)));
	cr_expect(symbols_is_stack_root(s, TEXT(0x9f)));
	cr_expect_not(symbols_is_stack_root(s, TEXT(0xa0)));
	cr_expect(symbols_is_stack_root(s, TEXT(0xc0)));
	cr_expect_not(symbols_is_stack_root(s, TEXT(0x100)), "any program may have that name");
	cr_expect_not(symbols_is_stack_root(s, TEXT(0x140)));
	symbols_free(s);
}

Test(symbols, tells_the_child_in_clone_from_the_parent)
{
	struct elf_image im = {};
	struct symbols *s;

	elf_image_add_function(&im, "pthread_create", 0x00, 0x20, STB_GLOBAL);
	elf_image_add_function(&im, "clone", 0x100, 0x40, STB_GLOBAL);
	elf_image_add_fde(&im, 0x100, 0x20, "", 0);
	elf_image_add_fde(&im, 0x128, 0x18, "\x07\x10", 2);
	s = open_image(&im);
	cr_expect_not(symbols_is_stack_root(s, TEXT(0x110)));
	cr_expect(symbols_is_stack_root(s, TEXT(0x124)), "without unwind information");
	cr_expect(symbols_is_stack_root(s, TEXT(0x130)));
	symbols_free(s);
}

struct name_trait {
	char name[32];
	bool defined, is_rust, has_unwinder, needs_unwinder, uses_fibers, uses_signal_stacks;
};

ParameterizedTestParameters(symbols, learns_traits_from_names)
{
	static struct name_trait cases[] = {
		{ "rust_eh_personality", true, .is_rust = true },
		{ "__rust_alloc", true, .is_rust = true },
		{ "_Unwind_RaiseException", true, .has_unwinder = true },
		{ "_Unwind_RaiseException", false, .needs_unwinder = true },
		{ "__cxa_throw", false, .needs_unwinder = true },
		{ "__cxa_throw", .defined = true },
		{ "_Unwind_Resume", false, .needs_unwinder = true },
		{ "swapcontext", false, .uses_fibers = true },
		{ "make_fcontext", true, .uses_fibers = true },
		{ "bthread_jump_fcontext", true, .uses_fibers = true },
		{ "co_switch", false, .uses_fibers = true },
		{ "pthread_cancel", false, .needs_unwinder = true },
		{ "sigaltstack", false, .uses_signal_stacks = true },
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
	s = open_image(&im);
	t = symbols_traits(s);
	cr_expect_eq(t->is_rust, c->is_rust, "%s", c->name);
	cr_expect_eq(t->has_unwinder, c->has_unwinder, "%s", c->name);
	cr_expect_eq(t->needs_unwinder, c->needs_unwinder, "%s", c->name);
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
	s = open_image(&im);
	t = symbols_traits(s);
	cr_expect_eq(t->build_id_len, 20);
	cr_expect_arr_eq(t->build_id, "0123456789abcdefghij", 20);
	cr_expect(t->is_rust);
	symbols_free(s);
}

Test(symbols, knows_the_libraries_of_this_system)
{
	struct symbols *libc = open_file(LIBC);
	struct symbols *gcc = open_file("/lib/x86_64-linux-gnu/libgcc_s.so.1");
	const struct elf_traits *t = symbols_traits(libc);
	const struct symbol *open_symbol = by_name(libc, "open");

	cr_expect_not(t->uses_fibers, "to define makecontext is not to use it");
	cr_expect(t->is_64 && t->machine == EM_X86_64 && t->type == ET_DYN &&
		  t->build_id_len == 20);
	cr_expect(symbols_traits(gcc)->has_unwinder);
	cr_assert_not_null(open_symbol);
	cr_expect(open_symbol->global && open_symbol->size);
	cr_expect_eq(symbols_find(libc, open_symbol->offset + 1)->offset, open_symbol->offset);
	cr_expect(by_name(libc, "strlen")->ifunc);
	symbols_free(libc);
	symbols_free(gcc);
}

/* Opens the C library as if its debug file were not installed. */
static struct symbols *open_stripped_libc(void)
{
	struct symbols *s = open_file(LIBC);
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

Test(symbols, finds_the_starters_of_a_stripped_libc_that_the_debug_file_names)
{
	static const char *const names[] = { "__libc_start_call_main", "start_thread" };
	static const char *const others[] = { "exit",   "pthread_create", "printf", "qsort",
					      "malloc", "pthread_join",   "atexit", "__cxa_atexit",
					      "write",  "abort",          "setjmp", "longjmp" };
	struct symbols *named = open_file(LIBC), *stripped;

	if (!symbols_traits(named)->has_symtab) {
		symbols_free(named);
		cr_skip_test("libc6-dbg is not installed");
	}
	stripped = open_stripped_libc();
	cr_assert_not(symbols_traits(stripped)->has_symtab);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct symbol *sym = by_name(named, names[i]);

		cr_assert_not_null(sym, "%s", names[i]);
		cr_expect_null(by_name(stripped, names[i]));
		for (uint64_t at = 0; at < sym->size; at++)
			cr_assert(symbols_is_stack_root(stripped, sym->offset + at) &&
				      symbols_is_stack_root(named, sym->offset + at),
				  "%s+%lu", names[i], at);
		cr_expect_not(symbols_is_stack_root(stripped, sym->offset - 1), "%s", names[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		const struct symbol *sym = by_name(named, others[i]);

		for (uint64_t at = 0; sym && at < sym->size; at++)
			cr_assert(!symbols_is_stack_root(stripped, sym->offset + at) &&
				      !symbols_is_stack_root(named, sym->offset + at),
				  "%s+%lu", others[i], at);
	}
	symbols_free(named);
	symbols_free(stripped);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

Test(symbols, names_the_stubs_of_this_program_but_does_not_list_them)
{
	struct symbols *s = open_file("/proc/self/exe");
	const struct symbol *stub = NULL;

	for (uint64_t offset = 0; offset < 64u << 20 && !stub; offset += 16) {
		stub = symbols_find(s, offset);
		if (stub && !ends_with(stub->name, "@plt"))
			stub = NULL;
	}
	cr_assert_not_null(stub);
	cr_expect_null(by_name(s, stub->name));
	cr_expect_leq(stub->size, 16);
	symbols_free(s);
}

Test(symbols, finds_the_functions_of_this_program)
{
	struct symbols *s = open_file("/proc/self/exe");
	const struct symbol *open_image_symbol = by_name(s, "open_image");
	const struct elf_traits *t = symbols_traits(s);

	cr_expect(t->has_symtab && t->interp && strstr(t->interp, "ld-linux"));
	cr_assert_not_null(open_image_symbol);
	cr_expect_not(open_image_symbol->global);
	cr_expect_str_eq(name_at(s, open_image_symbol->offset + 4), "open_image");
	cr_expect(symbols_is_stack_root(s, t->entry_offset));
	cr_expect_str_eq(name_at(s, t->entry_offset), "_start");
	cr_expect_gt(symbols_memory(s), count(s, NULL) * 40);
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
	sym = by_name(s, "__vdso_clock_gettime");
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
	cr_expect_str_eq(name_at(s, TEXT(0)), "f");
	cr_expect_eq(symbols_keeps_frame_pointer(s, TEXT(0)), -1);
	cr_expect_not(symbols_is_stack_root(s, TEXT(0)));
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
		const struct symbol *sym = symbols_find(s, TEXT(at));

		cr_assert(!sym || (sym->offset <= TEXT(at) && strlen(sym->name) < 100));
		symbols_is_stack_root(s, TEXT(at));
		symbols_keeps_frame_pointer(s, TEXT(at));
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
	elf_image_add_fde(&im, 0x20, 0x100, rbp_program, sizeof(rbp_program) - 1);
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
