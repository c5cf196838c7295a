/* SPDX-License-Identifier: GPL-2.0-only */
/* Spans: what calls add to their paths, and what becomes of calls that do not return. */
#include <criterion/criterion.h>
#include <stdint.h>

#include "data/hist.h"

#include "bpf_calls.h"

Test(bpf_span, a_call_enters_every_figure)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);
	const struct pb_call_stats *s;

	t->blocked_ns = 1000;
	enter_at(100, A, SP_A);
	t->blocked_ns += 30;
	t->preempted_ns += 4;
	leave_at(170, A, SP_A);
	s = stats_to(A);
	cr_assert_eq(calls_of(s), 1);
	cr_assert_eq(s->untimed, 0);
	cr_assert_eq(s->total_ns, 70);
	cr_assert_eq(self_of(s), 70);
	cr_assert_eq(s->min_ns, 70);
	cr_assert_eq(s->max_ns, 70);
	cr_assert_eq(s->offcpu_ns, 34);
	cr_assert_eq(s->hist[hist_index(70)], 1);
	cr_assert_eq(s->depth_max, 0);
	cr_assert_eq(s->errors + s->open + s->unwound, 0);
	cr_assert_eq(t->spans.depth, 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_span, a_callee_has_a_path_of_its_own_and_is_not_its_callers_self_time)
{
	struct task_struct task = {};

	begin(&task);
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	leave_at(130, B, SP_B);
	enter_at(140, B, SP_B);
	leave_at(145, B, SP_B);
	leave_at(200, A, SP_A);
	enter_at(300, B, SP_A); /* the same function from elsewhere */
	leave_at(301, B, SP_A);
	cr_assert_eq(stats_to(A)->total_ns, 100);
	cr_assert_eq(stats_to(A)->child_ns, 25);
	cr_assert_eq(self_of(stats_to(A)), 75);
	cr_assert_eq(calls_of(stats_to(A, B)), 2);
	cr_assert_eq(stats_to(A, B)->total_ns, 25);
	cr_assert_eq(stats_to(A, B)->min_ns, 5);
	cr_assert_eq(stats_to(A, B)->max_ns, 20);
	cr_assert_eq(calls_of(stats_to(B)), 1);
}

Test(bpf_span, a_path_has_one_number_whoever_walks_it)
{
	struct task_struct one = {}, two = {};
	__u32 ab;

	begin(&one);
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	leave_at(120, B, SP_B);
	ab = path_to(A, B);
	begin_thread(&two);
	shim.task = &two;
	enter_at(130, A, SP_A);
	enter_at(140, B, SP_B);
	leave_at(150, B, SP_B);
	cr_assert_eq(path_to(A, B), ab);
	cr_assert_eq(calls_of(stats_of(ab)), 2);
	cr_assert_eq(shim_find(&path_ids)->n, 2);
	cr_assert_eq(last_path, 2);
}

/* More paths than a thread remembers, which take each other's place there. */
Test(bpf_span, forgotten_paths_are_found_again)
{
	struct task_struct task = {};
	__u32 ids[3][NODES] = {};

	begin(&task);
	for (int round = 0; round < 3; round++) {
		for (__u32 parent = 1; parent < NODES; parent++) {
			enter_at(100, parent, SP_A);
			for (__u32 node = 0; node < NODES; node++) {
				enter_at(100, node, SP_B);
				leave_at(101, node, SP_B);
			}
			leave_at(200, parent, SP_A);
			ids[round][parent] = path_to(parent);
		}
	}
	/* A node below itself has no path of its own. */
	cr_assert_eq(shim_find(&path_ids)->n, (NODES - 1) * NODES);
	for (__u32 parent = 1; parent < NODES; parent++) {
		cr_assert_eq(ids[0][parent], ids[2][parent]);
		for (__u32 node = 1; node < NODES; node++) {
			if (node == parent)
				cr_assert_eq(calls_of(stats_to(parent)), 6);
			else
				cr_assert_eq(calls_of(stats_to(parent, node)), 3);
		}
	}
}

Test(bpf_span, direct_repetition_shares_a_path_and_counts_time_once)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);
	const struct pb_call_stats *s;

	enter_at(100, A, SP_A);
	t->blocked_ns += 5;
	enter_at(110, A, SP_B);
	t->blocked_ns += 5;
	enter_at(120, A, SP_C);
	leave_at(130, A, SP_C);
	leave_at(150, A, SP_B);
	leave_at(200, A, SP_A);
	s = stats_to(A);
	cr_assert_eq(calls_of(s), 3);
	cr_assert_eq(s->total_ns, 100, "of the outermost");
	cr_assert_eq(s->folded_ns, 40 + 10);
	cr_assert_eq(s->child_ns, 40 + 10);
	cr_assert_eq(self_of(s), 100);
	cr_assert_eq(s->offcpu_ns, 10);
	cr_assert_eq(s->min_ns, 10);
	cr_assert_eq(s->max_ns, 100);
	cr_assert_eq(s->depth_max, 3);
	cr_assert_eq(path_to(A, A), 0);
}

