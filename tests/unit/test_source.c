/* SPDX-License-Identifier: GPL-2.0-only */
/* Source lines and inlined functions, of what real compilers make of known source. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiled.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "sym/elf.h"
#include "sym/source.h"
#include "sym/symbols.h"

/* A mark in the code: a symbol of its own at the instruction that a line is known of. */
#define MARK(name)                                                                                 \
	"__asm__ volatile(\".globl " name "\\n.type " name ",@function\\n" name ": nop\");"

static const char c_source[] =
    "#line 10 \"first.c\"\n"
    "static inline __attribute__((always_inline)) void inner(void)\n"
    "{\n"
    "	" MARK("mark_inner") "\n" /* 12 */
			     "}\n"
			     "static inline __attribute__((always_inline)) void middle(void)\n"
			     "{\n"
			     "	inner();\n" /* 16 */
			     "}\n"
			     "#line 100 \"sub/../sub/./second.c\"\n"
			     "void outer(void)\n"
			     "{\n"
			     "	" MARK("mark_outer") "\n"            /* 102 */
						     "	middle();\n" /* 103 */
						     "}\n";

/* "inner first.c:12 < middle first.c:16 < outer second.c:103"; files without folders. */
static void describe(const struct symbols *s, uint64_t offset, struct buf *b)
{
	source_frames f;

	buf_clear(b);
	cr_assert_eq(symbols_source(s, offset, &f), 0);
	for (uint32_t i = 0; i < f.n; i++) {
		const char *file = f.v[i].file ? f.v[i].file : "?";
		const char *slash = strrchr(file, '/');

		buf_printf(b, "%s%s %s:%u", i ? " < " : "", f.v[i].name ? f.v[i].name : "?",
			   slash ? slash + 1 : file, f.v[i].line);
		cr_expect_eq(f.v[i].inlined, i + 1 < f.n);
	}
}

static void expect_at(const struct compiled *c, const char *mark, const char *want)
{
	uint64_t addr = compiled_addr(c, mark);
	struct buf b = {};

	describe(c->symbols, symbols_offset_of(c->symbols, addr), &b);
	cr_expect_str_eq(buf_str(&b), want, "%s: %s", mark, buf_str(&b));
	buf_done(&b);
}

struct command {
	char line[160];
};

ParameterizedTestParameters(source, names_inlined_functions_and_their_calls)
{
	static struct command commands[] = {
		{ "gcc -gdwarf-2 -O2 -shared -fPIC -x c -" },
		{ "gcc -gdwarf-3 -O2 -shared -fPIC -x c -" },
		{ "gcc -gdwarf-4 -O2 -shared -fPIC -x c -" },
		{ "gcc -gdwarf-5 -O2 -shared -fPIC -x c -" },
		{ "gcc -gdwarf-5 -gdwarf64 -O2 -shared -fPIC -x c -" },
		{ "gcc -g -gz=zlib -O2 -shared -fPIC -x c -" },
		{ "gcc -g -gz=zlib-gnu -O2 -shared -fPIC -x c -" },
		{ "gcc -g -ffunction-sections -Wl,--gc-sections -O2 -shared -fPIC -x c -" },
		{ "gcc -g -flto -O2 -shared -fPIC -x c -" },
		{ "gcc -g1 -O2 -shared -fPIC -x c -" },
		{ "clang -gdwarf-2 -O2 -shared -fPIC -x c -" },
		{ "clang -gdwarf-4 -O2 -shared -fPIC -x c -" },
		{ "clang -gdwarf-5 -O2 -shared -fPIC -x c -" },
		{ "clang -gline-tables-only -O2 -shared -fPIC -x c -" },
	};

	return cr_make_param_array(struct command, commands, sizeof(commands) / sizeof(*commands));
}

ParameterizedTest(struct command *command, source, names_inlined_functions_and_their_calls)
{
	struct compiled c = {};

	compiled_open(&c, command->line, c_source);
	expect_at(&c, "mark_inner", "inner first.c:12 < middle first.c:16 < outer second.c:103");
	expect_at(&c, "mark_outer", "outer second.c:102");
	compiled_done(&c);
}

