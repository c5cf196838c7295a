/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames: tail calls, equal stack pointers, signal stacks, moved stack pointers. */
#include <criterion/criterion.h>

#include "bpf_calls.h"

#define ALT_LOW  0x9000
#define ALT_SIZE 0x800

#define XOL  0xf0000 /* where the kernel's trampoline lies */
#define RET1 0x401000
#define RET2 0x402000

/* A process in which return probes are pending. */
struct traced {
	struct xol_area area;
	struct mm_struct mm;
	struct task_struct task;
};

static struct thread *begin_trampoline(struct traced *p)
{
	p->area.vaddr = XOL;
	p->mm.uprobes_state.xol_area = &p->area;
	p->task.mm = &p->mm;
	return begin(&p->task);
}

/* Entered with a return probe: the kernel replaces the return address after the program ran. */
static void enter_kept(__u64 now_ns, __u64 cookie, __u64 sp)
{
	enter_at(now_ns, cookie, sp);
	shim_user_word(sp, XOL);
}

Test(bpf_frames, both_ends_of_a_tail_call_return)
{
	struct traced p = {};

	begin_trampoline(&p);
	enter_kept(100, A, SP_A);
	enter_kept(110, B, SP_A); /* jumped to: the return address is the trampoline still */
	leave_at(150, B, SP_A);
	leave_at(150, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(stats_to(A)->total_ns, 50);
	cr_assert_eq(stats_to(A, B)->total_ns, 40);
	cr_assert_eq(stats_to(A)->unwound + stats_to(A, B)->unwound, 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_frames, a_frame_whose_return_address_is_new_was_jumped_out_of)
{
	struct traced p = {};

	begin_trampoline(&p);
	enter_kept(100, A, SP_A);
	shim_user_word(SP_A, RET1); /* whoever called A has called B from the same depth */
	enter_kept(110, B, SP_A);
	leave_at(150, B, SP_A);
	cr_assert_eq(stats_to(A)->unwound, 1);
	cr_assert_eq(stats_to(A)->untimed, 1);
	cr_assert_eq(path_to(A, B), 0, "A did not call it");
	cr_assert_eq(stats_to(B)->total_ns, 40);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

/* One call after another, all jumped out of, as a loop around setjmp() and longjmp() makes them. */
Test(bpf_frames, calls_that_are_jumped_out_of_do_not_pile_up)
{
	struct traced p = {};
	struct thread *t = begin_trampoline(&p);

	for (__u64 i = 0; i < 1000; i++) {
		shim_user_word(SP_A, RET1);
		enter_kept(100 + i, A, SP_A);
		cr_assert_eq(t->spans.depth, 1);
		cr_assert_eq(t->spans.pending, 1);
	}
	leave_at(2000, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A)), 1000);
	cr_assert_eq(stats_to(A)->unwound, 999);
	cr_assert_eq(stats_to(A)->untimed, 999);
	cr_assert_eq(stats_to(A)->depth_max, 0, "none repeated another");
	cr_assert_eq(path_to(A, A), 0);
}

Test(bpf_frames, all_that_share_a_dead_frame_end)
{
	struct traced p = {};
	struct thread *t = begin_trampoline(&p);

	enter_kept(90, C, SP_A + 0x100);
	enter_kept(100, A, SP_A);
	enter_kept(110, B, SP_A); /* A's tail */
	shim_user_word(SP_A, RET1);
	enter_kept(120, D, SP_A);
	cr_assert_eq(t->spans.depth, 2);
	leave_at(130, D, SP_A);
	leave_at(140, C, SP_A + 0x100);
	cr_assert_eq(stats_to(C, A)->unwound, 1);
	cr_assert_eq(stats_to(C, A, B)->unwound, 1);
	cr_assert_eq(stats_to(C, D)->total_ns, 10);
	cr_assert_eq(self_of(stats_to(C)), 40);
}

Test(bpf_frames, without_the_trampolines_address_a_return_address_is_not_believed)
{
	struct traced p = {};

	begin_trampoline(&p);
	shim.no_fields = true;
	enter_kept(100, A, SP_A);
	enter_kept(110, B, SP_A);
	cr_assert_eq(stats_to(A)->unwound, 1);
	leave_at(120, B, SP_A);
	cr_assert_eq(stats_to(B)->total_ns, 10);
}

/* Of functions whose ends are probed, a tail call leaves the return address as it was. */
Test(bpf_frames, an_equal_return_address_is_a_tail_call)
{
	struct task_struct task = {};

	begin(&task);
	enter_sites(100, A, SP_A, RET1);
	enter_sites(110, B, SP_A, RET1);
	leave_site(150, B, SP_A, 0);
	cr_assert_eq(stats_to(A, B)->total_ns, 40);
	cr_assert_eq(stats_to(A, B)->unwound, 0);
	enter_sites(160, B, SP_A, RET2); /* a new call from where A was called */
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(stats_to(A)->unwound, 1);
	leave_site(170, B, SP_A, 0);
	cr_assert_eq(stats_to(B)->total_ns, 10);
}

Test(bpf_frames, the_same_function_in_its_own_frame_is_a_new_call)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_sites(100, A, SP_A, RET1);
	enter_sites(110, A, SP_A, RET1); /* its jump to itself would have been seen as its end */
	cr_assert_eq(t->spans.depth, 1);
	leave_site(130, A, SP_A, 0);
	cr_assert_eq(calls_of(stats_to(A)), 2);
	cr_assert_eq(stats_to(A)->unwound, 1);
	cr_assert_eq(stats_to(A)->total_ns, 20);
}

