/* SPDX-License-Identifier: GPL-2.0-only */
/* What 3.13 and later tell of themselves, and which of it is believed. */
#include <criterion/criterion.h>
#include <errno.h>

#include "python_objects.h"
#include "runtime/python_image.h"

#define RUNTIME (FAKE_BASE + 0x100)

/* As CPython 3.13.0 has it at _PyRuntime; what is not used is left out. */
static void tell_3_13(struct fake_process *f)
{
	static const uint16_t words[][2] = {
		{ 5, 632 },  { 8, 7264 }, { 9, 7344 }, { 21, 8 },  { 22, 16 },  { 23, 72 },
		{ 24, 152 }, { 29, 8 },   { 30, 0 },   { 31, 56 }, { 33, 70 },  { 35, 112 },
		{ 36, 120 }, { 37, 128 }, { 38, 136 }, { 39, 68 }, { 43, 200 }, { 47, 24 },
		{ 65, 16 },  { 66, 32 },  { 68, 32 },  { 69, 16 }, { 70, 40 },
	};

	fake_init(f);
	fake_bytes(f, RUNTIME, "xdebugpy", 8);
	fake_word(f, RUNTIME + 8, 0x030d00f0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		fake_word(f, RUNTIME + 8ULL * words[i][0], words[i][1]);
}

Test(python_layout, is_read_where_a_process_tells_it)
{
	static struct fake_process f;
	struct python_layout l;
	uint32_t minor;
	bool free_threaded;

	tell_3_13(&f);
	cr_assert_eq(python_layout_read(&f.memory, RUNTIME, &l, &minor, &free_threaded), 0);
	cr_expect(minor == 13 && !free_threaded);
	cr_expect(l.interpreters == 632 && l.interp_threads == 7344 && l.thread_frame == 72);
	cr_expect(l.frame_end == 70 && l.code_instrs == 200 && l.str_compact == 56);
}

Test(python_layout, refuses_other_versions_and_nonsense)
{
	static struct fake_process f;
	struct python_layout l;
	uint32_t minor;
	bool free_threaded;

	tell_3_13(&f);
	fake_word(&f, RUNTIME + 8, 0x031000f0);
	cr_expect_eq(python_layout_read(&f.memory, RUNTIME, &l, &minor, &free_threaded), -ENOTSUP);
	cr_expect_eq(minor, 16);
	fake_word(&f, RUNTIME + 8, 0x030d00a1);
	cr_expect_eq(python_layout_read(&f.memory, RUNTIME, &l, &minor, &free_threaded), -ENOTSUP,
		     "an alpha version");
	tell_3_13(&f);
	fake_word(&f, RUNTIME + 16, 1);
	cr_expect_eq(python_layout_read(&f.memory, RUNTIME, &l, &minor, &free_threaded), 0,
		     "without the GIL, which 3.13 tells all of");
	cr_expect(free_threaded);
	fake_word(&f, RUNTIME + 8, 0x030e00f0);
	cr_expect_eq(python_layout_read(&f.memory, RUNTIME, &l, &minor, &free_threaded), -ENOTSUP,
		     "from 3.14 on instructions are each thread's own");
	cr_expect(free_threaded);
	tell_3_13(&f);
	fake_word(&f, RUNTIME + 8 * 30, UINT64_MAX);
	cr_expect_eq(python_layout_read(&f.memory, RUNTIME, &l, &minor, &free_threaded), -EINVAL);
	fake_word(&f, RUNTIME, 0);
	cr_expect_eq(python_layout_read(&f.memory, RUNTIME, &l, &minor, &free_threaded), -ENOENT);
	cr_expect_eq(python_layout_read(&f.memory, 8, &l, &minor, &free_threaded), -EFAULT);
}

Test(python_layout, of_every_version_can_be_told_to_bpf)
{
	for (uint32_t minor = 8; minor <= 12; minor++) {
		struct python_process p = { .layout = python_layout_of(minor) };
		struct pb_python_image image;

		cr_assert_eq(python_image_make(&p, &image), 0, "3.%u", minor);
		cr_expect(image.frame_size <= 127 && image.code_size >= 8);
		cr_expect_eq(image.mode, minor < 10 ? PB_PYTHON_ONE : PB_PYTHON_CFRAME);
		cr_expect_eq(image.skips_end, minor >= 12);
	}
	cr_expect_null(python_layout_of(7));
	cr_expect_null(python_layout_of(13));
}