static const char cxx_source[] =
    "#line 1 \"shop.cc\"\n"
    "#define INLINE inline __attribute__((always_inline))\n"
    "namespace shop { struct Cart { int n;\n"
    "	INLINE void add(int x) { n += x; " MARK(
	"mark_method") " }\n"                                                               /* 3 */
		       "	template <class T> INLINE void put(T x) { add((int)x); }\n" /* 4 */
		       "}; }\n"
		       "namespace { INLINE void hidden() { " MARK(
			   "mark_hidden") " } }\n" /* 6 */
					  "int total(int k) {\n"
					  "	shop::Cart c = { k };\n"
					  "	c.put(2.5);\n" /* 9 */
					  "	hidden();\n"   /* 10 */
					  "	struct Local { static INLINE void run() { " MARK(
					      "mark_local") " } };\n"
							    "	Local::run();\n" /* 12 */
							    "	auto f = [&](long) INLINE_CALL "
							    "{ " MARK(
								"mark_lambda") " };\n" /* 13 */
									       "	f(1);\n" /* 14 */
									       "	return "
									       "c.n;\n"
									       "}\n";

Test(source, names_functions_of_cxx_as_they_are_written)
{
	struct compiled c = {};

	compiled_open(&c,
		      "g++ '-DINLINE_CALL=__attribute__((always_inline))' -g -O2 -shared -fPIC "
		      "-x c++ -",
		      cxx_source);
	expect_at(&c, "mark_method",
		  "shop::Cart::add(int) shop.cc:3 < void shop::Cart::put<double>(double) "
		  "shop.cc:4 < total(int) shop.cc:9");
	expect_at(&c, "mark_hidden",
		  "(anonymous namespace)::hidden shop.cc:6 < total(int) shop.cc:10");
	expect_at(&c, "mark_local", "total::Local::run shop.cc:11 < total(int) shop.cc:12");
	expect_at(&c, "mark_lambda",
		  "total::{unnamed type}::operator() shop.cc:13 < total(int) shop.cc:14");
	compiled_done(&c);
}

/* Functions are in another file, which is not read; the lines are not. */
Test(source, knows_the_lines_of_split_units)
{
	struct compiled c = {};
	char split[80];

	compiled_open(&c, "cd /tmp && gcc -gdwarf-5 -gsplit-dwarf -O2 -shared -fPIC -x c -",
		      c_source);
	expect_at(&c, "mark_inner", "? first.c:12");
	expect_at(&c, "mark_outer", "? second.c:102");
	snprintf(split, sizeof(split), "%s--.dwo", c.path);
	unlink(split);
	compiled_done(&c);
}

Test(source, gives_whole_paths)
{
	struct compiled c = {};
	source_frames f;
	uint64_t addr;
	char here[4096], want[8192];

	cr_assert_not_null(getcwd(here, sizeof(here)));
	for (int version = 3; version <= 5; version++) {
		char command[128];

		snprintf(command, sizeof(command), "gcc -gdwarf-%d -O2 -shared -fPIC -x c -",
			 version);
		compiled_open(&c, command, c_source);
		addr = compiled_addr(&c, "mark_outer");
		cr_assert_eq(symbols_source(c.symbols, symbols_offset_of(c.symbols, addr), &f), 0);
		cr_assert_eq(f.n, 1);
		snprintf(want, sizeof(want), "%s/sub/second.c", here);
		cr_expect_str_eq(f.v[0].file, want, "%s", f.v[0].file);
		compiled_done(&c);
	}
}

Test(source, knows_nothing_without_debug_information)
{
	struct compiled c = {};
	source_frames f = { .n = 7 };

	compiled_open(&c, "gcc -O2 -shared -fPIC -x c -", c_source);
	cr_expect_eq(symbols_source(c.symbols, 0x1100, &f), 0);
	cr_expect_eq(f.n, 0);
	cr_expect_eq(symbols_source(c.symbols, UINT64_MAX, &f), 0);
	cr_expect_eq(f.n, 0);
	cr_expect_not(symbols_source_given_up(c.symbols));
	compiled_done(&c);
}

Test(source, knows_nothing_of_code_without_lines)
{
	struct compiled c = {};
	struct buf b = {};

	compiled_open(&c, "gcc -g -O2 -shared -fPIC -x c -", c_source);
	describe(c.symbols, 0, &b);
	cr_expect_str_eq(buf_str(&b), "");
	describe(c.symbols, symbols_offset_of(c.symbols, compiled_addr(&c, "_init")), &b);
	cr_expect_str_eq(buf_str(&b), "");
	buf_done(&b);
	compiled_done(&c);
}

