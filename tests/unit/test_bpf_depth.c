/* SPDX-License-Identifier: GPL-2.0-only */
/* Deep calls: beyond the shadow stack, and beyond the return probes that the kernel keeps. */
#include <criterion/criterion.h>

#include "bpf_calls.h"

#define STEP 16

static __u64 frame(__u32 depth)
{
	return 0x20000 - STEP * depth;
}

static void enter_many(__u32 from, __u32 to)
{
	for (__u32 i = from; i < to; i++)
		enter_at(100, A, frame(i));
}

Test(bpf_depth, repetitions_beyond_the_shadow_stack_are_counted_when_they_begin)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);
	const struct pb_call_stats *s;

	for (__u32 i = 0; i < PB_SPAN_DEPTH + 3; i++)
		enter_sites(100, A, frame(i), 0x401000 + i);
	cr_assert_eq(t->spans.depth, PB_SPAN_DEPTH);
	cr_assert_eq(t->spans.over, 3);
	for (__u32 i = PB_SPAN_DEPTH + 3; i--;)
		leave_site(200, A, frame(i), 0);
	s = stats_to(A);
	cr_assert_eq(t->spans.depth, 0);
	cr_assert_eq(calls_of(s), PB_SPAN_DEPTH + 3);
	cr_assert_eq(s->untimed, 3);
	cr_assert_eq(s->unwound, 0);
	cr_assert_eq(s->total_ns, 100);
	cr_assert_eq(self_of(s), 100);
	cr_assert_eq(s->depth_max, PB_SPAN_DEPTH + 3);
	cr_assert_eq(counted(PB_LOST_SPANS), 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_depth, repetitions_one_after_another_are_no_deeper)
{
	struct task_struct task = {};

	begin(&task);
	for (__u32 i = 0; i < PB_SPAN_DEPTH; i++)
		enter_sites(100, A, frame(i), 0x401000 + i);
	for (int i = 0; i < 10; i++) {
		enter_sites(110, A, frame(PB_SPAN_DEPTH), 0x402000);
		leave_site(120, A, frame(PB_SPAN_DEPTH), 0);
	}
	cr_assert_eq(stats_to(A)->untimed, 10);
	cr_assert_eq(stats_to(A)->depth_max, PB_SPAN_DEPTH + 1);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_depth, other_calls_beyond_the_shadow_stack_are_lost_and_counted_so)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	for (__u32 i = 0; i < PB_SPAN_DEPTH; i++)
		enter_sites(100, A, frame(i), 0x401000 + i);
	for (int i = 0; i < 5; i++) {
		enter_sites(110, B, frame(PB_SPAN_DEPTH), 0x402000);
		leave_site(120, B, frame(PB_SPAN_DEPTH), 0);
	}
	for (__u32 i = PB_SPAN_DEPTH; i--;)
		leave_site(200, A, frame(i), 0);
	cr_assert_eq(counted(PB_LOST_SPANS), 5);
	cr_assert_eq(t->spans.depth + t->spans.over, 0);
	cr_assert_eq(calls_of(stats_to(A)), PB_SPAN_DEPTH);
	cr_assert_eq(stats_to(A)->unwound + stats_to(A)->untimed, 0);
	cr_assert_eq(path_to(A, B), 0);
}

Test(bpf_depth, a_longjmp_out_of_the_depth_forgets_what_had_no_room)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	for (__u32 i = 0; i < PB_SPAN_DEPTH + 20; i++)
		enter_sites(100, A, frame(i), 0x401000 + i);
	leave_site(200, A, frame(0), 0);
	cr_assert_eq(t->spans.depth + t->spans.over, 0);
	cr_assert_eq(calls_of(stats_to(A)), PB_SPAN_DEPTH + 20);
	cr_assert_eq(stats_to(A)->unwound, PB_SPAN_DEPTH - 1);
	leave_site(210, A, frame(1), 0); /* none of these can be open now */
	cr_assert_eq(counted(PB_MISSED_RETURNS), 1);
}

Test(bpf_depth, the_kernel_keeps_so_many_return_probes_and_no_more)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);
	const struct pb_call_stats *s;

	enter_many(0, PB_PENDING_MAX + 6);
	cr_assert_eq(t->spans.depth, PB_PENDING_MAX + 6);
	cr_assert_eq(span_at(&t->spans, PB_PENDING_MAX - 1)->unseen, 0);
	cr_assert_eq(span_at(&t->spans, PB_PENDING_MAX)->unseen, 1);
	for (__u32 i = PB_PENDING_MAX; i--;) /* the others return unseen */
		leave_at(200, A, frame(i));
	s = stats_to(A);
	cr_assert_eq(calls_of(s), PB_PENDING_MAX + 6);
	cr_assert_eq(s->untimed, 6);
	cr_assert_eq(s->unwound, 0, "they have returned");
	cr_assert_eq(self_of(s), 100);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
	cr_assert_eq(t->spans.depth + t->spans.pending, 0);
	cr_assert_eq(t->spans.stale_kept, 0);
}

