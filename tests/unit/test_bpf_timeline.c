/* SPDX-License-Identifier: GPL-2.0-only */
/* Recorded traces: which roots are sent, and what stands in them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "bpf_calls.h"

#define NEVER  (-1ULL) /* for a next sample */
#define WINDOW (1ULL << PB_WINDOW_SHIFT)
#define SP_SYS 0x6000

static struct thread *begin_record(struct task_struct *task)
{
	struct thread *t;

	task->group_leader = task;
	t = begin(task);
	written_config.timelines = 1;
	t->spans.next_sample_ns = NEVER;
	return t;
}

static void call(__u64 now_ns, __u32 node, __u64 duration_ns)
{
	enter_at(now_ns, node, SP_A);
	leave_at(now_ns + duration_ns, node, SP_A);
}

static const struct pb_timeline *trace(__u32 n)
{
	const struct pb_timeline *r =
	    record_sent(PB_TIMELINE, n, offsetof(struct pb_timeline, slices));

	cr_assert_not_null(r, "trace %u was not sent", n);
	cr_assert_eq(r->h.size, offsetof(struct pb_timeline, slices) + r->n * sizeof(r->slices[0]));
	return r;
}

static __u32 traces(void)
{
	return records_sent(PB_TIMELINE);
}

static size_t free_buffers(void)
{
	return shim_find(&timelines_free)->n;
}

static void expect_slice(const struct pb_slice *s, __u32 kind, __u32 what, __u32 parent,
			 __u64 start_ns, __u64 end_ns)
{
	cr_assert_eq(s->kind, kind);
	cr_assert_eq(s->what, what);
	cr_assert_eq(s->parent, parent);
	cr_assert_eq(s->start_ns, start_ns);
	cr_assert_eq(s->end_ns, end_ns);
}

/* A thread's time off CPU, within what it does. */
static void switch_away(struct task_struct *task, __u64 from_ns, __u64 to_ns, bool preempted)
{
	struct task_struct other = {};

	task->__state = preempted ? 0 : 1;
	shim.now_ns = from_ns;
	pb_sched_switch(NULL, preempted, task, &other);
	shim.now_ns = to_ns;
	pb_sched_switch(NULL, false, &other, task);
}

static void make_syscall(__u64 from_ns, __u64 to_ns, __u32 nr, long ret)
{
	struct pt_regs regs = { .sp = SP_SYS, .orig_ax = nr };

	shim.now_ns = from_ns;
	pb_sys_enter(NULL, &regs, nr);
	shim.now_ns = to_ns;
	pb_sys_exit(NULL, &regs, ret);
}

Test(bpf_timeline, a_trace_holds_all_that_its_thread_did)
{
	struct task_struct task = { .pid = 70, .comm = "worker" };
	const struct pb_timeline *r;

	begin_record(&task);
	enter_at(1000, A, SP_A);
	make_syscall(1100, 1200, 3, -EBADF);
	enter_at(2000, B, SP_B);
	switch_away(&task, 3000, 9000, false);
	enter_at(9100, C, SP_C);
	leave_at(9200, C, SP_C);
	leave_at(10000, B, SP_B);
	switch_away(&task, 11000, 14000, true);
	make_syscall(15000, 15100, 1, 8);
	leave_at(20000, A, SP_A);
	cr_assert_eq(traces(), 1);
	r = trace(0);
	cr_assert_eq(r->h.pid, PID);
	cr_assert_eq(r->h.tid, 70);
	cr_assert_eq(r->h.time_ns, 20000);
	cr_assert_str_eq(r->comm, "worker");
	cr_assert_eq(r->why, PB_WHY_SLOW);
	cr_assert_eq(r->path, path_to(A));
	cr_assert_eq(r->n, 7);
	cr_assert_eq(r->lost + r->args_len + r->cause, 0);
	expect_slice(&r->slices[0], PB_SLICE_SPAN, path_to(A), 255, 1000, 20000);
	expect_slice(&r->slices[1], PB_SLICE_SYSCALL, 3, 0, 1100, 1200);
	cr_assert_eq(r->slices[1].error, PB_ERROR_ERRNO);
	cr_assert_eq(r->slices[1].value, EBADF);
	expect_slice(&r->slices[2], PB_SLICE_SPAN, path_to(A, B), 0, 2000, 10000);
	cr_assert_eq(r->slices[2].error, PB_ERROR_NONE);
	expect_slice(&r->slices[3], PB_SLICE_OFFCPU, PB_BLOCKED, 2, 3000, 9000);
	expect_slice(&r->slices[4], PB_SLICE_SPAN, path_to(A, B, C), 2, 9100, 9200);
	expect_slice(&r->slices[5], PB_SLICE_OFFCPU, PB_PREEMPTED, 0, 11000, 14000);
	expect_slice(&r->slices[6], PB_SLICE_SYSCALL, 1, 0, 15000, 15100);
	cr_assert_eq(r->slices[6].error, PB_ERROR_NONE);
	cr_assert_eq(free_buffers(), PB_TIMELINES);
}

