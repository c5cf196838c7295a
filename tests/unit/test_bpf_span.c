/* SPDX-License-Identifier: GPL-2.0-only */
/* Spans: the BPF programs at a function's entry and its ends, run on the host. */
#include <criterion/criterion.h>
#include <stdint.h>

/* Programs: the kernel calls them, nobody declares them. */
struct pt_regs;
int pb_span_enter(struct pt_regs *ctx);
int pb_span_leave(struct pt_regs *ctx);

#include "bpf/span.bpf.c"

struct threads_map threads;
struct counters_map counters;
struct nodes_map nodes;
struct path_ids_map path_ids;
struct path_stats_map path_stats;
struct path_errors_map path_errors;
__u32 closing __attribute__((weak));
const struct pb_call_stats no_calls __attribute__((weak)) = { .min_ns = -1ULL };
const __u64 zero __attribute__((weak)) = 0;
const __u32 counter_keys[PB_COUNTERS] __attribute__((weak)) = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

/* The nodes of these tests, and where their frames lie: callees below their callers. */
enum { A = 1, B, C, D };
#define SP_A 0x7000
#define SP_B 0x6f00
#define SP_C 0x6e00
#define SP_D 0x6e80 /* between B and C */

#define ALT_LOW  0x9000
#define ALT_SIZE 0x800

static struct thread *begin(struct task_struct *task)
{
	struct thread *t;

	shim_task_storage(threads);
	shim_map(counters);
	shim_map_limited(nodes, 16);
	shim_map(path_ids);
	shim_map(path_stats);
	shim_map(path_errors);
	shim.task = task;
	t = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	t->traced = 1;
	return t;
}

static void enter_at(__u64 now_ns, __u32 node, __u64 sp)
{
	struct pt_regs regs = { .sp = sp };

	shim.now_ns = now_ns;
	shim.cookie = node;
	cr_assert_eq(pb_span_enter(&regs), 0);
}

/* By a return probe: the return address is off the stack. */
static void leave_value(__u64 now_ns, __u32 node, __u64 sp, __u64 value)
{
	struct pt_regs regs = { .sp = sp + 8, .ax = value };

	shim.now_ns = now_ns;
	shim.cookie = node;
	cr_assert_eq(pb_span_leave(&regs), 0);
}

static void leave_at(__u64 now_ns, __u32 node, __u64 sp)
{
	leave_value(now_ns, node, sp, 0);
}

/* By a probe on the function's end, with further cookie bits. */
static void leave_site(__u64 now_ns, __u64 cookie, __u64 sp, __u64 value)
{
	struct pt_regs regs = { .sp = sp, .ax = value };

	shim.now_ns = now_ns;
	shim.cookie = cookie | PB_COOKIE_SITE;
	cr_assert_eq(pb_span_leave(&regs), 0);
}

static __u64 counted(__u32 counter)
{
	return *(__u64 *)bpf_map_lookup_elem(&counters, &counter);
}

/* The id of a path, 0: never seen. */
static __u32 path_of(__u32 parent, __u32 node)
{
	struct pb_path_key key = { .parent = parent, .node = node };
	__u32 *id = bpf_map_lookup_elem(&path_ids, &key);

	return id ? *id : 0;
}

static const struct pb_call_stats *stats_of(__u32 path)
{
	const struct pb_call_stats *s = bpf_map_lookup_elem(&path_stats, &path);

	cr_assert_not_null(s, "path %u", path);
	return s;
}

static const struct pb_call_stats *stats_of2(__u32 node, __u32 callee)
{
	return stats_of(path_of(path_of(0, node), callee));
}

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
	s = stats_of(path_of(0, A));
	cr_assert_eq(s->calls, 1);
	cr_assert_eq(s->timed, 1);
	cr_assert_eq(s->total_ns, 70);
	cr_assert_eq(s->self_ns, 70);
	cr_assert_eq(s->min_ns, 70);
	cr_assert_eq(s->max_ns, 70);
	cr_assert_eq(s->offcpu_ns, 34);
	cr_assert_eq(s->hist[hist_bucket(70)], 1);
	cr_assert_eq(s->errors + s->open + s->unwound, 0);
	cr_assert_eq(t->depth, 0);
	cr_assert_eq(counted(PB_UPROBE_HITS), 2);
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
	cr_assert_eq(stats_of(path_of(0, A))->total_ns, 100);
	cr_assert_eq(stats_of(path_of(0, A))->self_ns, 75);
	cr_assert_eq(stats_of2(A, B)->calls, 2);
	cr_assert_eq(stats_of2(A, B)->total_ns, 25);
	cr_assert_eq(stats_of2(A, B)->min_ns, 5);
	cr_assert_eq(stats_of2(A, B)->max_ns, 20);
	cr_assert_eq(stats_of(path_of(0, B))->calls, 1);
}

