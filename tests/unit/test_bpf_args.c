/* SPDX-License-Identifier: GPL-2.0-only */
/* Arguments of recorded calls, and static probes. */
#include <criterion/criterion.h>
#include <string.h>

#include "bpf_calls.h"

/* struct pt_regs in words */
enum { WORD_BP = 4, WORD_R8 = 9, WORD_AX = 10, WORD_SI = 13, WORD_DI = 14 };
#define NO_INDEX 255
#define KEY      3 /* of node_args */
#define TEXT     0x50000

static struct thread *begin_args(struct task_struct *task, struct pb_args args)
{
	struct thread *t;
	__u32 key = KEY;

	task->group_leader = task;
	t = begin(task);
	written_config.timelines = 1;
	cr_assert_eq(bpf_map_update_elem(&node_args, &key, &args, BPF_ANY), 0);
	set_node(A, (struct pb_node){ .args = KEY });
	return t;
}

/* A call of A with these registers: the trace of it. */
static const struct pb_timeline *call_with(struct pt_regs regs)
{
	const struct pb_timeline *r;

	regs.sp = SP_A;
	shim.now_ns = 1000;
	shim.cookie = A;
	pb_span_enter(&regs);
	leave_at(2000, A, SP_A);
	r = record_sent(PB_TIMELINE, 0, offsetof(struct pb_timeline, slices));
	cr_assert_not_null(r);
	return r;
}

static __u64 word_of(const struct pb_timeline *r, __u32 i)
{
	__u64 value;

	memcpy(&value, r->args + 8UL * i, sizeof(value));
	return value;
}

Test(bpf_args, values_come_from_registers_memory_and_nowhere)
{
	struct pb_args args = {
		.n = 5,
		.arg = { { .place = PB_ARG_REG, .reg = WORD_DI, .index = NO_INDEX, .size = 8 },
			 { .place = PB_ARG_MEMORY,
			   .reg = WORD_BP,
			   .index = NO_INDEX,
			   .value = -16 },
			 { .place = PB_ARG_MEMORY, .reg = WORD_AX, .index = WORD_R8, .shift = 3 },
			 { .place = PB_ARG_CONST, .value = -42 },
			 { .place = PB_ARG_MEMORY, .reg = WORD_SI, .index = NO_INDEX } },
	};
	struct task_struct task = {};
	const struct pb_timeline *r;

	begin_args(&task, args);
	shim_user_word(0x20000 - 16, 111);
	shim_user_word(0x30000 + 8 * 5, 222);
	r = call_with((struct pt_regs){ .di = 7, .bp = 0x20000, .ax = 0x30000, .r8 = 5, .si = 8 });
	cr_assert_eq(r->slices[0].args, 0);
	cr_assert_eq(r->slices[0].args_len, 40);
	cr_assert_eq(r->args_len, 40);
	cr_assert_eq(word_of(r, 0), 7);
	cr_assert_eq(word_of(r, 1), 111);
	cr_assert_eq(word_of(r, 2), 222);
	cr_assert_eq((__s64)word_of(r, 3), -42);
	cr_assert_eq(word_of(r, 4), 0, "what cannot be read is 0");
}

Test(bpf_args, strings_are_copied_and_cut)
{
	struct pb_args args = {
		.n = 3,
		.arg = { { .place = PB_ARG_REG, .reg = WORD_DI, .index = NO_INDEX, .is_string = 1 },
			 { .place = PB_ARG_REG, .reg = WORD_SI, .index = NO_INDEX, .is_string = 1 },
			 { .place = PB_ARG_MEMORY,
			   .reg = WORD_AX,
			   .index = NO_INDEX,
			   .is_string = 1 } },
	};
	char text[200];
	struct task_struct task = {};
	const struct pb_timeline *r;

	begin_args(&task, args);
	memset(text, 'x', sizeof(text));
	shim_user_write(TEXT, text, sizeof(text));
	shim_user_word(0x20000, TEXT + 196);
	r = call_with((struct pt_regs){ .di = TEXT, .si = 5, .ax = 0x20000 });
	cr_assert_eq(r->slices[0].args_len, 3 * PB_ARG_STRING_LEN);
	cr_assert_eq(strnlen(r->args, PB_ARG_STRING_LEN), PB_ARG_STRING_LEN - 1);
	cr_assert_str_eq(r->args + PB_ARG_STRING_LEN, "", "it cannot be read");
	cr_assert_str_eq(r->args + 2 * PB_ARG_STRING_LEN, "xxxx", "a pointer to a pointer");
}

Test(bpf_args, a_trace_has_room_for_so_many)
{
	struct pb_args args = { .n = PB_ARGS_MAX };
	struct task_struct task = {};
	const struct pb_timeline *r;
	__u32 end = 0;

	for (__u32 i = 0; i < PB_ARGS_MAX; i++)
		args.arg[i] =
		    (struct pb_arg){ .place = PB_ARG_REG, .reg = WORD_DI, .is_string = 1 };
	begin_args(&task, args);
	set_node(B, (struct pb_node){ .args = KEY });
	enter_at(1000, A, SP_A);
	for (int i = 0; i < 10; i++) {
		enter_at(1010, B, SP_B);
		leave_at(1020, B, SP_B);
	}
	leave_at(2000, A, SP_A);
	r = record_sent(PB_TIMELINE, 0, sizeof(struct pb_header));
	cr_assert_eq(r->n, 11);
	for (__u32 i = 0; i < r->n; i++) {
		if (r->slices[i].args_len)
			cr_assert_eq(r->slices[i].args, end);
		end += r->slices[i].args_len;
	}
	cr_assert_eq(end, r->args_len);
	cr_assert_eq(end, PB_ARG_BYTES);
	cr_assert_eq(r->slices[10].args_len, 0);
}