Test(bpf_timeline, a_switch_as_such_is_no_piece)
{
	struct task_struct task = {};

	begin_record(&task);
	enter_at(1000, A, SP_A);
	switch_away(&task, 3000, 4999, false);
	switch_away(&task, 6000, 8000, false);
	leave_at(20000, A, SP_A);
	cr_assert_eq(trace(0)->n, 2);
	cr_assert_eq(trace(0)->slices[1].start_ns, 6000);
}

Test(bpf_timeline, the_slowest_of_a_window_is_sent)
{
	struct task_struct task = {};

	begin_record(&task);
	call(1000, A, 100);
	call(2000, A, 90);
	call(3000, A, 100);
	cr_assert_eq(traces(), 1, "no slower than the slowest");
	call(4000, A, 101);
	cr_assert_eq(traces(), 2);
	call(5000, B, 10);
	cr_assert_eq(traces(), 3, "of another path it is the slowest");
	call(WINDOW + 1000, A, 20);
	cr_assert_eq(traces(), 4, "of a new window, too");
	call(WINDOW + 2000, A, 10);
	cr_assert_eq(traces(), 4);
	cr_assert_eq(calls_of(stats_to(A)), 6);
}

Test(bpf_timeline, a_callee_that_is_the_slowest_sends_its_root)
{
	struct task_struct task = {};

	begin_record(&task);
	call(1000, A, 500);
	enter_at(2000, A, SP_A);
	enter_at(2010, B, SP_B);
	leave_at(2020, B, SP_B);
	leave_at(2100, A, SP_A);
	cr_assert_eq(traces(), 2);
	cr_assert_eq(trace(1)->path, path_to(A, B));
	cr_assert_eq(trace(1)->slices[0].what, path_to(A));
}

Test(bpf_timeline, some_failures_of_each_path_and_window_are_sent)
{
	struct task_struct task = {};

	begin_record(&task);
	set_node(A, (struct pb_node){ .pred = PB_PRED_LT, .width = 4, .kind = PB_ERROR_RETURN });
	call(1000, A, 500);
	for (__u64 i = 0; i < PB_WINDOW_FAILURES + 3; i++) {
		enter_at(2000 + 100 * i, A, SP_A);
		leave_value(2010 + 100 * i, A, SP_A, -7ULL);
	}
	cr_assert_eq(traces(), 1 + PB_WINDOW_FAILURES);
	cr_assert_eq(trace(1)->why, PB_WHY_FAILED);
	cr_assert_eq(trace(1)->path, path_to(A));
	cr_assert_eq(trace(1)->slices[0].error, PB_ERROR_RETURN);
	cr_assert_eq(trace(1)->slices[0].value, -7);
	enter_at(WINDOW + 2000, A, SP_A);
	leave_value(WINDOW + 2010, A, SP_A, -7ULL);
	cr_assert_eq(traces(), 2 + PB_WINDOW_FAILURES);
	cr_assert_eq(stats_to(A)->errors, PB_WINDOW_FAILURES + 4);
}

