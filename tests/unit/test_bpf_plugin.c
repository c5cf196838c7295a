/* SPDX-License-Identifier: GPL-2.0-only */
/* Executions of plugins: which calls of their entries are some, and what becomes of these. */
#include <criterion/criterion.h>
#include <stdint.h>

#include "bpf_calls.h"

/* Two plugins' code, the C library's, the host's. */
#define TEXT   0x40000ULL
#define OTHER  0x50000ULL
#define SYSTEM 0x60000ULL
#define ROOT   0x60800ULL /* in the C library, where threads begin */
#define HOST   0x10000ULL
#define SIZE   0x1000ULL
#define ENTRY  0x100ULL /* of each entry, behind the beginning of its plugin's code */

/* A and B are entries of the first plugin, C one of the second. */
static struct thread *begin_plugins(struct task_struct *task)
{
	struct thread *t = begin(task);
	struct pb_node node = { .plugin = 1, .before = ENTRY, .size = SIZE };
	struct pb_system_text text = { .start = { SYSTEM }, .size = { SIZE } };
	struct pb_plugin_stats none = {};
	__u32 pid = PID;

	written_config.plugins = 1;
	plugin_told = plugin_told_window = 0;
	plugin_untold = 0;
	plugin_serving = 0;
	window_epoch = window_opening = 0;
	set_node(A, node);
	set_node(B, node);
	node.plugin = 2;
	set_node(C, node);
	text.root[0] = ROOT;
	text.root_size[0] = 16;
	cr_assert_eq(bpf_map_update_elem(&system_texts, &pid, &text, BPF_ANY), 0);
	for (__u32 i = 0; i < 2; i++)
		cr_assert_eq(bpf_map_update_elem(&plugin_stats, &i, &none, BPF_ANY), 0);
	return t;
}

static const struct pb_plugin_stats *stats(__u32 plugin)
{
	return bpf_map_lookup_elem(&plugin_stats, &plugin);
}

static __u64 text_of(__u32 node)
{
	return node == C ? OTHER : TEXT;
}

static void enter(__u64 now_ns, __u64 cookie, __u64 sp, __u64 ret)
{
	struct pt_regs regs = { .sp = sp, .ip = text_of((__u32)cookie) + ENTRY };

	shim_user_word(sp, ret);
	shim.now_ns = now_ns;
	shim.cookie = cookie;
	cr_assert_eq(pb_plugin_enter(&regs), 0);
}

/* At the function's own `ret`. */
static void leave(__u64 now_ns, __u64 cookie, __u64 sp, __u64 value)
{
	struct pt_regs regs = { .sp = sp, .ax = value };

	shim.now_ns = now_ns;
	shim.cookie = cookie;
	cr_assert_eq(pb_plugin_leave(&regs), 0);
}

Test(bpf_plugin, a_call_from_the_host_is_an_execution)
{
	struct task_struct task = {};

	begin_plugins(&task);
	enter(100, A, SP_A, HOST);
	cr_expect_eq(stats(0)->in_flight, 1);
	cr_expect_eq(stats(0)->peak, 1);
	leave(150, A, SP_A, 0);
	cr_expect_eq(stats(0)->in_flight, 0);
	cr_expect_eq(stats(0)->ended, 1);
	cr_expect_eq(stats(0)->last_ns, 150);
	cr_expect_eq(calls_of(stats_to(A)), 1);
	cr_expect_eq(stats_to(A)->total_ns, 50);
	cr_expect_eq(stats(1)->ended, 0);
}

Test(bpf_plugin, a_call_from_its_own_code_is_none)
{
	struct task_struct task = {};

	begin_plugins(&task);
	enter(100, A, SP_A, HOST);
	enter(110, B, SP_B, TEXT + 0x500);
	cr_expect_eq(stats(0)->in_flight, 1);
	leave(120, B, SP_B, 0);
	cr_expect_eq(stats(0)->in_flight, 1, "that end is nobody's");
	leave(150, A, SP_A, 0);
	enter(200, B, SP_B, TEXT + SIZE - 1); /* a thread whose first call was not seen */
	cr_expect_eq(stats(0)->ended, 1);
	cr_expect_eq(stats(0)->in_flight, 0);
	cr_expect_eq(path_to(A, B), 0);
}

Test(bpf_plugin, another_plugin_and_the_host_in_between_are_outside)
{
	struct task_struct task = {};

	begin_plugins(&task);
	enter(100, A, SP_A, HOST);
	enter(110, C, SP_B, TEXT + 0x500); /* from the first one into the second */
	enter(120, B, SP_C, HOST);         /* and by the host back */
	cr_expect_eq(stats(0)->in_flight, 2);
	cr_expect_eq(stats(0)->peak, 2);
	cr_expect_eq(stats(1)->in_flight, 1);
	leave(130, B, SP_C, 0);
	leave(140, C, SP_B, 0);
	leave(150, A, SP_A, 0);
	cr_expect_eq(stats(0)->ended, 2);
	cr_expect_eq(stats(1)->ended, 1);
	cr_expect_eq(calls_of(stats_to(A, C, B)), 1);
}

