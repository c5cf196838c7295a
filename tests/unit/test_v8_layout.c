/* SPDX-License-Identifier: GPL-2.0-only */
/* Layouts of V8, and where its builtins are. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "compiled.h"
#include "lib/cleanup.h"
#include "runtime/v8_builtins.h"
#include "runtime/v8_layout.h"

Test(v8_layout, knows_versions_from_8_4_on)
{
	struct v8_layout l;

	cr_expect_eq(v8_layout_of_version(V8_VERSION(7, 8), &l), -ENOEXEC);
	cr_expect_eq(v8_layout_of_version(V8_VERSION(8, 4), &l), 0);
	cr_expect_eq(l.code_stream, -1);
	cr_expect_eq(v8_layout_of_version(V8_VERSION(14, 1), &l), 0);
	cr_expect_eq(l.code_stream, 32);
}

Test(v8_layout, is_not_found_in_other_programs)
{
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char why[V8_WHY_MAX] = "";
	struct v8_layout l;
	uint64_t start, end;

	cr_expect_eq(v8_layout_read(fd, &l, why), -ENOEXEC);
	cr_expect_str_not_empty(why);
	cr_expect_eq(v8_builtins_find(fd, &start, &end), -ENOENT);
}

/* Two functions, and code without unwind information between them. */
static const char source[] =
    "int before(int x) { return x + 1; }\n"
    "asm(\".text\\n.balign 64\\n\"\n"
    "    \".local Builtins_First\\n.type Builtins_First,@function\\n\"\n"
    "    \"Builtins_First: .fill 700000,1,0x90\\n.size Builtins_First,700000\\n\"\n"
    "    \".local Builtins_Last\\n.type Builtins_Last,@function\\n\"\n"
    "    \"Builtins_Last: .fill 64,1,0x90\\n.size Builtins_Last,64\\n\");\n"
    "int after(int x) { return x + 2; }\n";

static void find_builtins(const char *command, uint64_t *start, uint64_t *end)
{
	struct compiled c;

	compiled_open(&c, command, source);
	cr_assert_eq(v8_builtins_find(c.fd, start, end), 0, "%s", command);
	compiled_done(&c);
}

Test(v8_builtins, are_found_by_their_names_and_without_them)
{
	uint64_t start, end, start_stripped, end_stripped;

	find_builtins("gcc -O1 -fno-toplevel-reorder -shared -fPIC -x c -", &start, &end);
	cr_expect_eq(end - start, 700064);
	find_builtins("gcc -O1 -s -fno-toplevel-reorder -shared -fPIC -x c -", &start_stripped,
		      &end_stripped);
	cr_expect_leq(start_stripped, start);
	cr_expect_lt(start - start_stripped, 64);
	cr_expect_geq(end_stripped, end);
	cr_expect_lt(end_stripped - end, 64);
}