Test(bpf_timeline, the_first_reason_names_the_path)
{
	struct task_struct task = {};
	const struct pb_timeline *r;

	begin_record(&task);
	set_node(B, (struct pb_node){ .pred = PB_PRED_LT, .width = 4, .kind = PB_ERROR_RETURN });
	enter_at(1000, A, SP_A);
	enter_at(1010, B, SP_B);
	leave_at(1500, B, SP_B);
	enter_at(1510, C, SP_B);
	leave_at(1520, C, SP_B);
	leave_at(4000, A, SP_A); /* now all are slower than what follows */
	enter_at(5000, A, SP_A);
	enter_at(5010, C, SP_B);
	leave_at(5100, C, SP_B); /* the slowest of its path */
	enter_at(5110, B, SP_B);
	leave_value(5120, B, SP_B, -1ULL);
	leave_at(5200, A, SP_A);
	r = trace(1);
	cr_assert_eq(r->why, PB_WHY_SLOW | PB_WHY_FAILED);
	cr_assert_eq(r->path, path_to(A, C));
}

Test(bpf_timeline, a_call_that_began_unseen_is_no_piece)
{
	struct pt_regs regs = { .sp = SP_SYS };
	struct task_struct task = {};

	begin_record(&task);
	enter_at(1000, A, SP_A);
	shim.now_ns = 1100;
	pb_sys_exit(NULL, &regs, 0);
	leave_at(2000, A, SP_A);
	cr_assert_eq(trace(0)->n, 1);
}

Test(bpf_timeline, system_calls_that_are_no_nodes_are_pieces_where_others_are)
{
	struct task_struct task = {};
	__u32 nr = 5, node = C + 1;

	begin_record(&task);
	written_config.syscall_spans = 1;
	bpf_map_update_elem(&syscall_nodes, &nr, &node, BPF_ANY);
	enter_at(1000, A, SP_A);
	make_syscall(1100, 1200, 3, 0);
	leave_at(2000, A, SP_A);
	cr_assert_eq(trace(0)->n, 2);
	expect_slice(&trace(0)->slices[1], PB_SLICE_SYSCALL, 3, 0, 1100, 1200);
}

Test(bpf_timeline, from_time_to_time_one_is_sent_for_no_other_reason)
{
	struct task_struct task = {};
	struct thread *t = begin_record(&task);
	__u64 now = 1000;
	__u32 sent = 0;

	call(now, A, 500);
	t->spans.next_sample_ns = 0;
	for (int i = 0; i < 2000; i++) { /* two seconds */
		__u32 before = traces();

		now += 1000000;
		call(now, A, 100);
		if (traces() == before)
			continue;
		cr_assert_eq(trace(before)->why, PB_WHY_SAMPLED);
		cr_assert_gt(t->spans.next_sample_ns + 1, now);
		cr_assert_leq(t->spans.next_sample_ns, now + 500000000);
		sent++;
	}
	cr_assert_geq(sent, 4, "%u", sent);
	cr_assert_leq(sent, 30, "%u", sent);
}