Test(bpf_plugin, what_the_c_library_calls_belongs_to_whoever_asked_it)
{
	struct task_struct task = {};

	begin_plugins(&task);
	enter(100, A, SP_A, HOST);
	enter(110, B, SP_B, SYSTEM + 0x100); /* qsort's comparison, for the plugin */
	cr_expect_eq(stats(0)->in_flight, 1);
	leave(150, A, SP_A, 0);
	enter(200, B, SP_B, SYSTEM + 0x100); /* for the host */
	cr_expect_eq(stats(0)->in_flight, 1);
	leave(210, B, SP_B, 0);
	cr_expect_eq(stats(0)->ended, 2);
}

Test(bpf_plugin, threads_and_signal_handlers_of_its_own_are_no_executions)
{
	struct task_struct task = {};

	begin_plugins(&task);
	shim_user_word(SP_A + 8, ROOT + 4);
	enter(100, A, SP_A, SYSTEM + 0x100);
	cr_expect_eq(stats(0)->peak, 0, "a thread that begins there");
	shim_user_word(SP_A + 8, 0);
	shim_user_word(SYSTEM + 0x200, 0x0f0000000fc0c748ULL); /* sigreturn's code */
	enter(200, A, SP_A, SYSTEM + 0x200);
	cr_expect_eq(stats(0)->peak, 0, "a handler");
	enter(300, A, SP_A, SYSTEM + 0x300);
	cr_expect_eq(stats(0)->peak, 1, "anything else");
}

Test(bpf_plugin, a_jump_to_another_entry_goes_on_with_the_execution)
{
	struct task_struct task = {};

	begin_plugins(&task);
	enter(100, A, SP_A, HOST);
	enter(110, B, SP_A, HOST);
	cr_expect_eq(stats(0)->in_flight, 1);
	leave(150, B, SP_A, 0);
	cr_expect_eq(stats(0)->in_flight, 0);
	cr_expect_eq(stats(0)->ended, 1);
	cr_expect_eq(stats_to(A)->total_ns, 50);
}

Test(bpf_plugin, failures_are_told_and_on_request_everything)
{
	struct task_struct task = {};
	struct pb_node node = { .plugin = 1,
				.before = ENTRY,
				.size = SIZE,
				.pred = PB_PRED_LT,
				.width = 4,
				.kind = PB_ERROR_RETURN };
	const struct pb_plugin_call *told;

	begin_plugins(&task);
	set_node(A, node);
	task.pid = 70;
	enter(100, A, SP_A, HOST);
	leave(150, A, SP_A, 0);
	cr_expect_eq(records_sent(PB_PLUGIN_CALL), 0);
	enter(200, A, SP_A, HOST);
	leave(260, A, SP_A, (__u32)-5);
	cr_assert_eq(records_sent(PB_PLUGIN_CALL), 1);
	told = record_sent(PB_PLUGIN_CALL, 0, sizeof(*told));
	cr_expect_eq(told->plugin, 0);
	cr_expect_eq(told->node, A);
	cr_expect_eq(told->start_ns, 200);
	cr_expect_eq(told->h.time_ns, 260);
	cr_expect_eq(told->h.pid, PID);
	cr_expect_eq(told->flags, PB_CALL_TIMED);
	cr_expect_eq(told->value, -5);
	written_config.plugin_calls = 1;
	enter(300, A, SP_A, HOST);
	leave(350, A, SP_A, 0);
	cr_expect_eq(records_sent(PB_PLUGIN_CALL), 2);
}

Test(bpf_plugin, no_more_are_told_than_can_be_taken_and_the_rest_is_counted)
{
	struct task_struct task = {};

	begin_plugins(&task);
	written_config.plugin_calls = 1;
	plugin_told = PB_TOLD_CALLS - 1;
	plugin_told_window = (1000ULL << PB_TOLD_WINDOW_SHIFT) >> PB_TOLD_WINDOW_SHIFT;
	for (__u64 i = 0; i < 3; i++) {
		enter((1000ULL << PB_TOLD_WINDOW_SHIFT) + 10 * i, A, SP_A, HOST);
		leave((1000ULL << PB_TOLD_WINDOW_SHIFT) + 10 * i + 5, A, SP_A, 0);
	}
	cr_expect_eq(records_sent(PB_PLUGIN_CALL), 1);
	cr_expect_eq(plugin_untold, 2);
	enter(1001ULL << PB_TOLD_WINDOW_SHIFT, A, SP_A, HOST); /* the next window of time */
	leave((1001ULL << PB_TOLD_WINDOW_SHIFT) + 5, A, SP_A, 0);
	cr_expect_eq(records_sent(PB_PLUGIN_CALL), 2);
	cr_expect_eq(stats(0)->ended, 4);
}