Test(bpf_span, callees_of_a_repetition_are_not_its_self_time)
{
	struct task_struct task = {};
	const struct pb_call_stats *s;

	begin(&task);
	enter_at(100, A, SP_A);
	enter_at(110, A, SP_B);
	enter_at(120, B, SP_C);
	leave_at(150, B, SP_C);
	leave_at(160, A, SP_B);
	leave_at(200, A, SP_A);
	s = stats_to(A);
	cr_assert_eq(s->total_ns, 100);
	cr_assert_eq(self_of(s), 70, "30 are B's");
	cr_assert_eq(s->depth_max, 2);
	cr_assert_eq(stats_to(A, B)->total_ns, 30, "one path, however often A repeats");
}

Test(bpf_span, indirect_recursion_is_a_longer_path)
{
	struct task_struct task = {};

	begin(&task);
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	enter_at(120, A, SP_C);
	leave_at(130, A, SP_C);
	leave_at(140, B, SP_B);
	leave_at(150, A, SP_A);
	cr_assert_eq(stats_to(A, B, A)->total_ns, 10);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(stats_to(A)->depth_max, 0);
}

/* calls = the histogram's sum + untimed; the self times of all paths = the roots' total. */
Test(bpf_span, times_of_a_random_tree_of_calls_add_up)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);
	__u64 now = 1000, roots = 0, root = 0, self = 0, entered = 0, calls = 0, total_a = 0;
	__u32 open[16];
	int depth = 0;

	for (int i = 0; i < 3000 || depth; i++) {
		now += bpf_get_prandom_u32() % 50 + 1;
		if (i < 3000 && depth < 16 && (!depth || bpf_get_prandom_u32() & 1)) {
			open[depth] = bpf_get_prandom_u32() % 3 + A;
			if (!depth)
				root = now;
			enter_at(now, open[depth], SP_A - 16UL * (__u64)depth);
			depth++;
			entered++;
		} else {
			depth--;
			leave_at(now, open[depth], SP_A - 16UL * (__u64)depth);
			if (!depth)
				roots += now - root;
		}
	}
	for (const struct shim_entry *e = shim_find(&path_stats)->entries; e; e = e->next) {
		self += self_of(e->value);
		calls += calls_of(e->value);
	}
	for (__u32 node = A; node <= C; node++)
		total_a += stats_to(node)->total_ns;
	cr_assert_eq(calls, entered);
	cr_assert_eq(self, roots);
	cr_assert_eq(total_a, roots);
	cr_assert_eq(t->spans.depth + t->spans.pending, 0);
	cr_assert_eq(counted(PB_LOST_SPANS) + counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_span, probes_on_ends_see_the_same_as_return_probes)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_sites(100, A, SP_A, 0x401000);
	enter_sites(110, B, SP_B, 0x402000);
	cr_assert_eq(t->spans.pending, 0, "the kernel keeps nothing");
	leave_site(130, B, SP_B, 0);
	leave_site(200, A, SP_A, 0);
	cr_assert_eq(self_of(stats_to(A)), 80);
	cr_assert_eq(stats_to(A, B)->total_ns, 20);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_span, a_longjmp_over_callees_leaves_them_unwound_and_untimed)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	enter_at(120, C, SP_C);
	leave_at(200, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(stats_to(A)->total_ns, 100);
	cr_assert_eq(self_of(stats_to(A)), 100, "nobody knows how long the others took");
	cr_assert_eq(stats_to(A, B)->unwound, 1);
	cr_assert_eq(stats_to(A, B)->untimed, 1);
	cr_assert_eq(calls_of(stats_to(A, B)), 1);
	cr_assert_eq(stats_to(A, B)->total_ns, 0);
	cr_assert_eq(stats_to(A, B, C)->unwound, 1);
	cr_assert_eq(stats_to(A, B, C)->errors, 0);
	cr_assert_eq(t->spans.depth, 0);
}