Test(bpf_timeline, what_another_thread_caused_is_sent_if_that_was)
{
	struct task_struct waker = { .pid = 70 }, woken = { .pid = 71 };
	const struct pb_timeline *r;
	struct thread *w;

	begin_record(&waker);
	w = begin_thread(&woken);
	w->spans.next_sample_ns = NEVER;
	woken.group_leader = &woken;
	shim.task = &woken;
	call(500, B, 200); /* so that the next one is not the slowest */
	shim.task = &waker;
	for (int linked = 0; linked < 2; linked++) {
		struct thread *t = bpf_task_storage_get(&threads, &waker, NULL, 0);

		enter_at(1000, A, SP_A);
		t->spans.why = linked ? PB_WHY_SAMPLED : 0;
		shim.now_ns = 1100;
		pb_proc_waking(NULL, &woken);
		leave_at(1200, A, SP_A);
		shim.task = &woken;
		call(1300, B, 100);
		call(1500, B, 100); /* the next has no cause any more */
		shim.task = &waker;
	}
	cr_assert_eq(traces(), 4, "B's first, A twice, and the one that was caused");
	r = trace(3);
	cr_assert_eq(r->h.tid, 71);
	cr_assert_eq(r->why, PB_WHY_LINKED);
	cr_assert_eq(r->cause, PB_CAUSE_WAKEUP);
	cr_assert_eq(r->cause_tid, 70);
	cr_assert_eq(r->cause_ns, 1100);
	cr_assert_eq(r->cause_root_ns, 1000);
}

Test(bpf_timeline, without_a_free_buffer_calls_are_counted_only)
{
	struct task_struct task = {};
	__u32 key;

	begin_record(&task);
	while (!bpf_map_pop_elem(&timelines_free, &key))
		;
	call(1000, A, 100);
	cr_assert_eq(traces(), 0);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	key = 0;
	bpf_map_push_elem(&timelines_free, &key, 0);
	call(2000, A, 100);
	cr_assert_eq(traces(), 1);
	cr_assert_eq(free_buffers(), 1);
}

Test(bpf_timeline, threads_record_into_buffers_of_their_own)
{
	struct task_struct one = { .pid = 70 }, two = { .pid = 71 };

	begin_record(&one);
	begin_thread(&two);
	enter_at(1000, A, SP_A);
	shim.task = &two;
	enter_at(1010, B, SP_A);
	cr_assert_eq(free_buffers(), PB_TIMELINES - 2);
	shim.task = &one;
	leave_at(1100, A, SP_A);
	shim.task = &two;
	leave_at(1200, B, SP_A);
	cr_assert_eq(trace(0)->slices[0].what, path_to(A));
	cr_assert_eq(trace(1)->slices[0].what, path_to(B));
	cr_assert_eq(free_buffers(), PB_TIMELINES);
}

Test(bpf_timeline, pieces_beyond_the_buffer_are_counted_and_theirs_with_them)
{
	struct task_struct task = {};
	const struct pb_timeline *r;

	begin_record(&task);
	enter_at(1000, A, SP_A);
	for (__u64 i = 0; i < PB_SLICES_MAX + 10; i++) {
		enter_at(1010 + 10 * i, B, SP_B);
		make_syscall(1011 + 10 * i, 1012 + 10 * i, 1, 0);
		leave_at(1015 + 10 * i, B, SP_B);
	}
	leave_at(90000, A, SP_A);
	r = trace(0);
	cr_assert_eq(r->n, PB_SLICES_MAX);
	cr_assert_eq(r->h.size, sizeof(*r));
	/* Every other piece is a call; what a lost one did within is not tried. */
	cr_assert_eq(r->lost, 1 + PB_SLICES_MAX + 10 - PB_SLICES_MAX / 2);
	for (__u32 i = 1; i < r->n; i++)
		cr_assert_lt(r->slices[i].parent, i);
	cr_assert_eq(calls_of(stats_to(A, B)), PB_SLICES_MAX + 10);
}

/* 400 pieces in 134 ms: then no further root is recorded until the next window. */
Test(bpf_timeline, a_busy_thread_records_so_much_and_no_more)
{
	struct task_struct task = {};
	struct thread *t = begin_record(&task);
	__u32 recorded = 0;
	__u64 now = 1ULL << 27;

	for (int i = 0; i < 1000; i++, now += 100) {
		enter_at(now, A, SP_A);
		recorded += t->spans.timeline != 0;
		enter_at(now + 10, B, SP_B);
		leave_at(now + 20, B, SP_B);
		leave_at(now + 50, A, SP_A);
	}
	cr_assert_eq(recorded, 200, "%u", recorded);
	cr_assert_eq(calls_of(stats_to(A)), 1000);
	enter_at(2ULL << 27, A, SP_A);
	cr_assert_neq(t->spans.timeline, 0, "a new window");
}

