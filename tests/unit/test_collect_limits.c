/* SPDX-License-Identifier: GPL-2.0-only */
/* Broken records are counted and not read out of bounds; so is what goes beyond a limit. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "records.h"

static uint64_t counted_samples(const struct collect *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->cpu_counts.n; i++)
		sum += c->cpu_counts.v[i];
	return sum;
}

/* Nothing came of `lost` records, and all were counted. */
static void expect_lost(struct collect *c, uint64_t lost)
{
	cr_assert_eq(c->lost_events, lost);
	cr_assert_eq(c->samples, 0);
	cr_assert_eq(c->stacks.n, 0);
	cr_assert_eq(c->events.n, 0);
	cr_assert_eq(c->live, 0);
	collect_done(c);
}

Test(collect_limits, stack_records_that_are_cut_anywhere_are_lost)
{
	struct pb_stack r = stack_record(PB_SAMPLE, NOBODY, 2, 2);
	size_t whole = record_stack_size(&r);
	struct collect c = {};

	for (size_t size = 0; size < whole; size++) {
		r.h.kind = size % 2 ? PB_SAMPLE : PB_STACK;
		record_send(&c, &r, size);
	}
	expect_lost(&c, whole);
}

Test(collect_limits, process_records_that_are_cut_anywhere_are_lost)
{
	static const uint32_t kinds[] = { PB_FORK, PB_EXEC, PB_EXIT, PB_MMAP };
	struct collect c = {};

	for (size_t size = 0; size < sizeof(struct pb_process); size++) {
		struct pb_process r = process_record(kinds[size % 4], NOBODY);

		r.child = NOBODY_ELSE;
		record_send(&c, &r, size);
	}
	expect_lost(&c, sizeof(struct pb_process));
}

Test(collect_limits, unknown_kinds_are_lost)
{
	static const uint32_t kinds[] = { 0, PB_PLUGIN_CALL + 1, 77, UINT32_MAX };
	struct collect c = {};

	for (size_t i = 0; i < 4; i++) {
		struct pb_stack r = stack_record(kinds[i], NOBODY, 2, 2);

		record_send(&c, &r, sizeof(r));
	}
	expect_lost(&c, 4);
}

Test(collect_limits, numbers_of_frames_that_cannot_be_are_lost)
{
	static const uint32_t counts[][2] = {
		{ PB_FRAMES_MAX + 1, 0 }, { 0, PB_FRAMES_MAX + 1 }, { UINT32_MAX, 0 },
		{ 0, UINT32_MAX },        { UINT32_MAX, 1 }, /* their sum is 0 */
		{ 1, UINT32_MAX },        { 1U << 31, 1U << 31 },   { UINT32_MAX, UINT32_MAX },
		{ 1U << 29, 0 }, /* eight times it is 0 */
	};
	size_t n = sizeof(counts) / sizeof(*counts);
	struct collect c = {};

	for (size_t i = 0; i < n; i++) {
		struct pb_stack r = stack_record(PB_SAMPLE, NOBODY, 0, 0);

		r.kernel = counts[i][0];
		r.user = counts[i][1];
		record_send(&c, &r, sizeof(r));
	}
	expect_lost(&c, n);
}

Test(collect_limits, frames_beyond_the_record_are_lost)
{
	struct pb_stack r = stack_record(PB_SAMPLE, NOBODY, 3, 3);
	struct collect c = {};

	for (uint32_t present = 0; present < 6; present++)
		record_send(&c, &r, offsetof(struct pb_stack, ips) + 8 * present);
	expect_lost(&c, 6);
}

Test(collect_limits, the_header_does_not_decide_the_size)
{
	struct pb_stack r = stack_record(PB_SAMPLE, NOBODY, 3, 3);
	struct collect c = {};

	r.h.size = UINT32_MAX;
	record_send(&c, &r, offsetof(struct pb_stack, ips));
	cr_assert_eq(c.lost_events, 1);
	r.h.size = 0;
	record_send(&c, &r, record_stack_size(&r));
	cr_assert_eq(c.samples, 1);
	collect_done(&c);
}

Test(collect_limits, more_bytes_than_needed_do_no_harm)
{
	struct pb_stack stack = stack_record(PB_SAMPLE, NOBODY, 1, 1);
	struct collect c = {};
	union {
		struct pb_process process;
		char bytes[8192];
	} r = { .process = process_record(PB_EXIT, NOBODY) };

	record_send(&c, &stack, sizeof(stack));
	cr_assert_eq(c.stacks.v[0].n, 2);
	memset(r.bytes + sizeof(r.process), 'x', sizeof(r) - sizeof(r.process));
	record_send(&c, &r, sizeof(r));
	cr_assert_eq(c.events.n, 1);
	cr_assert_eq(c.lost_events, 0);
	collect_done(&c);
}

