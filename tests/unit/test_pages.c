/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages of a process: our own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mapped_text.h"
#include "target/pages.h"

static enum page_kind kind_at(const uint8_t *at)
{
	enum page_kind kind = PAGE_ABSENT;
	struct pages p;

	cr_assert_eq(pages_open((uint32_t)getpid(), &p), 0);
	cr_assert_eq(pages_kind(&p, (uint64_t)(uintptr_t)at, &kind), 0);
	pages_done(&p);
	return kind;
}

static uint8_t touch(const uint8_t *at)
{
	return *(volatile const uint8_t *)at;
}

Test(pages, entries_of_the_kernel_are_understood)
{
	cr_expect_eq(page_kind_of(0), PAGE_ABSENT);
	cr_expect_eq(page_kind_of(1ULL << 61), PAGE_ABSENT);
	cr_expect_eq(page_kind_of(1ULL << 63 | 12345), PAGE_PRIVATE);
	cr_expect_eq(page_kind_of(1ULL << 63 | 1ULL << 61), PAGE_SHARED);
	cr_expect_eq(page_kind_of(1ULL << 62), PAGE_PRIVATE, "swapped out");
	cr_expect_eq(page_kind_of(1ULL << 62 | 1ULL << 61), PAGE_SHARED, "on its way");
}

Test(pages, a_page_is_the_files_until_it_is_written_to_and_again_when_it_was_dropped)
{
	struct mapped_text t;

	mapped_text_init(&t);
	mapped_text_drop(&t, 0);
	cr_expect_eq(kind_at(t.at), PAGE_ABSENT);
	touch(t.at);
	cr_expect_eq(kind_at(t.at), PAGE_SHARED);
	mapped_text_set(&t, 5, 0xcc);
	cr_expect_eq(kind_at(t.at), PAGE_PRIVATE);
	mapped_text_drop(&t, 0);
	cr_expect_eq(touch(t.at + 5), TEXT_BYTE);
	cr_expect_eq(kind_at(t.at), PAGE_SHARED);
	mapped_text_done(&t);
}

Test(pages, looks_may_go_back_and_far_ahead)
{
	size_t size = 3 * PAGES_WINDOW * TEXT_PAGE;
	uint8_t *area =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = (uint64_t)(uintptr_t)area;
	enum page_kind kind;
	struct pages p;

	cr_assert_neq(area, MAP_FAILED);
	cr_assert_eq(madvise(area, size, MADV_NOHUGEPAGE), 0);
	area[size - 1] = area[3 * TEXT_PAGE] = 1;
	cr_assert_eq(pages_open((uint32_t)getpid(), &p), 0);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(pages_kind(&p, at + size - 1, &kind), 0);
		cr_expect_eq(kind, PAGE_PRIVATE);
		cr_expect_eq(pages_kind(&p, at + 3 * TEXT_PAGE, &kind), 0);
		cr_expect_eq(kind, PAGE_PRIVATE);
		cr_expect_eq(pages_kind(&p, at + 4 * TEXT_PAGE, &kind), 0);
		cr_expect_eq(kind, PAGE_ABSENT);
	}
	pages_done(&p);
	munmap(area, size);
}

Test(pages, memory_is_read_and_what_is_not_mapped_is_an_error)
{
	const char text[] = "some bytes";
	char copy[sizeof(text)];
	void *hole = mmap(NULL, TEXT_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pages p;

	cr_assert_eq(pages_open((uint32_t)getpid(), &p), 0);
	cr_expect_eq(pages_read(&p, (uint64_t)(uintptr_t)text, copy, sizeof(copy)), 0);
	cr_expect_str_eq(copy, text);
	munmap(hole, TEXT_PAGE);
	cr_expect_eq(pages_read(&p, (uint64_t)(uintptr_t)hole, copy, sizeof(copy)), -EIO);
	pages_done(&p);
}

Test(pages, a_process_that_ends_is_told)
{
	int go[2];
	char byte = 0;
	enum page_kind kind;
	struct pages p;
	pid_t child;

	cr_assert_eq(pipe(go), 0);
	child = fork();
	if (!child) {
		ssize_t n = read(go[0], &byte, 1);

		_exit(n == 1 ? 0 : 1);
	}
	cr_assert_eq(pages_open((uint32_t)child, &p), 0);
	cr_assert_eq(write(go[1], &byte, 1), 1);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	cr_expect_eq(pages_kind(&p, (uint64_t)(uintptr_t)&p, &kind), -ESRCH);
	cr_expect_eq(pages_read(&p, (uint64_t)(uintptr_t)&p, &byte, 1), -ESRCH);
	pages_done(&p);
	cr_expect_eq(pages_open((uint32_t)child, &p), -ESRCH);
	close(go[0]);
	close(go[1]);
}