Test(bpf_span, direct_recursion_shares_a_path_and_counts_time_once)
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
	s = stats_of(path_of(0, A));
	cr_assert_eq(s->calls, 3);
	cr_assert_eq(s->timed, 3);
	cr_assert_eq(s->total_ns, 100);
	cr_assert_eq(s->self_ns, 100);
	cr_assert_eq(s->offcpu_ns, 10);
	cr_assert_eq(s->min_ns, 10);
	cr_assert_eq(path_of(path_of(0, A), A), 0);
}

Test(bpf_span, indirect_recursion_is_a_longer_path)
{
	struct task_struct task = {};
	__u32 ab;

	begin(&task);
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	enter_at(120, A, SP_C);
	leave_at(130, A, SP_C);
	leave_at(140, B, SP_B);
	leave_at(150, A, SP_A);
	ab = path_of(path_of(0, A), B);
	cr_assert_eq(stats_of(path_of(ab, A))->total_ns, 10);
	cr_assert_eq(stats_of(path_of(0, A))->calls, 1);
}

Test(bpf_span, probes_on_ends_see_the_same_as_return_probes)
{
	struct task_struct task = {};

	begin(&task);
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	leave_site(130, B, SP_B, 0);
	leave_site(200, A, SP_A, 0);
	cr_assert_eq(stats_of(path_of(0, A))->self_ns, 80);
	cr_assert_eq(stats_of2(A, B)->total_ns, 20);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_span, a_longjmp_over_callees_leaves_them_unwound)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);
	__u32 ab;

	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	enter_at(120, C, SP_C);
	leave_at(200, A, SP_A);
	ab = path_of(path_of(0, A), B);
	cr_assert_eq(stats_of(path_of(0, A))->calls, 1);
	cr_assert_eq(stats_of(path_of(0, A))->total_ns, 100);
	cr_assert_eq(stats_of(ab)->unwound, 1);
	cr_assert_eq(stats_of(ab)->calls, 0);
	cr_assert_eq(stats_of(path_of(ab, C))->unwound, 1);
	cr_assert_eq(t->depth, 0);
}

Test(bpf_span, the_next_entry_drops_what_was_jumped_over)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	enter_at(120, C, SP_C);
	enter_at(130, D, SP_D); /* called by B again: C was left by longjmp */
	cr_assert_eq(t->depth, 3);
	leave_at(140, D, SP_D);
	leave_at(150, B, SP_B);
	leave_at(160, A, SP_A);
	cr_assert_eq(stats_of(path_of(path_of(path_of(0, A), B), D))->calls, 1);
	cr_assert_eq(stats_of2(A, B)->calls, 1);
	cr_assert_eq(stats_of2(A, B)->self_ns, 30);
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
	cr_assert_eq(t->depth, 1);
	leave_at(200, A, SP_A);
	cr_assert_eq(stats_of(path_of(0, A))->calls, 1);
	cr_assert_eq(stats_of(path_of(0, A))->unwound, 0);
}

Test(bpf_span, both_ends_of_a_tail_call_return)
{
	struct task_struct task = {};

	begin(&task);
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_A); /* jumped to: the same return address */
	leave_at(150, B, SP_A);
	leave_at(150, A, SP_A);
	cr_assert_eq(stats_of(path_of(0, A))->calls, 1);
	cr_assert_eq(stats_of(path_of(0, A))->total_ns, 50);
	cr_assert_eq(stats_of2(A, B)->total_ns, 40);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_span, a_return_ends_its_own_function_and_none_that_shares_its_frame)
{
	struct task_struct task = {};

	begin(&task);
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_A);
	leave_at(150, A, SP_A); /* that of B is never reported */
	cr_assert_eq(stats_of(path_of(0, A))->calls, 1);
	cr_assert_eq(stats_of(path_of(0, A))->total_ns, 50);
	cr_assert_eq(stats_of2(A, B)->calls, 0);
	cr_assert_eq(stats_of2(A, B)->unwound, 1);
}

