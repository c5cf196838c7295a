/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of kernel functions, and what they do to others while a program is at work. */
#include <criterion/criterion.h>
#include <errno.h>

#include "bpf_calls.h"

#define STACK_SIZE 16384
#define NMI        0x100000
#define HARDIRQ    0x010000
#define SOFTIRQ    0x000100
#define BH_OFF     0x000200
#define PF_EXITING 0x4
#define NR_READ    0
#define SP_CALL    0x6c00

/* The kernel's stack of a thread; frames lie so many bytes below its end. */
static _Alignas(16) char stack[STACK_SIZE];

static __u64 frame(__u32 below)
{
	return (__u64)stack + STACK_SIZE - below;
}

static struct thread *begin_kernel(struct task_struct *task)
{
	struct thread *t;

	task->stack = stack;
	task->group_leader = task;
	t = begin(task);
	written_config.kernel_spans = 1;
	return t;
}

static void k_enter(__u64 now_ns, __u32 node, __u64 sp)
{
	struct pt_regs regs = { .sp = sp };

	shim.now_ns = now_ns;
	shim.cookie = node;
	cr_assert_eq(pb_kernel_enter(&regs), 0);
}

/* At a return, as kprobes of older kernels tell the stack pointer: the return address is off. */
static void k_leave(__u64 now_ns, __u32 node, __u64 sp, __u64 value)
{
	struct pt_regs regs = { .sp = sp + 8, .ax = value };

	shim.now_ns = now_ns;
	shim.cookie = node;
	cr_assert_eq(pb_kernel_leave(&regs), 0);
}

static void sys(__u64 from_ns, __u64 to_ns, void (*within)(void))
{
	struct pt_regs regs = { .sp = SP_CALL, .orig_ax = NR_READ };

	shim.now_ns = from_ns;
	pb_sys_enter(NULL, &regs, NR_READ);
	if (within)
		within();
	shim.now_ns = to_ns;
	pb_sys_exit(NULL, &regs, 0);
}

Test(bpf_kernel, calls_hang_below_what_the_thread_is_in)
{
	struct task_struct task = {};
	struct thread *t = begin_kernel(&task);

	enter_at(100, A, SP_A);
	k_enter(110, B, frame(0x100));
	k_enter(120, C, frame(0x200));
	cr_assert_eq(t->spans.depth, 3);
	k_leave(140, C, frame(0x200), 0);
	k_leave(150, B, frame(0x100), 0);
	leave_at(200, A, SP_A);
	cr_assert_eq(self_of(stats_to(A)), 60);
	cr_assert_eq(self_of(stats_to(A, B)), 20);
	cr_assert_eq(stats_to(A, B, C)->total_ns, 20);
	cr_assert_eq(counted(PB_MISSED_RETURNS) + counted(PB_LOST_SPANS), 0);
	cr_assert_eq(t->held, 0);
}

Test(bpf_kernel, a_return_is_known_by_its_frame_whatever_the_kernel_calls_its_stack_pointer)
{
	/* Seen from the entry's: the return address taken off; as it was; a frame of its own. */
	static const __s64 offsets[] = { 8, 0, -8, -168, -511 };

	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		struct task_struct task = {};

		shim_reset();
		begin_kernel(&task);
		k_enter(110, B, frame(0x400));
		k_leave(150, B, frame(0x400) + (__u64)offsets[i] - 8, 0);
		cr_assert_eq(calls_of(stats_to(B)), 1, "%lld", offsets[i]);
		cr_assert_eq(stats_to(B)->total_ns, 40);
	}
}

Test(bpf_kernel, a_return_of_another_frame_ends_nothing)
{
	static const __s64 offsets[] = { 17, 1024, -512, -4096 };

	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		struct task_struct task = {};
		struct thread *t;

		shim_reset();
		t = begin_kernel(&task);
		k_enter(110, B, frame(0x2000));
		k_leave(150, B, frame(0x2000) + (__u64)offsets[i] - 8, 0);
		cr_assert_eq(t->spans.depth, 1, "%lld", offsets[i]);
	}
}

Test(bpf_kernel, a_return_that_the_kernel_missed_is_no_jump)
{
	struct task_struct task = {};

	begin_kernel(&task);
	k_enter(110, B, frame(0x1000));
	k_enter(120, C, frame(0x2000));
	k_leave(150, B, frame(0x1000), 0);
	cr_assert_eq(calls_of(stats_to(B)), 1);
	cr_assert_eq(stats_to(B)->total_ns, 40);
	cr_assert_eq(stats_to(B, C)->untimed, 1);
	cr_assert_eq(stats_to(B, C)->unwound, 0);
	k_leave(160, C, frame(0x2000), 0); /* late, and of nobody */
	cr_assert_eq(calls_of(stats_to(B, C)), 1);
}

