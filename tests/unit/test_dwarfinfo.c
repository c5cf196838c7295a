/* SPDX-License-Identifier: GPL-2.0-only */
/* Debug information that is damaged or malicious. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "compiled.h"
#include "lib/clock.h"
#include "sym/elf.h"
#include "sym/rettype.h"

/*
 * DWARF 4 by hand: DIE_* are abbreviations, a reference is the distance to .debug_info's start.
 * `f` is a function of four bytes whose type the DIEs at `type` describe.
 */
#define BY_HAND(type) BY_HAND_IN("12", type) /* C99 */
#define BY_HAND_IN(language, type)                                                                 \
	".text\n.globl f\n.type f,@function\nf: nop\n nop\n nop\n ret\n.size f,.-f\n"              \
	".section .debug_abbrev\n"                                                                 \
	" .byte 1,0x11,1, 0x13,0x05, 0x11,1, 0x12,6, 0,0\n" /* unit: language, low, high */        \
	" .byte 2,0x2e,1, 0x11,1, 0x49,0x10, 0,0\n"         /* function: low, type */              \
	" .byte 3,0x16,0, 0x49,0x10, 0,0\n"                 /* typedef */                          \
	" .byte 4,0x39,1, 0x01,0x10, 0,0\n"                 /* namespace with a sibling */         \
	" .byte 5,0x24,0, 0x3e,0x0b, 0x0b,0x0b, 0,0\n"      /* base type: encoding, size */        \
	" .byte 6,0x2e,1, 0x11,1, 0x31,0x10, 0,0\n"         /* function: low, origin */            \
	" .byte 8,0x2e,1, 0x11,1, 0,0\n"                    /* function: low */                    \
	" .byte 7,0x39,1, 0,0\n"                            /* namespace */                        \
	" .byte 0\n"                                                                               \
	".section .debug_info\nstart: .4byte end-begin\nbegin: .2byte 4\n .4byte 0\n .byte 8\n"    \
	" .byte 1\n .2byte " language "\n .8byte f\n .4byte 4\n" type " .byte 0\nend:\n"
#define FUNCTION(type) " .byte 2\n .8byte f\n .4byte " type "-start\n .byte 0\n"

static void expect_within(uint64_t limit_ns, const char *source, int kind)
{
	struct compiled c = {};
	struct return_type type = { .kind = 77 };
	struct return_types *t = NULL;
	uint64_t started;
	bool found;

	compiled_open(&c, "gcc -shared -nostdlib -x assembler -", source);
	cr_assert_eq(return_types_open(c.fd, NULL, "", &t), 0);
	started = clock_monotonic_ns();
	found = return_type_of(t, compiled_addr(&c, "f"), &type);
	cr_expect_lt(clock_monotonic_ns() - started, limit_ns);
	cr_expect_eq(found, kind >= 0);
	if (kind >= 0)
		cr_expect_eq(type.kind, kind, "%d", type.kind);
	return_types_free(t);
	compiled_done(&c);
}

static void expect_by_hand(const char *source, int kind)
{
	expect_within(1000000000, source, kind);
}

Test(dwarfinfo, understands_what_these_tests_write)
{
	expect_by_hand(BY_HAND(FUNCTION("t") "t: .byte 3\n .4byte i-start\ni: .byte 5,5,4\n"),
		       RETURN_INT);
	expect_by_hand(BY_HAND(" .byte 7\n" FUNCTION("i") " .byte 0\ni: .byte 5,5,4\n"),
		       RETURN_INT);
	expect_by_hand(BY_HAND("a: .byte 8\n .8byte f\n .byte 0\n"), RETURN_VOID);
	/* An assembler's word for "no type given". */
	expect_by_hand(BY_HAND_IN("0x8001", "a: .byte 8\n .8byte f\n .byte 0\n"), RETURN_UNKNOWN);
}

Test(dwarfinfo, ends_where_damaged_types_have_no_end)
{
	expect_by_hand(BY_HAND(FUNCTION("a") "a: .byte 3\n .4byte b-start\n"
					     "b: .byte 3\n .4byte a-start\n"),
		       RETURN_UNKNOWN);
	expect_by_hand(BY_HAND(FUNCTION("0x7fff0000")), RETURN_UNKNOWN);
	expect_by_hand(BY_HAND("a: .byte 6\n .8byte f\n .4byte a-start\n .byte 0\n"),
		       RETURN_UNKNOWN);
	/* A sibling that leads back. */
	expect_by_hand(BY_HAND("a: .byte 4\n .4byte a-start\n .byte 0\n"), -1);
	/* Two functions at one address that do not agree, and two that do. */
	expect_by_hand(BY_HAND(FUNCTION("i") FUNCTION("u") "i: .byte 5,5,4\nu: .byte 5,7,4\n"),
		       RETURN_UNKNOWN);
	expect_by_hand(BY_HAND(FUNCTION("i") FUNCTION("u") "i: .byte 5,5,4\nu: .byte 5,6,4\n"),
		       RETURN_INT);
	/* So deep that it is not looked into, and deeper than a stack. */
	expect_by_hand(BY_HAND(".rept 60\n .byte 7\n.endr\n" FUNCTION("i") "i: .byte 5,5,4\n"),
		       RETURN_INT);
	expect_within(3500000000, BY_HAND(".fill 6000000,1,7\n" FUNCTION("i") "i: .byte 5,5,4\n"),
		      -1);
}

static const char *const functions[] = { "f_int", "f_string", "f_enum", "f_struct", "f_void" };

static const char source[] = "enum e { NONE = -1, SOME }; struct s { int a; }; typedef int t;\n"
			     "const t f_int(void) { return 1; }\n"
			     "char *f_string(void) { return 0; }\n"
			     "enum e f_enum(void) { return NONE; }\n"
			     "struct s f_struct(void) { struct s s = { 1 }; return s; }\n"
			     "void f_void(void) {}\n";

struct flips {
	GElf_Shdr section;
	uint32_t seed;
};

static void flip(uint8_t *bytes, size_t n, void *arg)
{
	struct flips *f = arg;

	cr_assert(f->section.sh_offset + f->section.sh_size <= n);
	for (int i = 0; i < 4; i++) {
		f->seed = f->seed * 1664525 + 1013904223;
		bytes[f->section.sh_offset + (f->seed >> 8) % f->section.sh_size] =
		    (uint8_t)(f->seed >> 16);
	}
}

static void ask_damaged(const struct compiled *c, struct flips *f)
{
	int fd = compiled_copy(c, flip, f);
	struct return_types *t = NULL;

	return_types_open(fd, NULL, "", &t);
	for (size_t i = 0; t && i < sizeof(functions) / sizeof(*functions); i++) {
		struct return_type type;

		if (return_type_of(t, compiled_addr(c, functions[i]), &type))
			cr_expect_leq(type.kind, RETURN_GO_ERROR);
	}
	return_types_free(t);
	close(fd);
}

Test(dwarfinfo, survives_damaged_debug_information)
{
	static const char *const sections[] = { ".debug_info", ".debug_abbrev", ".debug_str" };
	struct compiled c = {};
	struct elf_file *file;

	compiled_open(&c, "gcc -g -O1 -shared -fPIC -x c -", source);
	cr_assert_eq(elf_file_open(c.fd, &file), 0);
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		const struct elf_section *s = elf_section_named(file, sections[i]);
		struct flips f = { .seed = 1 };

		cr_assert_not_null(s);
		f.section = s->header;
		for (int n = 0; n < 200; n++)
			ask_damaged(&c, &f);
	}
	elf_file_free(file);
	compiled_done(&c);
}
