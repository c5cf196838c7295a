/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines and inlined functions of Go programs, against what these say of themselves. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "go_program.h"
#include "lib/cleanup.h"
#include "sym/goline.h"

/* Prints the frames of some stacks: address, function, file, line, is it inlined? */
static const char source[] =
    "package main\n"
    "import (\"fmt\"; \"runtime\"; \"sort\"; \"strings\")\n"
    "var n int\n"
    "func report() {\n"
    "	pcs := make([]uintptr, 64)\n"
    "	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])\n"
    "	for {\n"
    "		f, more := frames.Next()\n"
    "		inlined := 0\n"
    "		if f.Func == nil { inlined = 1 }\n"
    "		fmt.Printf(\"%x %s %s %d %d\\n\", f.PC, f.Function, f.File, f.Line, inlined)\n"
    "		if !more { break }\n"
    "	}\n"
    "}\n"
    "type shop struct{ a int }\n"
    "func (s *shop) inner(x int) int { report(); return x + s.a }\n"
    "func (s *shop) middle(x int) int { return s.inner(x) * 2 }\n"
    "func outer[K any](k K, s *shop) int { return s.middle(3) + 1 }\n"
    "//go:noinline\n"
    "func (s shop) own() { n += outer(\"x\", &s) }\n"
    "//go:noinline\n"
    "func each(f func(string)) {\n"
    "	strings.Map(func(r rune) rune { f(string(r)); return r }, \"ab\")\n"
    "}\n"
    "func main() {\n"
    "	shop{1}.own()\n"
    "	each(func(s string) { n += outer(s, &shop{2}) })\n"
    "	sort.Slice([]int{3, 2, 1}, func(i, j int) bool {\n"
    "		n += outer(i, &shop{})\n"
    "		return i < j\n"
    "	})\n"
    "}\n";

struct told {
	uint64_t addr;
	char name[128], file[256];
	uint32_t line;
	int inlined;
};

static bool read_told(FILE *f, struct told *t)
{
	return fscanf(f, "%lx %127s %255s %u %d", &t->addr, t->name, t->file, &t->line,
		      &t->inlined) == 5;
}

static void expect_frame(const struct source_frame *got, const struct told *want)
{
	cr_expect_str_eq(got->name, want->name);
	cr_expect(got->file && !strcmp(got->file, want->file), "%s, not %s",
		  got->file ? got->file : "no file", want->file);
	cr_expect_eq(got->line, want->line, "%s:%u, not %u", want->name, got->line, want->line);
	cr_expect_eq(got->inlined, want->inlined, "%s", want->name);
}

/* Follows what the program prints; each of its physical frames is asked for once. */
static size_t compare(const struct go_lines *g, FILE *output)
{
	source_frames frames = {};
	struct told t;
	uint32_t at = 0;
	size_t inlined = 0;

	while (read_told(output, &t)) {
		if (at == frames.n) {
			golines_find(g, t.addr, &frames);
			at = 0;
		}
		cr_assert_lt(at, frames.n, "%s at %lx is not known", t.name, t.addr);
		expect_frame(&frames.v[at++], &t);
		inlined += (size_t)t.inlined;
	}
	cr_expect_eq(at, frames.n);
	return inlined;
}

static int open_program(const struct buf *file)
{
	int fd = memfd_create("program", MFD_CLOEXEC);

	cr_assert_eq(write(fd, file->data, file->len), (ssize_t)file->len);
	return fd;
}

ParameterizedTestParameters(goline, agrees_with_the_program)
{
	static char flags[][32] = { "", "-ldflags='-s -w'", "-trimpath" };

	return cr_make_param_array(char[32], flags, sizeof(flags) / sizeof(*flags));
}

ParameterizedTest(char *flags, goline, agrees_with_the_program)
{
	_cleanup_(golines_freep) struct go_lines *g = NULL;
	_cleanup_close_ int fd = -1;
	struct buf file = {};
	FILE *output;

	if (!go_program_is_possible())
		cr_skip_test("Go is not installed");
	output = go_program_run(source, flags, &file);
	fd = open_program(&file);
	cr_assert_eq(golines_open(fd, &g), 0);
	cr_expect_geq(compare(g, output), 5);
	cr_expect_gt(golines_memory(g), 100000);
	fclose(output);
	buf_done(&file);
}

Test(goline, knows_nothing_of_what_is_no_go)
{
	_cleanup_close_ int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
	struct go_lines *g = NULL;

	cr_expect_eq(golines_open(fd, &g), -ENODATA);
	cr_expect_null(g);
	golines_free(g);
}

Test(goline, knows_nothing_outside_functions)
{
	_cleanup_(golines_freep) struct go_lines *g = NULL;
	_cleanup_close_ int fd = -1;
	struct buf file = {};
	source_frames frames;

	if (!go_program_is_possible())
		cr_skip_test("Go is not installed");
	go_program_build("", false, &file);
	fd = open_program(&file);
	cr_assert_eq(golines_open(fd, &g), 0);
	golines_find(g, 0, &frames);
	cr_expect_eq(frames.n, 0);
	golines_find(g, UINT64_MAX, &frames);
	cr_expect_eq(frames.n, 0);
	buf_done(&file);
}