Test(bpf_timeline, a_full_ring_is_counted_and_the_buffer_free_again)
{
	struct task_struct task = {};

	begin_record(&task);
	shim.ring_full = true;
	call(1000, A, 100);
	cr_assert_eq(counted(PB_LOST_TIMELINES), 1);
	cr_assert_eq(free_buffers(), PB_TIMELINES);
}

Test(bpf_timeline, a_death_is_sent_with_the_signal)
{
	struct signal_struct signal = { .flags = 4, .group_exit_code = SIGSEGV };
	struct task_struct task = {};
	const struct pb_timeline *r;

	begin_record(&task);
	task.signal = &signal;
	enter_at(1000, A, SP_A);
	enter_at(1010, B, SP_B);
	pb_proc_signal(NULL, SIGSEGV, NULL, NULL);
	shim.now_ns = 1500;
	pb_proc_exit(NULL, &task);
	r = trace(0);
	cr_assert(r->why & PB_WHY_FAILED);
	for (__u32 i = 0; i < 2; i++) {
		cr_assert_eq(r->slices[i].error, PB_ERROR_SIGNAL);
		cr_assert_eq(r->slices[i].value, SIGSEGV);
		cr_assert_eq(r->slices[i].end_ns, 1500);
	}
	cr_assert_eq(free_buffers(), PB_TIMELINES);
}

Test(bpf_timeline, a_root_that_was_jumped_out_of_ends_its_trace)
{
	struct task_struct task = {};
	struct thread *t = begin_record(&task);

	enter_at(1000, A, SP_B);
	enter_at(1010, B, SP_C);
	enter_at(2000, C, SP_A); /* above both */
	cr_assert_eq(free_buffers(), PB_TIMELINES - 1);
	cr_assert_eq(t->spans.depth, 1);
	leave_at(3000, C, SP_A);
	cr_assert_eq(traces(), 1);
	cr_assert_eq(trace(0)->slices[0].what, path_to(C));
	cr_assert_eq(free_buffers(), PB_TIMELINES);
}

Test(bpf_timeline, a_root_that_an_exception_left_is_sent_when_that_is_caught)
{
	struct pt_regs thrower = { .sp = SP_B - 0x80, .di = 0x30000 }, catcher = { .sp = SP_A + 8 };
	struct task_struct task = {};

	begin_record(&task);
	enter_at(1000, A, SP_A);
	enter_at(1010, B, SP_B);
	pb_raise(&thrower);
	shim.now_ns = 1200;
	pb_catch(&catcher);
	cr_assert_eq(traces(), 1);
	cr_assert(trace(0)->why & PB_WHY_FAILED);
	cr_assert_eq(trace(0)->slices[1].error, PB_ERROR_FOREIGN);
	cr_assert_eq(trace(0)->slices[0].error, PB_ERROR_FOREIGN);
	cr_assert_eq(trace(0)->slices[0].end_ns, 1200);
}

Test(bpf_timeline, a_dropped_call_has_no_end)
{
	struct task_struct task = {};

	begin_record(&task);
	enter_at(1000, A, SP_A);
	enter_at(1010, B, SP_B);
	leave_at(1100, A, SP_A);
	cr_assert_eq(trace(0)->slices[1].end_ns, 0);
	cr_assert_eq(trace(0)->slices[0].end_ns, 1100);
}

Test(bpf_timeline, without_timelines_nothing_is_recorded)
{
	struct task_struct task = {};

	begin_record(&task);
	written_config.timelines = 0;
	enter_at(1000, A, SP_A);
	make_syscall(1010, 1020, 3, -EBADF);
	switch_away(&task, 3000, 9000, false);
	leave_at(20000, A, SP_A);
	cr_assert_eq(traces(), 0);
	cr_assert_eq(free_buffers(), PB_TIMELINES);
}
