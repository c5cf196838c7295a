/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of goroutines, which move between threads, and whose stacks move. */
#include <criterion/criterion.h>

#include "bpf_calls.h"

#define G1   0x80000 /* runtime.g of the first goroutine, and of the second */
#define G2   0x81000
#define HI   0x40000 /* the upper end of its stack */
#define GOID 160

static void set_g(__u64 g, __u64 hi, __u64 goid)
{
	shim_user_word(g + 8, hi);
	shim_user_word(g + GOID, goid);
}

/* Frames lie so many bytes below the upper end of the stack. */
static void go_enter(__u64 now_ns, __u64 g, __u64 cookie, __u64 sp)
{
	struct pt_regs regs = { .sp = sp - (cookie >> PB_COOKIE_MOVED), .r14 = g };

	shim.now_ns = now_ns;
	shim.cookie = cookie;
	cr_assert_eq(pb_go_enter(&regs), 0);
}

static void go_leave(__u64 now_ns, __u64 g, __u64 cookie, __u64 sp)
{
	struct pt_regs regs = { .sp = sp, .r14 = g };

	shim.now_ns = now_ns;
	shim.cookie = cookie | PB_COOKIE_SITE;
	cr_assert_eq(pb_go_leave(&regs), 0);
}

static void go_panic(__u64 g)
{
	struct pt_regs regs = { .r14 = g };

	cr_assert_eq(pb_go_panic(&regs), 0);
}

static struct thread *begin_go(struct task_struct *task)
{
	struct thread *t = begin(task);

	set_g(G1, HI, 1);
	set_g(G2, HI + 0x10000, 2);
	return t;
}

static struct goroutine *goroutine_at(__u64 g)
{
	struct goroutine_key key = { .g = g, .pid = PID };

	return bpf_map_lookup_elem(&goroutines, &key);
}

