/* SPDX-License-Identifier: GPL-2.0-only */
/* Jumps from anywhere in an object into the first instructions of its functions. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_image.h"
#include "lib/cleanup.h"
#include "trace/intruders.h"

#define SITE 0x800 /* the guarded places lie from here on, behind IMAGE_TEXT */

/* An object with code at its beginning, with an FDE or without. */
struct object {
	struct symbols *symbols;
	int fd;
};

static struct object make_object(const uint8_t *code, size_t size, bool known)
{
	struct elf_image im = {};
	struct object o = { .fd = memfd_create("object", MFD_CLOEXEC) };
	struct buf file = {};

	buf_add(&im.text, code, size);
	if (known)
		elf_image_add_fde(&im, 0, (uint32_t)size, NULL, 0);
	elf_image_write(&im, &file);
	cr_assert_eq(write(o.fd, file.data, file.len), (ssize_t)file.len);
	cr_assert_eq(symbols_open(o.fd, NULL, "", &o.symbols), 0);
	buf_done(&file);
	elf_image_done(&im);
	return o;
}

/* Is [SITE + 1, SITE + 4] entered by that code? */
static bool enters(const uint8_t *code, size_t size, bool known)
{
	struct object o = make_object(code, size, known);
	struct guarded g = { IMAGE_TEXT + SITE + 1, IMAGE_TEXT + SITE + 4, true };

	cr_assert_eq(intruders_find(o.fd, o.symbols, &g, 1), 0);
	symbols_free(o.symbols);
	close(o.fd);
	return g.entered;
}

/* A branch of `size` bytes, `at` into the code, that leads to SITE + `to`. */
static bool enters_by(const uint8_t *opcode, size_t opcode_size, int32_t to)
{
	uint8_t code[32] = { 0x90, 0x90, 0x90 };
	int32_t offset = SITE + to - (int32_t)(3 + opcode_size + sizeof(offset));

	memcpy(code + 3, opcode, opcode_size);
	memcpy(code + 3 + opcode_size, &offset, sizeof(offset));
	code[3 + opcode_size + sizeof(offset)] = 0xc3;
	return enters(code, 3 + opcode_size + sizeof(offset) + 1, true);
}

Test(intruders, jumps_and_calls_are_found)
{
	static const uint8_t jmp[] = { 0xe9 }, call[] = { 0xe8 }, jg[] = { 0x0f, 0x8f };
	static const uint8_t bnd_jmp[] = { 0xf2, 0xe9 }, addr32_call[] = { 0x67, 0xe8 };

	cr_expect(enters_by(jmp, sizeof(jmp), 1));
	cr_expect(enters_by(jmp, sizeof(jmp), 4));
	cr_expect(enters_by(call, sizeof(call), 2));
	cr_expect(enters_by(jg, sizeof(jg), 3));
	cr_expect(enters_by(bnd_jmp, sizeof(bnd_jmp), 3));
	cr_expect(enters_by(addr32_call, sizeof(addr32_call), 3));
}

Test(intruders, the_start_and_what_follows_the_site_may_be_jumped_to)
{
	static const uint8_t jmp[] = { 0xe9 };

	cr_expect_not(enters_by(jmp, sizeof(jmp), 0));
	cr_expect_not(enters_by(jmp, sizeof(jmp), 5));
}

Test(intruders, a_number_that_looks_like_a_jump_is_none)
{
	/* mov $…, %eax with the bytes of jmp SITE + 2 from the second on */
	uint8_t code[] = { 0xb8, 0xe9, 0xfc, 0x07, 0x00, 0x00, 0xc3 };

	cr_expect_not(enters(code, sizeof(code), true), "an instruction's operand");
	cr_expect(enters(code, sizeof(code), false), "nobody knows where instructions begin");
	code[0] = 0x90;
	cr_expect(enters(code, sizeof(code), true), "now it is a jump");
}

Test(intruders, short_jumps_are_found_in_the_right_range)
{
	/* jmp to 0x10, then jrcxz to 0x21 */
	static const uint8_t code[] = { 0xeb, 0x0e, 0xe3, 0x1d, 0xc3 };
	struct object o = make_object(code, sizeof(code), true);
	struct guarded g[] = {
		{ IMAGE_TEXT + 0x09, IMAGE_TEXT + 0x0f, true },
		{ IMAGE_TEXT + 0x10, IMAGE_TEXT + 0x10, false },
		{ IMAGE_TEXT + 0x11, IMAGE_TEXT + 0x20, true },
		{ IMAGE_TEXT + 0x21, IMAGE_TEXT + 0x50, false },
		{ IMAGE_TEXT + 0x51, IMAGE_TEXT + 0x52, true },
	};

	cr_assert_eq(intruders_find(o.fd, o.symbols, g, sizeof(g) / sizeof(*g)), 0);
	cr_expect_not(g[0].entered);
	cr_expect(g[1].entered);
	cr_expect_not(g[2].entered);
	cr_expect(g[3].entered);
	cr_expect_not(g[4].entered);
	symbols_free(o.symbols);
	close(o.fd);
}

Test(intruders, no_range_is_no_trouble_and_no_object_is)
{
	static const uint8_t code[] = { 0xc3 };
	struct object o = make_object(code, sizeof(code), true);
	_cleanup_close_ int none = open("/dev/null", O_RDONLY | O_CLOEXEC);

	cr_expect_eq(intruders_find(o.fd, o.symbols, NULL, 0), 0);
	cr_expect_lt(intruders_find(none, o.symbols, NULL, 0), 0);
	symbols_free(o.symbols);
	close(o.fd);
}

/* mempcpy jumps into memmove, behind its first instruction: calls of the one are none of it. */
Test(intruders, memmove_of_libc_is_entered_by_others)
{
	const char *path = "/lib/x86_64-linux-gnu/libc.so.6";
	const struct symbol *sym;
	struct symbols *symbols;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct guarded g = {};

	if (fd < 0)
		cr_skip_test("no libc there");
	symbols = elf_image_open_file(path);
	sym = elf_image_symbol(symbols, "__memmove_avx_unaligned");
	if (!sym)
		cr_skip_test("no symbols of its own for libc");
	g.from = sym->addr + 1;
	g.to = sym->addr + 16;
	cr_assert_eq(intruders_find(fd, symbols, &g, 1), 0);
	cr_expect(g.entered);
	symbols_free(symbols);
}