Test(bpf_plugin, what_lasts_too_long_has_timed_out)
{
	struct task_struct task = {};
	const struct pb_plugin_call *told;

	begin_plugins(&task);
	written_config.plugin_timeout_ns = 1000;
	enter(100, A, SP_A, HOST);
	leave(1100, A, SP_A, 0);
	cr_expect_eq(stats(0)->timed_out, 0, "just in time");
	enter(2000, A, SP_A, HOST);
	leave(3001, A, SP_A, 0);
	cr_expect_eq(stats(0)->timed_out, 1);
	told = record_sent(PB_PLUGIN_CALL, 0, sizeof(*told));
	cr_assert_not_null(told);
	cr_expect_eq(told->flags, PB_CALL_TIMED | PB_CALL_TIMED_OUT);
}

Test(bpf_plugin, ends_of_other_frames_and_probes_that_are_on_their_way_out_are_nobodys)
{
	struct task_struct task = {};

	begin_plugins(&task);
	enter(90, A | PB_COOKIE_LATER, SP_A, HOST);
	cr_expect_eq(stats(0)->in_flight, 0, "of before it was detached");
	enter(100, A, SP_A, HOST);
	leave(110, A, SP_B, 0);
	leave(120, A | PB_COOKIE_LATER, SP_A, 0);
	leave(130, C, SP_A, 0);
	cr_expect_eq(stats(0)->in_flight, 1);
	leave(140, A, SP_A, 0);
	cr_expect_eq(stats(0)->ended, 1);
	cr_expect_eq(stats_to(A)->total_ns, 40);
}

Test(bpf_plugin, entries_that_are_probed_for_moments)
{
	struct task_struct task = {};
	struct thread *t = begin_plugins(&task);

	window_epoch = 1;
	window_opening = 1;
	enter(100, A | PB_COOKIE_WINDOW, SP_A, HOST);
	cr_expect_eq(stats(0)->peak, 0, "not all of them are probed yet");
	window_opening = 0;
	enter(200, A | PB_COOKIE_WINDOW, SP_A, HOST);
	cr_expect_eq(stats(0)->in_flight, 1);
	cr_expect_eq(t->spans.windows, 1);
	window_epoch = 2; /* it outlasted its moment */
	enter(300, B | PB_COOKIE_WINDOW, SP_B, HOST);
	cr_expect_eq(stats(0)->in_flight, 1, "the one of before counts no more");
	leave(310, B | PB_COOKIE_WINDOW, SP_B, 0);
	cr_expect_eq(calls_of(stats_to(B)), 1);
	cr_expect_eq(calls_of(stats_to(A)), 0, "others stand for it");
	window_epoch = 3;
	leave(320, A, SP_A, 0);
	cr_expect_eq(stats(0)->in_flight, 0);
	cr_expect_eq(t->spans.depth, 0);
}

Test(bpf_plugin, a_function_that_is_named_as_well)
{
	struct task_struct task = {};
	struct pt_regs regs = { .sp = SP_A, .ip = TEXT + ENTRY };

	begin_plugins(&task);
	plugin_serving = 1;
	shim_user_word(SP_A, HOST);
	shim.now_ns = 100;
	shim.cookie = A | PB_COOKIE_SITES;
	pb_span_enter(&regs);
	cr_expect_eq(stats(0)->in_flight, 1);
	regs.sp = SP_B;
	shim_user_word(SP_B, TEXT + 0x500);
	shim.now_ns = 110;
	shim.cookie = B | PB_COOKIE_SITES;
	pb_span_enter(&regs);
	cr_expect_eq(stats(0)->in_flight, 1, "from within it is a span, and no execution");
	leave_site(120, B, SP_B, 0);
	leave_site(150, A, SP_A, 0);
	cr_expect_eq(stats(0)->ended, 1);
	cr_expect_eq(calls_of(stats_to(A, B)), 1);
}

Test(bpf_plugin, allocations_by_what_an_allocator_takes)
{
	static const struct {
		__u64 size, bytes;
	} cases[] = {
		{ PB_ALLOC_FIRST, 3 },
		{ PB_ALLOC_SECOND, 5 },
		{ PB_ALLOC_THIRD, 7 },
		{ PB_ALLOC_FIRST_TIMES_SECOND, 15 },
		{ PB_ALLOC_SECOND_TIMES_THIRD, 35 },
	};
	struct pt_regs regs = { .di = 3, .si = 5, .dx = 7 };
	struct task_struct task = {};
	__u64 bytes = 0;

	begin_plugins(&task);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		shim.cookie = 1 | cases[i].size << PB_COOKIE_ALLOC;
		pb_plugin_alloc(&regs);
		bytes += cases[i].bytes;
		cr_expect_eq(stats(1)->alloc_bytes, bytes);
	}
	cr_expect_eq(stats(1)->allocs, 5);
	cr_expect_eq(stats(0)->allocs, 0);
}

Test(bpf_plugin, page_faults_while_inside)
{
	struct task_struct task = {};

	begin_plugins(&task);
	pb_plugin_fault(NULL);
	enter(100, A, SP_A, HOST);
	pb_plugin_fault(NULL);
	pb_plugin_fault(NULL);
	leave(150, A, SP_A, 0);
	pb_plugin_fault(NULL);
	cr_expect_eq(stats(0)->page_faults, 2);
}