Test(collect_limits, text_without_an_end_is_cut)
{
	struct pb_process r = process_record(PB_EXEC, NOBODY);
	struct pb_stack stack = stack_record(PB_SAMPLE, NOBODY_ELSE, 0, 1);
	struct collect c = {};

	memset(r.comm, 'c', sizeof(r.comm));
	memset(r.file, 'f', sizeof(r.file));
	memset(stack.comm, 's', sizeof(stack.comm));
	record_send(&c, &r, sizeof(r));
	record_send(&c, &stack, record_stack_size(&stack));
	cr_assert_eq(strlen(c.processes.all.v[0]->comm), PB_COMM_LEN - 1);
	cr_assert_eq(strlen(c.processes.all.v[1]->comm), PB_COMM_LEN - 1);
	cr_assert_eq(strlen(c.events.v[0].text), PB_PATH_LEN - 1);
	collect_done(&c);
}

/* The kernel says nothing of the kind; a broken record must not free what it copies from. */
Test(collect_limits, a_process_that_forked_itself_does_no_harm)
{
	struct pb_process r = process_record(PB_FORK, (uint32_t)getpid());
	struct collect c = {};

	r.child = (uint32_t)getpid();
	record_send(&c, &r, sizeof(r));
	cr_assert_eq(c.processes.all.n, 1);
	cr_assert_gt(c.processes.all.v[0]->maps.n, 0, "its mappings are still known");
	collect_done(&c);
}

Test(collect_limits, events_beyond_the_limit_are_counted)
{
	struct pb_process r = process_record(PB_EXIT, NOBODY);
	struct collect c = {};

	for (int i = 0; i < COLLECT_EVENTS_MAX + 3; i++) {
		r.status = i;
		collect_record(&c, &r, sizeof(r));
	}
	cr_assert_eq(c.events.n, COLLECT_EVENTS_MAX);
	cr_assert_eq(c.events.v[COLLECT_EVENTS_MAX - 1].status, COLLECT_EVENTS_MAX - 1);
	cr_assert_eq(c.lost_events, 3);
	cr_assert_eq(c.processes.all.v[0]->status, COLLECT_EVENTS_MAX + 2,
		     "processes are kept up to date all the same");
	collect_done(&c);
}

/* Fills the table of stacks with pairs of frames. */
static void fill(struct collect *c)
{
	struct pb_stack r = stack_record(PB_SAMPLE, NOBODY, 0, 2);

	for (uint64_t i = 0; i < COLLECT_STACKS_MAX; i++) {
		r.ips[0] = 1 + i / 512;
		r.ips[1] = 1 + i % 512;
		collect_record(c, &r, record_stack_size(&r));
	}
	cr_assert_eq(c->stacks.n, COLLECT_STACKS_MAX);
	cr_assert_eq(c->lost_stacks, 0);
}

Test(collect_limits, stacks_beyond_the_limit_are_counted_and_known_ones_go_on)
{
	struct pb_stack r = stack_record(PB_SAMPLE, NOBODY, 0, 2);
	struct collect c = {};

	fill(&c);
	r.ips[0] = 1 << 20;
	record_send(&c, &r, record_stack_size(&r));
	record_send(&c, &r, record_stack_size(&r));
	cr_assert_eq(c.lost_stacks, 2);
	r.ips[0] = r.ips[1] = 1;
	record_send(&c, &r, record_stack_size(&r));
	cr_assert_eq(c.lost_stacks, 2);
	cr_assert_eq(c.cpu_counts.v[0], 2);
	cr_assert_eq(c.samples, COLLECT_STACKS_MAX + 3);
	collect_done(&c);
}

/* A process's time stays in its total, under a stack without frames. */
Test(collect_limits, samples_beyond_the_limit_are_still_samples_of_their_process)
{
	struct pb_stack r = stack_record(PB_SAMPLE, NOBODY, 0, 1);
	struct collect c = {};

	fill(&c);
	record_send(&c, &r, record_stack_size(&r));
	cr_assert_neq(collect_empty_stack(&c, NOBODY), TABLE_NONE);
	cr_assert_eq(counted_samples(&c), c.samples);
	collect_done(&c);
}

Test(collect_limits, nothing_to_release_is_no_error)
{
	struct collect c = {};

	collect_done(&c);
	collect_record(&c, "", 0);
	cr_assert_eq(c.lost_events, 1);
	collect_done(&c);
}
