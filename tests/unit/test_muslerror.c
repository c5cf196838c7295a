/* SPDX-License-Identifier: GPL-2.0-only */
/* Where musl keeps its loader's last message, as dlerror()'s code tells. */
#include <criterion/criterion.h>

#include "trace/muslerror.h"

#define OFFSET_OF(...)                                                                             \
	musl_error_offset((const uint8_t[]){ __VA_ARGS__ },                                        \
			  sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* mov %fs:0, %rax; mov %fs:0, %rdi */
#define SELF_RAX 0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0
#define SELF_RDI 0x64, 0x48, 0x8b, 0x3c, 0x25, 0, 0, 0, 0

Test(muslerror, the_first_word_that_is_read_of_the_thread)
{
	/* mov 0xc0(%rax), %rdx */
	cr_expect_eq(OFFSET_OF(0x53, SELF_RAX, 0x48, 0x8b, 0x90, 0xc0, 0, 0, 0), 0xc0);
	/* another register in between; mov 0x78(%rdi), %rax */
	cr_expect_eq(OFFSET_OF(SELF_RDI, 0x48, 0x8b, 0x46, 0x10, 0x48, 0x8b, 0x47, 0x78), 0x78);
}

Test(muslerror, anything_else_tells_nothing)
{
	cr_expect_eq(OFFSET_OF(0x48, 0x8b, 0x90, 0xc0, 0, 0, 0), 0, "not of the thread");
	/* mov 0xc0(%rax), %edx: half a word; mov -8(%rax), %rdx; mov 0x2000(%rax), %rdx */
	cr_expect_eq(OFFSET_OF(SELF_RAX, 0x8b, 0x90, 0xc0, 0, 0, 0), 0);
	cr_expect_eq(OFFSET_OF(SELF_RAX, 0x48, 0x8b, 0x50, 0xf8), 0);
	cr_expect_eq(OFFSET_OF(SELF_RAX, 0x48, 0x8b, 0x90, 0, 0x20, 0, 0), 0);
	cr_expect_eq(OFFSET_OF(SELF_RAX, 0x48, 0x8b, 0x90), 0, "cut off");
	cr_expect_eq(OFFSET_OF(0x06, SELF_RAX, 0x48, 0x8b, 0x50, 0x10), 0, "no instruction");
	cr_expect_eq(musl_error_offset(NULL, 0), 0);
}