Test(bpf_span, the_next_entry_drops_what_was_jumped_over)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	enter_at(120, C, SP_C);
	enter_at(130, D, SP_D); /* called by B again: C was left by longjmp */
	cr_assert_eq(t->spans.depth, 3);
	leave_at(140, D, SP_D);
	leave_at(150, B, SP_B);
	leave_at(160, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A, B, D)), 1);
	cr_assert_eq(calls_of(stats_to(A, B)), 1);
	cr_assert_eq(self_of(stats_to(A, B)), 30);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_span, a_return_whose_entry_was_not_seen_shifts_nothing)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	leave_at(90, B, SP_B);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 1);
	enter_at(100, A, SP_A);
	leave_at(110, B, SP_B);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 2);
	cr_assert_eq(t->spans.depth, 1);
	leave_at(200, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(stats_to(A)->unwound, 0);
}

Test(bpf_span, a_full_path_table_is_counted_and_leaves_known_paths_exact)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	shim_find(&path_ids)->max = 1;
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	enter_at(120, C, SP_C);
	leave_at(130, C, SP_C);
	leave_at(140, B, SP_B);
	leave_at(200, A, SP_A);
	cr_assert_eq(t->spans.depth, 0);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(self_of(stats_to(A)), 70);
	cr_assert_eq(counted(PB_LOST_PATHS), 2);
	cr_assert_eq(shim_find(&path_stats)->n, 1);
}

Test(bpf_span, the_first_paths_have_their_statistics_in_an_array)
{
	struct task_struct task = {};

	begin(&task);
	set_hot_paths(3);
	for (int i = 0; i < 2; i++) {
		enter_at(100, A, SP_A);
		enter_at(110, B, SP_B);
		enter_at(120, C, SP_C);
		leave_at(130, C, SP_C);
		leave_at(150, B, SP_B);
		leave_at(200, A, SP_A);
	}
	cr_assert_eq(path_to(A, B, C), 3);
	cr_assert_eq(shim_find(&path_stats)->n, 1, "A's and B's are not there");
	cr_assert_eq(calls_of(stats_to(A)), 2);
	cr_assert_eq(self_of(stats_to(A)), 120);
	cr_assert_eq(stats_to(A)->min_ns, 100);
	cr_assert_eq(self_of(stats_to(A, B)), 60);
	cr_assert_eq(stats_to(A, B, C)->total_ns, 20);
	cr_assert_eq(counted(PB_LOST_PATHS), 0);
}

Test(bpf_span, a_full_table_of_statistics_is_counted)
{
	struct task_struct task = {};

	begin(&task);
	shim_find(&path_stats)->max = 1;
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	leave_at(140, B, SP_B);
	leave_at(200, A, SP_A);
	cr_assert_eq(calls_of(stats_of(path_to(A, B))), 1, "the first to end has the room");
	cr_assert_eq(counted(PB_LOST_PATHS), 1);
	cr_assert_eq(shim_find(&path_stats)->n, 1);
}

Test(bpf_span, a_thread_that_is_not_traced_leaves_no_mark)
{
	struct task_struct task = {}, stranger = {};
	struct thread *t = begin(&task);

	shim.task = &stranger;
	enter_at(100, A, SP_A);
	leave_at(110, A, SP_A);
	shim.task = &task;
	t->traced = 0;
	enter_at(100, A, SP_A);
	leave_at(110, A, SP_A);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
	cr_assert_eq(shim_find(&path_ids)->n, 0);
	cr_assert_eq(shim_find(&threads)->n, 1);
}

/* Every program, on a thread that nobody knows. */
Test(bpf_span, no_program_minds_a_stranger)
{
	struct task_struct task = {}, stranger = { .tgid = 99 }, other = { .tgid = 98 };
	struct pt_regs regs = { .sp = SP_A };
	struct linux_binprm bprm = { .filename = "/bin/true" };
	struct bpf_iter__task end = { .task = &stranger };

	begin(&task);
	written_config.timelines = written_config.kernel_spans = written_config.syscall_spans = 1;
	shim.task = &stranger;
	shim.cookie = A;
	pb_span_enter(&regs);
	pb_span_leave(&regs);
	pb_usdt(&regs);
	pb_raise(&regs);
	pb_land(&regs);
	pb_catch(&regs);
	pb_python_raise(&regs);
	pb_python_raise_in(&regs);
	pb_go_enter(&regs);
	pb_go_leave(&regs);
	pb_go_panic(&regs);
	pb_go_exit(&regs);
	pb_kernel_enter(&regs);
	pb_kernel_leave(&regs);
	pb_fentry(&regs);
	pb_fexit(&regs);
	pb_sys_enter(NULL, &regs, 1);
	pb_sys_exit(NULL, &regs, 0);
	pb_sched_switch(NULL, false, &stranger, &other);
	pb_proc_fork(NULL, &stranger, &other);
	pb_proc_exec(NULL, &stranger, 99, &bprm);
	pb_proc_signal(NULL, 11, NULL, NULL);
	pb_proc_waking(NULL, &other);
	pb_proc_exit(NULL, &stranger);
	pb_iter_end(&end);
	cr_assert_eq(shim_find(&threads)->n, 1);
	cr_assert_eq(shim_find(&path_ids)->n + shim_find(&path_stats)->n, 0);
	cr_assert_eq(shim_find(&goroutines)->n + shim_find(&syscall_stats)->n, 0);
	cr_assert_eq(shim_find(&targets)->n + shim_find(&target_stats)->n, 0);
	cr_assert_null(shim.records);
	for (__u32 i = 0; i < PB_COUNTERS; i++)
		cr_assert_eq(counted(i), 0, "%u", i);
}