Test(bpf_frames, a_function_that_may_restart_is_one_call)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_sites(100, A | PB_COOKIE_RESTARTS, SP_A, RET1);
	for (int i = 0; i < 100; i++)
		enter_sites(110, A | PB_COOKIE_RESTARTS, SP_A, RET1);
	cr_assert_eq(t->spans.depth, 1);
	leave_site(150, A, SP_A, 0);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(stats_to(A)->total_ns, 50);
	cr_assert_eq(stats_to(A)->unwound, 0);
}

Test(bpf_frames, a_restart_has_the_same_caller)
{
	struct task_struct task = {};

	begin(&task);
	enter_sites(100, A | PB_COOKIE_RESTARTS, SP_A, RET1);
	enter_sites(110, A | PB_COOKIE_RESTARTS, SP_A, RET2); /* called again, from elsewhere */
	leave_site(150, A, SP_A, 0);
	cr_assert_eq(calls_of(stats_to(A)), 2);
	cr_assert_eq(stats_to(A)->unwound, 1);
	cr_assert_eq(stats_to(A)->total_ns, 40);
}

Test(bpf_frames, what_may_restart_can_repeat_itself)
{
	struct task_struct task = {};

	begin(&task);
	enter_sites(100, A | PB_COOKIE_RESTARTS, SP_A, RET1);
	enter_sites(110, A | PB_COOKIE_RESTARTS, SP_B, RET1);
	leave_site(120, A, SP_B, 0);
	leave_site(130, A, SP_A, 0);
	cr_assert_eq(calls_of(stats_to(A)), 2);
	cr_assert_eq(stats_to(A)->depth_max, 2);
}

Test(bpf_frames, a_return_ends_its_own_function_and_none_that_shares_its_frame)
{
	struct traced p = {};

	begin_trampoline(&p);
	enter_kept(100, A, SP_A);
	enter_kept(110, B, SP_A);
	leave_at(150, A, SP_A); /* that of B is never reported: both end here */
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(stats_to(A)->total_ns, 50);
	cr_assert_eq(calls_of(stats_to(A, B)), 1);
	cr_assert_eq(stats_to(A, B)->total_ns, 40);
	cr_assert_eq(stats_to(A, B)->unwound, 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_frames, a_probed_tail_jump_ends_its_function_before_the_next)
{
	struct task_struct task = {};

	begin(&task);
	set_node(A, (struct pb_node){ .pred = PB_PRED_NE, .width = 8 });
	enter_sites(100, A, SP_A, RET1);
	leave_site(110, A | PB_COOKIE_NO_VALUE, SP_A, 77);
	enter_sites(110, B, SP_A, RET1);
	leave_site(150, B, SP_A, 0);
	cr_assert_eq(stats_to(A)->total_ns, 10);
	cr_assert_eq(stats_to(A)->errors, 0, "77 is no return value");
	cr_assert_eq(stats_to(B)->total_ns, 40);
}

Test(bpf_frames, an_entry_behind_a_push_has_the_frame_of_the_first_instruction)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_at(100, A | 24ULL << PB_COOKIE_MOVED, SP_A);
	cr_assert_eq(span_at(&t->spans, 0)->sp, SP_A);
	cr_assert_eq(span_at(&t->spans, 0)->node, A);
	/* Its callee's frame lies between what it has pushed and its own beginning: it cannot. */
	enter_at(110, B | 8ULL << PB_COOKIE_MOVED, SP_B);
	leave_at(120, B, SP_B);
	leave_at(130, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(stats_to(A, B)->total_ns, 10);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_frames, a_moved_entry_finds_its_return_address)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	shim_user_word(SP_A - 24, 0xbad);
	enter_sites(100, A | 24ULL << PB_COOKIE_MOVED, SP_A, RET1);
	cr_assert_eq(span_at(&t->spans, 0)->ret, RET1);
	cr_assert_eq(span_at(&t->spans, 0)->sp, SP_A);
}

