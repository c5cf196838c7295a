/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions of language runtimes that tell how calls fail. */
#include <criterion/criterion.h>

#include "elf_image.h"
#include "trace/hooks.h"

static const struct hook *hook_of(const hook_vec *v, uint32_t object, enum hook_kind kind)
{
	vec_foreach (h, v) {
		if (h->kind == kind && h->object == object)
			return h;
	}
	return NULL;
}

Test(hooks, each_runtimes_functions_have_their_kind)
{
	static const struct {
		const char *name;
		enum hook_kind kind;
	} cases[] = {
		{ "_Unwind_RaiseException", HOOK_RAISE }, { "_Unwind_SetIP", HOOK_LAND },
		{ "__cxa_begin_catch", HOOK_CATCH },      { "runtime.gopanic", HOOK_GO_PANIC },
		{ "runtime.Goexit", HOOK_GO_EXIT },       { "_PyErr_SetObject", HOOK_PYTHON_IN },
	};
	size_t n = sizeof(cases) / sizeof(*cases);
	struct elf_image im = {};
	struct symbols *s;
	hook_vec found = {};

	for (size_t i = 0; i < n; i++)
		elf_image_add_function(&im, cases[i].name, 0x20 * i, 0x10, STB_GLOBAL);
	elf_image_add_function(&im, "_Unwind_Resume", 0x200, 0x10, STB_GLOBAL);
	elf_image_add_function(&im, "runtime.gopanic.func1", 0x220, 0x10, STB_LOCAL);
	elf_image_add_function(&im, "main", 0x240, 0x10, STB_GLOBAL);
	s = elf_image_open(&im);
	cr_assert_eq(hooks_find(5, s, &found), 0);
	cr_assert_eq(found.n, n);
	for (size_t i = 0; i < n; i++) {
		const struct hook *h = hook_of(&found, 5, cases[i].kind);

		cr_assert_not_null(h, "%s", cases[i].name);
		cr_assert_eq(h->offset, IMAGE_AT(0x20 * i), "%s", cases[i].name);
		cr_assert_not(h->attached);
	}
	vec_done(&found);
	symbols_free(s);
}

Test(hooks, both_ways_to_raise_are_found)
{
	struct elf_image im = {};
	struct symbols *s;
	hook_vec found = {};

	elf_image_add_function(&im, "_Unwind_RaiseException", 0x00, 0x10, STB_GLOBAL);
	elf_image_add_function(&im, "_Unwind_Resume_or_Rethrow", 0x20, 0x10, STB_GLOBAL);
	s = elf_image_open(&im);
	cr_assert_eq(hooks_find(0, s, &found), 0);
	cr_assert_eq(found.n, 2);
	cr_assert(found.v[0].kind == HOOK_RAISE && found.v[1].kind == HOOK_RAISE);
	vec_done(&found);
	symbols_free(s);
}

/* One calls the other: an exception must not be counted twice. */
Test(hooks, of_pythons_two_functions_the_inner_one_is_enough)
{
	hook_vec found = {};

	for (uint32_t object = 0; object < 3; object++) {
		struct elf_image im = {};
		struct symbols *s;

		if (object != 1)
			elf_image_add_function(&im, "PyErr_SetObject", 0x00, 0x10, STB_GLOBAL);
		if (object)
			elf_image_add_function(&im, "_PyErr_SetObject", 0x20, 0x10, STB_GLOBAL);
		s = elf_image_open(&im);
		cr_assert_eq(hooks_find(object, s, &found), 0);
		symbols_free(s);
	}
	cr_assert_eq(found.n, 3, "one an object, what was found before stays");
	cr_assert_not_null(hook_of(&found, 0, HOOK_PYTHON));
	cr_assert_not_null(hook_of(&found, 1, HOOK_PYTHON_IN));
	cr_assert_not_null(hook_of(&found, 2, HOOK_PYTHON_IN));
	vec_done(&found);
}

Test(hooks, imports_are_no_hooks)
{
	Elf64_Sym import = { .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC) };
	struct elf_image im = {};
	struct symbols *s;
	hook_vec found = {};

	elf_image_add_symbol(&im, 1, "_Unwind_RaiseException", import);
	s = elf_image_open(&im);
	cr_assert_eq(hooks_find(0, s, &found), 0);
	cr_assert_eq(found.n, 0);
	vec_done(&found);
	symbols_free(s);
}

Test(hooks, the_unwinder_of_this_system_has_them)
{
	struct symbols *s = elf_image_open_file("/lib/x86_64-linux-gnu/libgcc_s.so.1");
	const struct hook *h;
	hook_vec found = {};

	cr_assert_eq(hooks_find(0, s, &found), 0);
	h = hook_of(&found, 0, HOOK_RAISE);
	cr_assert_not_null(h);
	cr_assert_not_null(hook_of(&found, 0, HOOK_LAND));
	cr_assert_null(hook_of(&found, 0, HOOK_CATCH));
	cr_assert(h->offset == elf_image_symbol(s, "_Unwind_RaiseException")->offset ||
		  h->offset == elf_image_symbol(s, "_Unwind_Resume_or_Rethrow")->offset);
	vec_done(&found);
	symbols_free(s);
}
