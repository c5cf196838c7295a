/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory of other processes; of this one, as an example. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/memory.h"

static uint32_t self(void)
{
	return (uint32_t)getpid();
}

/* Two pages of which the second cannot be read. */
static char *page_before_nothing(void)
{
	char *p = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(p, MAP_FAILED);
	cr_assert_eq(munmap(p + 4096, 4096), 0);
	return p;
}

Test(memory, reads_all_or_fails)
{
	char *p = page_before_nothing(), back[16];
	uint64_t word = 0;

	memcpy(p + 4096 - 16, "0123456789abcdef", 16);
	cr_expect_eq(memory_read(self(), (uint64_t)p + 4096 - 16, back, 16), 0);
	cr_expect_eq(memcmp(back, "0123456789abcdef", 16), 0);
	cr_expect_eq(memory_read(self(), (uint64_t)p + 4096 - 15, back, 16), -EFAULT);
	cr_expect_eq(memory_read(self(), 8, back, 16), -EFAULT);
	cr_expect_eq(memory_read(self(), UINT64_MAX - 4, back, 16), -EFAULT);
	cr_expect_eq(memory_read(0x7ffffffe, (uint64_t)p, back, 16), -ESRCH);
	cr_expect(memory_read_u64(self(), (uint64_t)p + 4096 - 8, &word) && word);
	cr_expect_not(memory_read_u64(self(), (uint64_t)p + 4096 - 7, &word));
}

Test(memory, reads_strings_up_to_the_last_mapped_byte)
{
	char *p = page_before_nothing(), back[64];

	strcpy(p + 4096 - 6, "hello");
	cr_expect_eq(memory_read_string(self(), (uint64_t)p + 4096 - 6, back, sizeof(back)), 0);
	cr_expect_str_eq(back, "hello");
	cr_expect_eq(memory_read_string(self(), (uint64_t)p + 4096 - 6, back, 4), 0);
	cr_expect_str_eq(back, "hel");
	p[4095] = 'x'; /* no end */
	cr_expect_eq(memory_read_string(self(), (uint64_t)p + 4096 - 6, back, sizeof(back)),
		     -EFAULT);
}