Test(bpf_span, threads_do_not_share_their_calls)
{
	struct task_struct one = {}, two = {};

	begin(&one);
	begin_thread(&two);
	enter_at(100, A, SP_A);
	shim.task = &two;
	enter_at(110, B, SP_B);
	leave_at(120, B, SP_B);
	shim.task = &one;
	leave_at(130, A, SP_A);
	cr_assert_eq(self_of(stats_to(A)), 30);
	cr_assert_eq(calls_of(stats_to(B)), 1);
}

/* What the iterator at the trace's end does to a thread. */
static void end_trace(struct task_struct *task)
{
	struct bpf_iter__task ctx = { .task = task };

	cr_assert_eq(pb_iter_end(&ctx), 0);
	cr_assert_eq(pb_iter_end(&ctx), 0, "twice is once");
}

Test(bpf_span, the_end_of_the_trace_leaves_calls_open)
{
	struct task_struct task = {};

	begin(&task);
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	end_trace(&task);
	cr_assert_eq(stats_to(A)->open, 1);
	cr_assert_eq(stats_to(A, B)->open, 1);
	cr_assert_eq(calls_of(stats_to(A)), 0);
	cr_assert_eq(stats_to(A)->unwound, 0);
}

Test(bpf_span, calls_neither_begin_nor_end_while_the_trace_closes)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_at(100, A, SP_A);
	closing = 1;
	enter_at(110, B, SP_B);
	leave_at(120, B, SP_B);
	leave_at(130, A, SP_A);
	cr_assert_eq(t->spans.depth, 1);
	end_trace(&task);
	cr_assert_eq(stats_to(A)->open, 1);
	cr_assert_eq(calls_of(stats_to(A)), 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_span, a_call_of_no_time_counts)
{
	struct task_struct task = {};

	begin(&task);
	enter_at(100, A, SP_A);
	leave_at(100, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(stats_to(A)->min_ns, 0);
	cr_assert_eq(stats_to(A)->hist[0], 1);
}

/* What a session says at a function's entry: 1: no return probe, please. */
static int session_enter(__u64 now_ns, __u64 cookie, __u64 sp)
{
	struct pt_regs regs = { .sp = sp, .ip = 0x4000 };

	shim.now_ns = now_ns;
	shim.cookie = cookie;
	shim.func_ip = 0x4000;
	return pb_span_session(&regs);
}

static void session_leave(__u64 now_ns, __u64 cookie, __u64 sp)
{
	struct pt_regs regs = { .sp = sp + 8, .ip = 0x7fffe000 };

	shim.now_ns = now_ns;
	shim.cookie = cookie;
	shim.func_ip = 0x4000;
	cr_assert_eq(pb_span_session(&regs), 0);
}

Test(bpf_span, a_session_sees_both_ends)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	cr_expect_eq(session_enter(100, A, SP_A), 0);
	cr_expect_eq(session_enter(110, B | PB_COOKIE_WINDOW, SP_B), 0);
	session_leave(130, B | PB_COOKIE_WINDOW, SP_B);
	session_leave(170, A, SP_A);
	cr_expect_eq(stats_to(A)->total_ns, 70);
	cr_expect_eq(stats_to(A, B)->total_ns, 20);
	cr_expect_eq(stats_to(A, B)->untimed, 0, "it has returned with a value");
	cr_expect_eq(t->spans.depth, 0);
	cr_expect_eq(t->spans.pending, 0);
}

Test(bpf_span, a_session_does_without_returns_that_nobody_waits_for)
{
	struct task_struct task = {}, stranger = {};
	struct thread *t = begin(&task);

	window_opening = 1;
	cr_expect_eq(session_enter(100, A | PB_COOKIE_WINDOW, SP_A), 1);
	window_opening = 0;
	cr_expect_eq(t->spans.pending, 0);
	shim.task = &stranger;
	cr_expect_eq(session_enter(110, A, SP_A), 1, "of a process that is not traced");
}