Test(bpf_kernel, recursion_is_folded)
{
	struct task_struct task = {};

	begin_kernel(&task);
	k_enter(110, B, frame(0x1000));
	k_enter(120, B, frame(0x1800));
	k_leave(130, B, frame(0x1800), 0);
	k_leave(150, B, frame(0x1000), 0);
	cr_assert_eq(calls_of(stats_to(B)), 2);
	cr_assert_eq(stats_to(B)->total_ns, 40);
	cr_assert_eq(stats_to(B)->depth_max, 2);
}

static void open_and_forget(void)
{
	k_enter(120, B, frame(0x1000)); /* its return is missed */
}

Test(bpf_kernel, the_end_of_a_system_call_ends_what_served_it)
{
	struct task_struct task = {};
	struct thread *t = begin_kernel(&task);

	enter_at(100, A, SP_A);
	sys(110, 150, open_and_forget);
	cr_assert_eq(t->spans.depth, 1);
	cr_assert_eq(stats_to(A, B)->untimed, 1);
	cr_assert_eq(stats_to(A, B)->unwound, 0);
	leave_at(200, A, SP_A);
	cr_assert_eq(stats_to(A)->total_ns, 100);
	cr_assert_eq(t->held, 0);
}

static void serve(void)
{
	k_enter(120, B, frame(0x1000));
	k_leave(140, B, frame(0x1000), (__u64)-ENOENT);
}

Test(bpf_kernel, a_system_call_that_is_a_span_has_kernel_functions_below_it)
{
	struct task_struct task = {};
	__u32 nr = NR_READ, node = C + 1;

	begin_kernel(&task);
	written_config.syscall_spans = 1;
	bpf_map_update_elem(&syscall_nodes, &nr, &node, BPF_ANY);
	set_node(B, (struct pb_node){ .pred = PB_PRED_LT, .width = 4, .kind = PB_ERROR_ERRNO });
	enter_at(100, A, SP_A);
	sys(110, 150, serve);
	leave_at(200, A, SP_A);
	cr_assert_eq(stats_to(A, C, B)->total_ns, 20);
	cr_assert_eq(errors_of(path_to(A, C, B), PB_ERROR_ERRNO, ENOENT), 1);
	cr_assert_eq(self_of(stats_to(A, C)), 20);
	cr_assert_eq(stats_to(A, C)->errors, 0);
}