Test(bpf_args, more_than_the_map_says_are_not_read)
{
	struct pb_args args = { .n = 1000 };
	struct task_struct task = {};

	for (__u32 i = 0; i < PB_ARGS_MAX; i++)
		args.arg[i] = (struct pb_arg){ .place = PB_ARG_CONST, .value = i };
	begin_args(&task, args);
	cr_assert_eq(call_with((struct pt_regs){})->args_len, 8 * PB_ARGS_MAX);
}

Test(bpf_args, nodes_without_arguments_have_none)
{
	struct task_struct task = {};

	begin_args(&task, (struct pb_args){ .n = 1 });
	set_node(A, (struct pb_node){ .args = KEY + 1 }); /* of which nothing is known */
	cr_assert_eq(call_with((struct pt_regs){})->args_len, 0);
}

static void point_at(__u64 now_ns, __u64 cookie, __u64 sp, __u64 di)
{
	struct pt_regs regs = { .sp = sp, .di = di };

	shim.now_ns = now_ns;
	shim.cookie = cookie;
	cr_assert_eq(pb_usdt(&regs), 0);
}

Test(bpf_usdt, a_static_probe_is_a_point_on_its_path)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	point_at(90, D, SP_C, 0);
	enter_at(100, A, SP_A);
	for (int i = 0; i < 3; i++)
		point_at(110, D, SP_C, 0);
	cr_assert_eq(t->spans.depth, 1, "it is no call");
	leave_at(200, A, SP_A);
	cr_assert_eq(calls_of(stats_to(D)), 1);
	cr_assert_eq(calls_of(stats_to(A, D)), 3);
	cr_assert_eq(stats_to(A, D)->total_ns, 0);
	cr_assert_eq(stats_to(A, D)->unwound, 0);
	cr_assert_eq(self_of(stats_to(A)), 100);
}

Test(bpf_usdt, it_stands_in_the_function_whose_frame_begins_there)
{
	struct task_struct task = {};

	begin(&task);
	enter_at(100, A, SP_A);
	enter_at(110, B, SP_B);
	point_at(120, D, SP_B, 0);
	point_at(130, D, SP_B + 8, 0); /* B was left by longjmp */
	leave_at(200, A, SP_A);
	cr_assert_eq(calls_of(stats_to(A, B, D)), 1);
	cr_assert_eq(calls_of(stats_to(A, D)), 1);
	cr_assert_eq(stats_to(A, B)->unwound, 1);
}

Test(bpf_usdt, it_is_a_piece_of_a_trace_with_arguments_of_its_own)
{
	struct pb_args args = {
		.n = 1,
		.arg = { { .place = PB_ARG_REG, .reg = WORD_DI, .index = NO_INDEX, .size = 8 } },
	};
	struct task_struct task = {};
	const struct pb_timeline *r;

	begin_args(&task, args);
	set_node(A, (struct pb_node){});
	enter_at(1000, A, SP_A);
	point_at(1100, D | (__u64)KEY << PB_COOKIE_ARGS, SP_C, 77);
	point_at(1200, D, SP_C, 78);
	leave_at(2000, A, SP_A);
	r = record_sent(PB_TIMELINE, 0, sizeof(struct pb_header));
	cr_assert_eq(r->n, 3);
	cr_assert_eq(r->slices[1].kind, PB_SLICE_POINT);
	cr_assert_eq(r->slices[1].what, path_to(A, D));
	cr_assert_eq(r->slices[1].parent, 0);
	cr_assert_eq(r->slices[1].start_ns, 1100);
	cr_assert_eq(r->slices[1].end_ns, 1100);
	cr_assert_eq(r->slices[1].args_len, 8);
	cr_assert_eq(word_of(r, 0), 77);
	cr_assert_eq(r->slices[2].args_len, 0);
}

Test(bpf_usdt, in_a_call_for_which_there_was_no_room_there_is_none_for_it)
{
	struct task_struct task = {};
	const struct pb_timeline *r;

	begin_args(&task, (struct pb_args){});
	enter_at(1000, A, SP_A);
	for (int i = 0; i < PB_SLICES_MAX - 1; i++)
		point_at(1010, D, SP_C, 0);
	enter_at(1100, B, SP_B);
	point_at(1110, D, SP_C, 0); /* not tried */
	leave_at(1200, B, SP_B);
	leave_at(2000, A, SP_A);
	r = record_sent(PB_TIMELINE, 0, sizeof(struct pb_header));
	cr_assert_eq(r->n, PB_SLICES_MAX);
	cr_assert_eq(r->lost, 1, "the call");
	cr_assert_eq(calls_of(stats_to(A, B, D)), 1);
}

Test(bpf_usdt, outside_every_call_it_is_no_trace)
{
	struct task_struct task = {};

	begin_args(&task, (struct pb_args){});
	point_at(1100, D, SP_C, 77);
	cr_assert_eq(records_sent(PB_TIMELINE), 0);
	cr_assert_eq(calls_of(stats_to(D)), 1);
}

Test(bpf_usdt, while_the_trace_closes_it_is_not_counted)
{
	struct task_struct task = {};

	begin(&task);
	closing = 1;
	point_at(1100, D, SP_C, 77);
	cr_assert_eq(path_to(D), 0);
}