Test(bpf_span, a_probed_tail_jump_ends_its_function_before_the_next)
{
	struct task_struct task = {};
	struct pb_node fails = { .pred = PB_PRED_NE, .width = 8 };
	__u32 a = A;

	begin(&task);
	bpf_map_update_elem(&nodes, &a, &fails, BPF_ANY);
	enter_at(100, A, SP_A);
	leave_site(110, A | PB_COOKIE_NO_VALUE, SP_A, 77);
	enter_at(110, B, SP_A);
	leave_site(150, B, SP_A, 0);
	cr_assert_eq(stats_of(path_of(0, A))->total_ns, 10);
	cr_assert_eq(stats_of(path_of(0, A))->errors, 0, "77 is no return value");
	cr_assert_eq(stats_of(path_of(0, B))->total_ns, 40);
}

Test(bpf_span, a_handler_on_the_signal_stack_leaves_the_interrupted_calls_open)
{
	struct task_struct task = { .sas_ss_sp = ALT_LOW, .sas_ss_size = ALT_SIZE };
	struct thread *t = begin(&task);

	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	enter_at(120, C, ALT_LOW + 0x700); /* above both, though called within them */
	cr_assert_eq(t->depth, 3);
	leave_at(125, C, ALT_LOW + 0x700);
	leave_at(130, B, SP_B);
	leave_at(140, A, SP_A);
	cr_assert_eq(stats_of2(A, B)->calls, 1);
	cr_assert_eq(stats_of2(A, B)->self_ns, 15);
	cr_assert_eq(stats_of(path_of(path_of(path_of(0, A), B), C))->calls, 1);
}

Test(bpf_span, leaving_a_handler_by_siglongjmp_drops_it_at_the_next_return)
{
	struct task_struct task = { .sas_ss_sp = ALT_LOW, .sas_ss_size = ALT_SIZE };
	struct thread *t = begin(&task);

	enter_at(100, A, SP_A);
	enter_at(120, C, ALT_LOW + 0x700);
	leave_at(140, A, SP_A);
	cr_assert_eq(t->depth, 0);
	cr_assert_eq(stats_of(path_of(0, A))->calls, 1);
	cr_assert_eq(stats_of2(A, C)->unwound, 1);
}

Test(bpf_span, leaving_a_handler_by_siglongjmp_drops_it_at_the_next_entry)
{
	struct task_struct task = { .sas_ss_sp = ALT_LOW, .sas_ss_size = ALT_SIZE };

	begin(&task);
	enter_at(100, A, SP_A);
	enter_at(120, C, ALT_LOW + 0x700);
	enter_at(130, B, SP_B); /* back on the main stack: no handler runs any more */
	leave_at(140, B, SP_B);
	leave_at(150, A, SP_A);
	cr_assert_eq(stats_of2(A, C)->unwound, 1);
	cr_assert_neq(path_of(path_of(0, A), B), 0, "B was called by A");
	cr_assert_eq(stats_of2(A, B)->calls, 1);
	cr_assert_eq(stats_of(path_of(0, A))->self_ns, 40);
}

Test(bpf_span, what_is_deeper_than_the_shadow_stack_is_lost_and_shifts_nothing)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);
	__u64 sp = SP_A;

	for (int i = 0; i < PB_SPAN_DEPTH + 3; i++)
		enter_at(100, A, sp -= 16);
	cr_assert_eq(t->depth, PB_SPAN_DEPTH);
	cr_assert_eq(counted(PB_LOST_SPANS), 3);
	for (int i = 0; i < PB_SPAN_DEPTH + 3; i++, sp += 16)
		leave_at(200, A, sp);
	cr_assert_eq(t->depth, 0);
	cr_assert_eq(stats_of(path_of(0, A))->calls, PB_SPAN_DEPTH);
	cr_assert_eq(stats_of(path_of(0, A))->unwound, 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 3);
}