/* The function's own frame is never what is cut. */
Test(source, bounds_depth)
{
	struct compiled c = {};
	struct buf source = {};
	source_frames f;
	uint64_t addr;

	buf_add_str(&source, "#define I static inline __attribute__((always_inline))\n"
			     "I void f0(void) { " MARK("mark") " }\n");
	for (int i = 1; i < 100; i++)
		buf_printf(&source, "I void f%d(void) { f%d(); }\n", i, i - 1);
	buf_add_str(&source, "void outermost(void) { f99(); }\n");
	compiled_open(&c, "gcc -g -O1 -shared -fPIC -x c -", buf_str(&source));
	addr = compiled_addr(&c, "mark");
	cr_assert_eq(symbols_source(c.symbols, symbols_offset_of(c.symbols, addr), &f), 0);
	cr_expect_eq(f.n, SOURCE_FRAMES_MAX);
	cr_expect_str_eq(f.v[f.n - 1].name, "outermost");
	cr_expect_str_eq(f.v[f.n - 2].name, "f99");
	buf_done(&source);
	compiled_done(&c);
}

Test(source, reads_the_separate_debug_file)
{
	struct compiled c = {};
	struct symbols *s = NULL;
	char debug[80], command[512];

	compiled_open(&c, "gcc -g -O2 -shared -fPIC -Wl,--build-id=none -x c -", c_source);
	snprintf(debug, sizeof(debug), "%s.debug", c.path);
	snprintf(command, sizeof(command),
		 "objcopy --only-keep-debug %s %s && objcopy --strip-all --add-gnu-debuglink=%s %s",
		 c.path, debug, debug, c.path);
	cr_assert_eq(system(command), 0, "%s", command);
	symbols_free(c.symbols);
	close(c.fd);
	c.fd = open(c.path, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(symbols_open(c.fd, c.path, "", &s), 0);
	c.symbols = s;
	expect_at(&c, "mark_inner", "inner first.c:12 < middle first.c:16 < outer second.c:103");
	unlink(debug);
	compiled_done(&c);
}

static void expect_soon(const struct symbols *s, uint64_t size)
{
	uint64_t started = clock_monotonic_ns();

	for (uint64_t offset = 0; offset < size; offset += 16) {
		source_frames f;

		if (symbols_source(s, offset, &f))
			continue;
		cr_assert_leq(f.n, SOURCE_FRAMES_MAX);
		for (uint32_t i = 0; i < f.n; i++)
			cr_assert(!f.v[i].file || f.v[i].file[0]);
	}
	cr_expect_lt(clock_monotonic_ns() - started, 2000000000);
}

struct flips {
	GElf_Shdr section;
	uint32_t seed;
};

static void flip(uint8_t *bytes, size_t n, void *arg)
{
	struct flips *f = arg;

	cr_assert(f->section.sh_offset + f->section.sh_size <= n);
	for (int i = 0; i < 3; i++) {
		f->seed = f->seed * 1664525 + 1013904223;
		bytes[f->section.sh_offset + (f->seed >> 8) % f->section.sh_size] =
		    (uint8_t)(f->seed >> 16);
	}
}

Test(source, survives_damaged_debug_information)
{
	static const char *const sections[] = {
		".debug_info", ".debug_abbrev",   ".debug_line",
		".debug_str",  ".debug_line_str", ".debug_rnglists"
	};
	struct compiled c = {};
	struct elf_file *file;

	compiled_open(&c, "g++ -DINLINE_CALL= -g -O2 -shared -fPIC -x c++ -", cxx_source);
	cr_assert_eq(elf_file_open(c.fd, &file), 0);
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		const struct elf_section *section = elf_section_named(file, sections[i]);
		struct flips f = { .seed = 1 };

		cr_assert_not_null(section, "%s", sections[i]);
		f.section = section->header;
		for (int n = 0; n < 150; n++) {
			int fd = compiled_copy(&c, flip, &f);
			struct symbols *s = NULL;

			cr_assert_eq(symbols_open(fd, NULL, "", &s), 0);
			expect_soon(s, 0x2000);
			symbols_free(s);
			close(fd);
		}
	}
	elf_file_free(file);
	compiled_done(&c);
}