Test(bpf_depth, calls_after_one_that_is_not_seen_to_return_are_seen)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_many(0, PB_PENDING_MAX);
	enter_at(110, B, frame(PB_PENDING_MAX));     /* unseen */
	enter_at(120, B, frame(PB_PENDING_MAX + 1)); /* unseen, below it */
	leave_at(130, A, frame(PB_PENDING_MAX - 1));
	enter_at(140, C, frame(PB_PENDING_MAX - 1));
	cr_assert_eq(t->spans.depth, PB_PENDING_MAX);
	leave_at(150, C, frame(PB_PENDING_MAX - 1));
	cr_assert_eq(stats_to(A, C)->total_ns, 10);
	cr_assert_eq(stats_to(A, B)->untimed, 2);
	cr_assert_eq(stats_to(A, B)->unwound, 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_depth, an_unseen_tail_call_ends_with_its_caller_at_a_time_unknown)
{
	struct xol_area area = { .vaddr = 0xf0000 };
	struct mm_struct mm = { .uprobes_state = { .xol_area = &area } };
	struct task_struct task = { .mm = &mm };

	begin(&task);
	enter_many(0, PB_PENDING_MAX);
	shim_user_word(frame(PB_PENDING_MAX - 1), area.vaddr);
	enter_at(110, B, frame(PB_PENDING_MAX - 1));
	leave_at(150, A, frame(PB_PENDING_MAX - 1));
	cr_assert_eq(stats_to(A, B)->untimed, 1);
	cr_assert_eq(stats_to(A, B)->total_ns, 0);
	cr_assert_eq(stats_to(A)->untimed, 0);
}

Test(bpf_depth, a_return_without_entry_leaves_an_unseen_caller_open)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_many(0, PB_PENDING_MAX + 1);
	leave_site(120, B, frame(PB_PENDING_MAX + 1), 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 1);
	cr_assert_eq(t->spans.depth, PB_PENDING_MAX + 1);
}

Test(bpf_depth, what_may_have_ended_unseen_is_not_open_at_the_end)
{
	struct task_struct task = {};
	struct bpf_iter__task ctx = { .task = &task };

	begin(&task);
	enter_many(0, PB_PENDING_MAX + 2);
	pb_iter_end(&ctx);
	cr_assert_eq(stats_to(A)->open, PB_PENDING_MAX);
	cr_assert_eq(stats_to(A)->untimed, 2);
}

/* Calls that were jumped out of stay on the kernel's list until it looks. */
Test(bpf_depth, the_kernels_own_count_decides_after_a_longjmp)
{
	struct uprobe_task utask = { .depth = PB_PENDING_MAX };
	struct task_struct task = { .utask = &utask };
	struct thread *t = begin(&task);

	enter_many(0, 40);
	enter_at(110, B, frame(0) + STEP); /* all of them were jumped out of */
	cr_assert_eq(t->spans.depth, 1);
	cr_assert_eq(stats_to(A)->unwound, 40);
	cr_assert_eq(t->spans.stale_kept, 1);
	cr_assert_eq(span_at(&t->spans, 0)->unseen, 1, "the kernel's list is full");
	utask.depth = PB_PENDING_MAX - 1;
	enter_at(120, C, frame(0));
	cr_assert_eq(span_at(&t->spans, 1)->unseen, 0, "there is room for one");
	cr_assert_eq(t->spans.stale_kept, 1, "and dead ones are on it still");
	utask.depth = 2;
	enter_at(130, D, frame(1));
	cr_assert_eq(t->spans.stale_kept, 0, "the kernel has cleaned up");
}

Test(bpf_depth, functions_whose_ends_are_probed_are_always_seen)
{
	struct uprobe_task utask = { .depth = PB_PENDING_MAX };
	struct task_struct task = { .utask = &utask };
	struct thread *t = begin(&task);

	enter_many(0, PB_PENDING_MAX);
	enter_sites(110, B, frame(PB_PENDING_MAX), 0x401000);
	cr_assert_eq(span_at(&t->spans, PB_PENDING_MAX)->unseen, 0);
	leave_site(120, B, frame(PB_PENDING_MAX), 0);
	cr_assert_eq(stats_to(A, B)->total_ns, 10);
}

Test(bpf_depth, a_kernel_that_does_not_tell_is_not_asked)
{
	struct uprobe_task utask = { .depth = PB_PENDING_MAX };
	struct task_struct task = { .utask = &utask };
	struct thread *t = begin(&task);

	shim.no_fields = true;
	enter_many(0, 40);
	enter_at(110, B, frame(0) + STEP);
	cr_assert_eq(span_at(&t->spans, 0)->unseen, 0);
	leave_at(120, B, frame(0) + STEP);
	cr_assert_eq(stats_to(B)->total_ns, 10);
}

Test(bpf_depth, a_thread_without_uprobes_of_its_own_has_none_pending)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_many(0, 2);
	enter_at(110, B, frame(0) + STEP);
	cr_assert_eq(t->spans.stale_kept, 0);
	cr_assert_eq(span_at(&t->spans, 0)->unseen, 0);
}