struct verdict {
	struct pb_node node;
	__u64 value;
	__s64 recorded;
	bool error;
};

Test(bpf_span, return_values_are_judged_in_their_width)
{
	static const struct verdict cases[] = {
		{ { .pred = PB_PRED_LT, .width = 4 }, 0xffffffff, -1, true },
		{ { .pred = PB_PRED_LT, .width = 8 }, 0xffffffff, 0, false },
		{ { .pred = PB_PRED_LT, .width = 8 }, -3ULL, -3, true },
		{ { .pred = PB_PRED_LT, .width = 4 }, 0, 0, false },
		{ { .pred = PB_PRED_EQ, .width = 4 }, 0xabcd00000000, 0, true },
		{ { .pred = PB_PRED_EQ, .width = 8 }, 0xabcd00000000, 0, false },
		{ { .pred = PB_PRED_EQ, .width = 4, .value = -1 }, 0x1ffffffff, -1, true },
		{ { .pred = PB_PRED_NE, .width = 4 }, 5, 5, true },
		{ { .pred = PB_PRED_NE, .width = 8 }, 0, 0, false },
		{ { .pred = PB_PRED_NONE, .width = 8 }, -1ULL, 0, false },
	};
	struct task_struct task = {};
	__u32 count_of_cases = sizeof(cases) / sizeof(*cases), a = A;

	for (__u32 i = 0; i < count_of_cases; i++) {
		struct pb_path_error_key key = { .value = cases[i].recorded };
		const __u64 *n;

		shim_reset();
		begin(&task);
		bpf_map_update_elem(&nodes, &a, &cases[i].node, BPF_ANY);
		enter_at(100, A, SP_A);
		leave_value(110, A, SP_A, cases[i].value);
		cr_assert_eq(stats_of(path_of(0, A))->errors, cases[i].error, "case %u", i);
		cr_assert_eq(stats_of(path_of(0, A))->calls, 1);
		key.path = path_of(0, A);
		n = bpf_map_lookup_elem(&path_errors, &key);
		cr_assert_eq(n ? *n : 0, cases[i].error, "case %u", i);
	}
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
	cr_assert_eq(t->depth, 0);
	cr_assert_eq(stats_of(path_of(0, A))->calls, 1);
	cr_assert_eq(stats_of(path_of(0, A))->self_ns, 70);
	cr_assert_eq(counted(PB_LOST_PATHS), 2);
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
	cr_assert_eq(counted(PB_UPROBE_HITS), 0);
	cr_assert_eq(shim_find(&path_ids)->n, 0);
}

Test(bpf_span, threads_do_not_share_their_calls)
{
	struct task_struct one = {}, two = {};
	struct thread *t;

	begin(&one);
	t = bpf_task_storage_get(&threads, &two, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	t->traced = 1;
	enter_at(100, A, SP_A);
	shim.task = &two;
	enter_at(110, B, SP_B);
	leave_at(120, B, SP_B);
	shim.task = &one;
	leave_at(130, A, SP_A);
	cr_assert_eq(stats_of(path_of(0, A))->self_ns, 30);
	cr_assert_eq(stats_of(path_of(0, B))->calls, 1);
}

Test(bpf_span, a_thread_that_ends_leaves_its_calls_unwound)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	spans_drop_all(t);
	spans_drop_all(t);
	cr_assert_eq(stats_of(path_of(0, A))->unwound, 1);
	cr_assert_eq(stats_of2(A, B)->unwound, 1);
	cr_assert_eq(stats_of(path_of(0, A))->open, 0);
}

Test(bpf_span, the_end_of_the_trace_leaves_calls_open)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	spans_count_open(t);
	spans_count_open(t);
	cr_assert_eq(stats_of(path_of(0, A))->open, 1);
	cr_assert_eq(stats_of2(A, B)->open, 1);
	cr_assert_eq(stats_of(path_of(0, A))->unwound, 0);
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
	cr_assert_eq(t->depth, 1);
	spans_count_open(t);
	cr_assert_eq(stats_of(path_of(0, A))->open, 1);
	cr_assert_eq(stats_of(path_of(0, A))->calls, 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}