Test(bpf_goroutine, calls_are_counted_and_the_last_to_end_takes_the_goroutine_along)
{
	struct task_struct task = {};
	struct thread *t = begin_go(&task);

	go_enter(100, G1, A, HI - 0x100);
	go_enter(110, G1, B, HI - 0x200);
	cr_assert_eq(goroutine_at(G1)->spans.depth, 2);
	cr_assert_eq(t->spans.depth, 0, "it is no call of the thread's");
	go_leave(130, G1, B, HI - 0x200);
	go_leave(200, G1, A, HI - 0x100);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(self_of(stats_to(A)), 80);
	cr_assert_eq(stats_to(A, B)->total_ns, 20);
	cr_assert_eq(shim_find(&goroutines)->n, 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_goroutine, goroutines_take_turns_on_a_thread)
{
	struct task_struct task = {};

	begin_go(&task);
	go_enter(100, G1, A, HI - 0x100);
	go_enter(110, G2, B, HI + 0x10000 - 0x100);
	go_enter(120, G1, C, HI - 0x200);
	go_leave(130, G2, B, HI + 0x10000 - 0x100);
	go_leave(140, G1, C, HI - 0x200);
	go_leave(150, G1, A, HI - 0x100);
	cr_assert_eq(stats_to(B)->total_ns, 20);
	cr_assert_eq(stats_to(A, C)->total_ns, 20);
	cr_assert_eq(stats_to(A)->total_ns, 50);
	cr_assert_eq(path_to(A, B), 0);
}

Test(bpf_goroutine, a_goroutine_goes_on_on_another_thread)
{
	struct task_struct one = {}, two = {};

	begin_go(&one);
	begin_thread(&two);
	go_enter(100, G1, A, HI - 0x100);
	shim.task = &two;
	go_enter(110, G1, B, HI - 0x200);
	shim.task = &one;
	go_leave(130, G1, B, HI - 0x200);
	shim.task = &two;
	go_leave(200, G1, A, HI - 0x100);
	cr_assert_eq(stats_to(A, B)->total_ns, 20);
	cr_assert_eq(stats_to(A)->total_ns, 100);
}

Test(bpf_goroutine, processes_do_not_share_goroutines)
{
	struct task_struct one = {}, two = {};

	begin_go(&one);
	begin_thread(&two)->pid = PID + 1;
	go_enter(100, G1, A, HI - 0x100);
	shim.task = &two;
	go_enter(110, G1, B, HI - 0x200);
	cr_assert_eq(shim_find(&goroutines)->n, 2);
	cr_assert_eq(path_to(A, B), 0);
	cr_assert_neq(path_to(B), 0);
}

Test(bpf_goroutine, a_stack_that_moves_keeps_its_frames)
{
	struct task_struct task = {};

	begin_go(&task);
	go_enter(100, G1, A, HI - 0x100);
	go_enter(110, G1, B, HI - 0x200);
	set_g(G1, HI + 0x8000, 1);
	go_enter(120, G1, C, HI + 0x8000 - 0x300);
	go_leave(130, G1, C, HI + 0x8000 - 0x300);
	go_leave(140, G1, B, HI + 0x8000 - 0x200);
	set_g(G1, HI - 0x4000, 1); /* and shrinks */
	go_leave(150, G1, A, HI - 0x4000 - 0x100);
	cr_assert_eq(stats_to(A, B, C)->total_ns, 10);
	cr_assert_eq(stats_to(A, B)->total_ns, 30);
	cr_assert_eq(stats_to(A)->total_ns, 50);
	cr_assert_eq(stats_to(A)->unwound + stats_to(A, B)->unwound, 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_goroutine, a_prologue_that_runs_again_on_a_larger_stack_is_one_call)
{
	struct task_struct task = {};

	begin_go(&task);
	go_enter(100, G1, A, HI - 0x100);
	go_enter(110, G1, B, HI - 0x200);
	set_g(G1, HI + 0x8000, 1);
	go_enter(115, G1, B, HI + 0x8000 - 0x200);
	cr_assert_eq(goroutine_at(G1)->spans.depth, 2);
	go_leave(130, G1, B, HI + 0x8000 - 0x200);
	go_leave(140, G1, A, HI + 0x8000 - 0x100);
	cr_assert_eq(calls_of(stats_to(A, B)), 1);
	cr_assert_eq(stats_to(A, B)->total_ns, 20);
	cr_assert_eq(stats_to(A, B)->depth_max, 0);
}

Test(bpf_goroutine, a_moved_entry_is_the_same_frame)
{
	struct task_struct task = {};

	begin_go(&task);
	go_enter(100, G1, A | 16ULL << PB_COOKIE_MOVED, HI - 0x100);
	go_leave(110, G1, A, HI - 0x100);
	cr_assert_eq(stats_to(A)->total_ns, 10);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_goroutine, repetitions_beyond_its_smaller_shadow_stack_are_counted)
{
	struct task_struct task = {};
	const struct pb_call_stats *s;

	begin_go(&task);
	for (__u64 i = 0; i < PB_GO_DEPTH + 5; i++)
		go_enter(100, G1, A, HI - 0x100 - 16 * i);
	cr_assert_eq(goroutine_at(G1)->spans.depth, PB_GO_DEPTH);
	for (__u64 i = PB_GO_DEPTH + 5; i--;)
		go_leave(200, G1, A, HI - 0x100 - 16 * i);
	s = stats_to(A);
	cr_assert_eq(calls_of(s), PB_GO_DEPTH + 5);
	cr_assert_eq(s->untimed, 5);
	cr_assert_eq(s->depth_max, PB_GO_DEPTH + 5);
	cr_assert_eq(counted(PB_LOST_SPANS) + counted(PB_MISSED_RETURNS), 0);
	cr_assert_eq(shim_find(&goroutines)->n, 0);
}

Test(bpf_goroutine, other_calls_beyond_it_are_lost_and_counted_so)
{
	struct task_struct task = {};

	begin_go(&task);
	for (__u64 i = 0; i < PB_GO_DEPTH; i++)
		go_enter(100, G1, A, HI - 0x100 - 16 * i);
	go_enter(110, G1, B, HI - 0x800);
	cr_assert_eq(counted(PB_LOST_SPANS), 1);
	cr_assert_eq(path_to(A, B), 0);
}

Test(bpf_goroutine, goexit_ends_every_call_without_a_failure)
{
	struct task_struct task = {};
	struct pt_regs regs = { .r14 = G1 };

	begin_go(&task);
	go_enter(100, G1, A, HI - 0x100);
	go_enter(110, G1, B, HI - 0x200);
	shim.now_ns = 150;
	cr_assert_eq(pb_go_exit(&regs), 0);
	cr_assert_eq(shim_find(&goroutines)->n, 0);
	cr_assert_eq(stats_to(A)->unwound, 1);
	cr_assert_eq(stats_to(A)->total_ns, 50);
	cr_assert_eq(self_of(stats_to(A)), 10);
	cr_assert_eq(stats_to(A, B)->total_ns, 40);
	cr_assert_eq(stats_to(A)->errors + error_kinds(), 0);
	cr_assert_eq(pb_go_exit(&regs), 0, "of a goroutine without calls");
}

Test(bpf_goroutine, a_panic_fails_the_calls_that_it_leaves)
{
	struct task_struct task = {};

	begin_go(&task);
	go_enter(100, G1, A, HI - 0x100);
	go_enter(110, G1, B, HI - 0x200);
	go_enter(120, G1, C, HI - 0x300);
	go_panic(G1);
	go_leave(150, G1, A, HI - 0x100); /* which has recovered */
	cr_assert_eq(stats_to(A)->errors, 0);
	cr_assert_eq(stats_to(A, B)->errors, 1);
	cr_assert_eq(stats_to(A, B)->unwound, 1);
	cr_assert_eq(errors_of(path_to(A, B, C), PB_ERROR_PANIC, 0), 1);
	cr_assert_eq(error_kinds(), 2);
	cr_assert_eq(shim_find(&goroutines)->n, 0);
}

Test(bpf_goroutine, deferred_functions_of_a_panic_are_calls)
{
	struct task_struct task = {};

	begin_go(&task);
	go_enter(100, G1, A, HI - 0x100);
	go_enter(110, G1, B, HI - 0x200);
	go_panic(G1);
	go_enter(120, G1, C, HI - 0x400); /* deferred, run below gopanic */
	go_leave(130, G1, C, HI - 0x400);
	cr_assert_eq(goroutine_at(G1)->spans.raising, 1, "its return recovers nothing");
	go_leave(150, G1, A, HI - 0x100);
	cr_assert_eq(stats_to(A, B, C)->errors, 0);
	cr_assert_eq(stats_to(A, B)->errors, 1);
}

/* Whoever recovers need not be probed. */
Test(bpf_goroutine, a_call_where_a_panic_has_left_one_is_no_restart)
{
	struct task_struct task = {};

	begin_go(&task);
	go_enter(100, G1, A, HI - 0x100);
	for (__u64 i = 0; i < 5; i++) {
		go_enter(110 + 20 * i, G1, B, HI - 0x200);
		go_panic(G1);
	}
	go_leave(300, G1, A, HI - 0x100);
	cr_assert_eq(calls_of(stats_to(A, B)), 5);
	cr_assert_eq(errors_of(path_to(A, B), PB_ERROR_PANIC, 0), 5);
	cr_assert_eq(stats_to(A, B)->total_ns, 4 * 20 + 110);
	cr_assert_eq(stats_to(A)->errors, 0);
}

Test(bpf_goroutine, a_panic_without_calls_is_nobodys)
{
	struct task_struct task = {};

	begin_go(&task);
	go_panic(G1);
	go_panic(0x10);
	cr_assert_eq(shim_find(&goroutines)->n, 0);
}

Test(bpf_goroutine, a_runtime_g_that_is_used_again_starts_empty)
{
	struct task_struct task = {};

	begin_go(&task);
	go_enter(100, G1, A, HI - 0x100);
	go_enter(110, G1, B, HI - 0x200);
	set_g(G1, HI, 17); /* it has ended; the next one uses its place */
	go_enter(150, G1, C, HI - 0x300);
	cr_assert_eq(goroutine_at(G1)->spans.depth, 1);
	go_leave(160, G1, C, HI - 0x300);
	cr_assert_eq(stats_to(C)->total_ns, 10);
	cr_assert_eq(stats_to(A)->unwound, 1);
	cr_assert_eq(stats_to(A, B)->unwound, 1);
	cr_assert_eq(stats_to(A)->errors, 0);
}

Test(bpf_goroutine, a_return_without_entry_is_missed_and_leaves_nothing_behind)
{
	struct task_struct task = {};

	begin_go(&task);
	go_leave(100, G1, A, HI - 0x100);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 1);
	cr_assert_eq(shim_find(&goroutines)->n, 0);
}

Test(bpf_goroutine, no_room_for_a_goroutine_is_counted)
{
	struct task_struct task = {};

	begin_go(&task);
	shim_find(&goroutines)->max = 1;
	go_enter(100, G1, A, HI - 0x100);
	go_enter(110, G2, B, HI + 0x10000 - 0x100);
	go_leave(120, G1, A, HI - 0x100);
	cr_assert_eq(counted(PB_LOST_SPANS), 1);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	go_enter(130, G2, B, HI + 0x10000 - 0x100);
	cr_assert_eq(counted(PB_LOST_SPANS), 1, "there is room again");
}

/* Go's result registers, in order: the value of the nth is n + 1. */
Test(bpf_goroutine, the_result_that_tells_of_an_error_is_found_in_its_register)
{
	for (__u8 reg = 0; reg <= 8; reg++) {
		struct pt_regs regs = { .ax = 1,
					.bx = 2,
					.cx = 3,
					.di = 4,
					.si = 5,
					.r8 = 6,
					.r9 = 7,
					.r10 = 8,
					.r11 = 9,
					.r14 = G1 };
		struct task_struct task = {};

		shim_reset();
		begin_go(&task);
		set_node(C, (struct pb_node){
				.pred = PB_PRED_NE, .width = 8, .reg = reg, .kind = PB_ERROR_GO });
		go_enter(100, G1, C, HI - 0x100);
		regs.sp = HI - 0x100;
		shim.cookie = C | PB_COOKIE_SITE;
		cr_assert_eq(pb_go_leave(&regs), 0);
		cr_assert_eq(stats_to(C)->errors, 1);
		cr_assert_eq(errors_of(path_to(C), PB_ERROR_GO, reg + 1), 1, "register %u", reg);
	}
}

Test(bpf_goroutine, a_tail_jump_has_no_result)
{
	struct pt_regs regs = { .ax = 1, .r14 = G1, .sp = HI - 0x100 };
	struct task_struct task = {};

	begin_go(&task);
	set_node(A, (struct pb_node){ .pred = PB_PRED_NE, .width = 8, .kind = PB_ERROR_GO });
	go_enter(100, G1, A, HI - 0x100);
	shim.cookie = A | PB_COOKIE_SITE | PB_COOKIE_NO_VALUE;
	cr_assert_eq(pb_go_leave(&regs), 0);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(stats_to(A)->errors, 0);
}

Test(bpf_goroutine, a_system_call_is_made_on_its_goroutines_behalf)
{
	struct pt_regs regs = { .r14 = G1 };
	struct pb_syscall_key key = { .nr = 1 };
	struct task_struct task = {};

	task.group_leader = &task;
	begin_go(&task);
	go_enter(100, G1, A, HI - 0x100);
	key.path = path_to(A);
	shim.now_ns = 110;
	pb_sys_enter(NULL, &regs, 1);
	shim.now_ns = 120;
	pb_sys_exit(NULL, &regs, 5);
	cr_assert_not_null(bpf_map_lookup_elem(&syscall_stats, &key));
	cr_assert_eq(shim_find(&syscall_stats)->n, 1);
	regs.r14 = G2; /* another's */
	pb_sys_enter(NULL, &regs, 1);
	pb_sys_exit(NULL, &regs, 5);
	key.path = 0;
	cr_assert_not_null(bpf_map_lookup_elem(&syscall_stats, &key));
}

Test(bpf_goroutine, hostile_registers_are_survived)
{
	static const __u64 gs[] = { 0, 8, SHIM_USER_END - 4, -1ULL, 0xdead000000000000 };
	struct task_struct task = {};

	begin_go(&task);
	for (size_t i = 0; i < sizeof(gs) / sizeof(*gs); i++) {
		go_enter(100, gs[i], A, HI - 0x100);
		go_enter(105, gs[i], B, -8ULL);
		go_panic(gs[i]);
		go_leave(110, gs[i], A, HI - 0x100);
	}
	cr_assert_eq(calls_of(stats_to(A)), sizeof(gs) / sizeof(*gs));
}

Test(bpf_goroutine, the_end_of_the_trace_leaves_its_calls_open)
{
	struct bpf_iter__task thread_end = {}, end = {};
	struct task_struct task = {};

	begin_go(&task);
	go_enter(100, G1, A, HI - 0x100);
	go_enter(110, G1, B, HI - 0x200);
	go_enter(120, G2, A, HI + 0x10000 - 0x100);
	closing = 1;
	thread_end.task = &task;
	pb_iter_end(&thread_end);
	pb_iter_end(&end);
	cr_assert_eq(stats_to(A)->open, 2);
	cr_assert_eq(stats_to(A, B)->open, 1);
	cr_assert_eq(calls_of(stats_to(A)) + stats_to(A)->unwound, 0);
}
