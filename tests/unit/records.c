/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of the ring, made up. */
#include "records.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Hands over a record as the ring does: read-only, and nothing behind it. What is no multiple of
 * 8 ends within 8 bytes of that; the sanitizers see the rest.
 */
void record_send(struct collect *c, const void *record, size_t size)
{
	size_t span = (size + PAGE + 7) / PAGE * PAGE, at = span - (size + 7) / 8 * 8;
	char *p =
	    mmap(NULL, span + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *exact = malloc(size + !size);

	cr_assert_neq(p, MAP_FAILED);
	if (size % 8) {
		memcpy(exact, record, size);
		collect_record(c, exact, size);
	} else {
		memcpy(p + at, record, size);
		cr_assert_eq(mprotect(p, span, PROT_READ), 0);
		cr_assert_eq(mprotect(p + span, PAGE, PROT_NONE), 0);
		collect_record(c, p + at, size);
	}
	free(exact);
	munmap(p, span + PAGE);
}

size_t record_stack_size(const struct pb_stack *r)
{
	return offsetof(struct pb_stack, ips) + (r->kernel + r->user) * sizeof(r->ips[0]);
}

struct pb_stack stack_record(uint32_t kind, uint32_t pid, uint32_t kernel, uint32_t user)
{
	struct pb_stack r = { .h = { .kind = kind, .pid = pid, .tid = pid, .time_ns = 1000 },
			      .kernel = kernel,
			      .user = user,
			      .comm = "worker" };

	r.h.size = (uint32_t)record_stack_size(&r);
	return r;
}

struct pb_process process_record(uint32_t kind, uint32_t pid)
{
	struct pb_process r = { .h = { .kind = kind, .pid = pid, .tid = pid, .time_ns = 1000 },
				.comm = "worker" };

	r.h.size = sizeof(r);
	return r;
}