Test(bpf_frames, a_return_address_that_cannot_be_read_harms_nothing)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	enter_at(100, A | PB_COOKIE_SITES, SHIM_USER_END + 64);
	cr_assert_eq(span_at(&t->spans, 0)->ret, 0);
	leave_site(110, A, SHIM_USER_END + 64, 0);
	cr_assert_eq(stats_to(A)->total_ns, 10);
}

Test(bpf_frames, a_handler_on_the_signal_stack_leaves_the_interrupted_calls_open)
{
	struct task_struct task = { .sas_ss_sp = ALT_LOW, .sas_ss_size = ALT_SIZE };
	struct thread *t = begin(&task);

	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	enter_at(120, C, ALT_LOW + 0x700); /* above both, though called within them */
	cr_assert_eq(t->spans.depth, 3);
	leave_at(125, C, ALT_LOW + 0x700);
	leave_at(130, B, SP_B);
	leave_at(140, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A, B)), 1);
	cr_assert_eq(self_of(stats_to(A, B)), 15);
	cr_assert_eq(calls_of(stats_to(A, B, C)), 1);
	cr_assert_eq(counted(PB_MISSED_RETURNS), 0);
}

Test(bpf_frames, a_signal_stack_ends_where_it_ends)
{
	struct task_struct task = { .sas_ss_sp = ALT_LOW, .sas_ss_size = ALT_SIZE };
	struct thread *t = begin(&task);

	enter_at(100, A, ALT_LOW + ALT_SIZE);
	cr_assert_eq(span_at(&t->spans, 0)->stack, ON_THREAD);
	enter_at(110, B, ALT_LOW + ALT_SIZE - 8);
	cr_assert_eq(span_at(&t->spans, 1)->stack, ON_SIGNAL);
	enter_at(120, C, ALT_LOW);
	cr_assert_eq(span_at(&t->spans, 2)->stack, ON_SIGNAL);
	cr_assert_eq(t->spans.depth, 3);
}

Test(bpf_frames, leaving_a_handler_by_siglongjmp_drops_it_at_the_next_return)
{
	struct task_struct task = { .sas_ss_sp = ALT_LOW, .sas_ss_size = ALT_SIZE };
	struct thread *t = begin(&task);

	enter_at(100, A, SP_A);
	enter_at(120, C, ALT_LOW + 0x700);
	leave_at(140, A, SP_A);
	cr_assert_eq(t->spans.depth, 0);
	cr_assert_eq(calls_of(stats_to(A)), 1);
	cr_assert_eq(stats_to(A, C)->unwound, 1);
}

Test(bpf_frames, leaving_a_handler_by_siglongjmp_drops_it_at_the_next_entry)
{
	struct task_struct task = { .sas_ss_sp = ALT_LOW, .sas_ss_size = ALT_SIZE };

	begin(&task);
	enter_at(100, A, SP_A);
	enter_at(120, C, ALT_LOW + 0x700);
	enter_at(130, B, SP_B); /* back on the main stack: no handler runs any more */
	leave_at(140, B, SP_B);
	leave_at(150, A, SP_A);
	cr_assert_eq(stats_to(A, C)->unwound, 1);
	cr_assert_neq(path_to(A, B), 0, "B was called by A");
	cr_assert_eq(calls_of(stats_to(A, B)), 1);
	cr_assert_eq(self_of(stats_to(A)), 40);
}