Test(bpf_kernel, pointers_that_are_errors_have_their_errno)
{
	static const struct {
		__u64 value;
		__u32 kind;
		__s64 recorded;
		bool error;
	} cases[] = {
		{ (__u64)-ENOMEM, PB_ERROR_ERRNO, ENOMEM, true },
		{ (__u64)-4095, PB_ERROR_ERRNO, 4095, true },
		{ 0, PB_ERROR_RETURN, 0, true },
		{ (__u64)-4096, PB_ERROR_ERRNO, 4096, false },
		{ 0xffff888012345678, PB_ERROR_ERRNO, 0, false },
		{ 1, PB_ERROR_ERRNO, 1, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct task_struct task = {};

		shim_reset();
		begin_kernel(&task);
		set_node(B, (struct pb_node){
				.pred = PB_PRED_ERR_PTR, .width = 8, .kind = PB_ERROR_ERRNO });
		k_enter(120, B, frame(0x1000));
		k_leave(140, B, frame(0x1000), cases[i].value);
		cr_assert_eq(stats_to(B)->errors, cases[i].error, "case %zu", i);
		cr_assert_eq(errors_of(path_to(B), cases[i].kind, cases[i].recorded),
			     cases[i].error, "case %zu", i);
	}
}

Test(bpf_kernel, what_interrupts_do_is_nobodys)
{
	static const struct {
		int preempt_count;
		bool counts;
	} cases[] = {
		{ 0, true },
		{ 1, true },             /* preemption is off */
		{ BH_OFF, true },        /* bottom halves are off, none is served */
		{ NMI + HARDIRQ, true }, /* the probe's own breakpoint */
		{ HARDIRQ, false },
		{ SOFTIRQ, false },
		{ NMI + 2 * HARDIRQ, false },
		{ NMI + HARDIRQ + SOFTIRQ, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct task_struct task = {};
		struct thread *t;

		shim_reset();
		t = begin_kernel(&task);
		shim_preempt_count = cases[i].preempt_count;
		k_enter(120, B, frame(0x1000));
		cr_assert_eq(t->spans.depth, cases[i].counts, "case %zu", i);
	}
}

Test(bpf_kernel, neither_is_what_runs_elsewhere_or_at_the_threads_end)
{
	struct task_struct task = {};
	struct thread *t = begin_kernel(&task);

	k_enter(120, B, (__u64)stack - 16);
	k_enter(120, B, frame(0) + 32768);
	cr_assert_eq(t->spans.depth, 0, "not on the thread's stack");
	task.flags = PF_EXITING;
	k_enter(120, B, frame(0x1000));
	cr_assert_eq(t->spans.depth, 0);
	task.flags = 0;
	closing = 1;
	k_enter(120, B, frame(0x1000));
	cr_assert_eq(t->spans.depth, 0);
}

/* A helper that a program of ours calls runs a function that is traced. */
Test(bpf_kernel, functions_that_our_own_programs_make_the_kernel_call_are_lost)
{
	struct task_struct task = {};
	struct thread *t = begin_kernel(&task);

	enter_at(100, A, SP_A);
	t->held = 1;
	k_enter(110, B, frame(0x1000));
	k_leave(120, B, frame(0x1000), 0);
	pb_fentry(&stack[0x1000]);
	pb_fexit(&stack[0x1000]);
	cr_assert_eq(counted(PB_LOST_SPANS), 2);
	cr_assert_eq(t->held, 1);
	cr_assert_eq(t->spans.depth, 1);
}

Test(bpf_kernel, trampolines_do_the_same)
{
	struct task_struct task = {};
	struct thread *t = begin_kernel(&task);

	set_node(C, (struct pb_node){ .pred = PB_PRED_LT, .width = 4, .kind = PB_ERROR_ERRNO });
	shim.now_ns = 100;
	shim.cookie = B;
	pb_fentry(&stack[0x2000]);
	shim.now_ns = 110;
	shim.cookie = C;
	pb_fentry(&stack[0x1800]);
	cr_assert_eq(t->spans.depth, 2);
	shim.now_ns = 130;
	shim.func_ret = (__u32)-EAGAIN;
	pb_fexit(&stack[0x1800]);
	shim.now_ns = 200;
	shim.cookie = B;
	pb_fexit(&stack[0x2000]);
	cr_assert_eq(stats_to(B)->total_ns, 100);
	cr_assert_eq(stats_to(B, C)->total_ns, 20);
	cr_assert_eq(errors_of(path_to(B, C), PB_ERROR_ERRNO, EAGAIN), 1);
	cr_assert_eq(t->held + t->spans.depth, 0);
}

Test(bpf_kernel, a_root_in_the_kernel_is_recorded)
{
	struct task_struct task = {};
	const struct pb_timeline *r;

	begin_kernel(&task);
	written_config.timelines = 1;
	k_enter(1000, B, frame(0x1000));
	k_enter(1100, C, frame(0x2000));
	k_leave(1200, C, frame(0x2000), 0);
	k_leave(1500, B, frame(0x1000), 0);
	r = record_sent(PB_TIMELINE, 0, offsetof(struct pb_timeline, slices));
	cr_assert_not_null(r);
	cr_assert_eq(r->n, 2);
	cr_assert_eq(r->slices[1].parent, 0);
	cr_assert_eq(r->slices[1].end_ns, 1200);
	cr_assert_eq(shim_find(&timelines_free)->n, PB_TIMELINES);
}

/* Whatever way a program takes, it lets go of the thread's spans. */
Test(bpf_kernel, every_program_lets_go_of_the_spans)
{
	struct signal_struct signal = { .live = { .counter = 1 } };
	struct task_struct task = { .tgid = PID, .signal = &signal };
	struct thread *t = begin_kernel(&task);
	struct pt_regs regs = { .sp = SP_B, .di = 0x30000, .si = 0x30000 };
	struct task_struct other = {};

	written_config.timelines = 1;
#define EXPECT_FREE(...)                                                                           \
	do {                                                                                       \
		__VA_ARGS__;                                                                       \
		cr_expect_eq(t->held, 0, "%s", #__VA_ARGS__);                                      \
		t->held = 0;                                                                       \
	} while (0)
	EXPECT_FREE(leave_at(90, A, SP_A));
	EXPECT_FREE(enter_sites(100, A | PB_COOKIE_RESTARTS, SP_A, 0x401000));
	EXPECT_FREE(enter_sites(110, A | PB_COOKIE_RESTARTS, SP_A, 0x401000));
	EXPECT_FREE(enter_at(120, B, SP_B));
	EXPECT_FREE(pb_usdt(&regs));
	EXPECT_FREE(pb_python_raise(&regs));
	EXPECT_FREE(pb_python_raise_in(&regs));
	EXPECT_FREE(pb_raise(&regs));
	EXPECT_FREE(pb_land(&regs));
	EXPECT_FREE(pb_catch(&regs));
	EXPECT_FREE(sys(130, 140, serve));
	EXPECT_FREE(pb_sched_switch(NULL, false, &task, &other));
	shim.now_ns += 10000;
	EXPECT_FREE(pb_sched_switch(NULL, false, &other, &task));
	EXPECT_FREE(leave_site(200, A, SP_A, 0));
	for (__u32 i = 0; i < PB_SPAN_DEPTH + 2; i++)
		EXPECT_FREE(enter_sites(300, C, 0x20000 - 16 * i, 0x402000));
	EXPECT_FREE(leave_site(310, C, 0x20000 - 16 * (PB_SPAN_DEPTH + 1), 0));
	EXPECT_FREE(pb_proc_exit(NULL, &task));
#undef EXPECT_FREE
}
