/* SPDX-License-Identifier: GPL-2.0-only */
/* The walk through the stack of an Erlang process, and from it to the scheduler's thread. */
#include <criterion/criterion.h>
#include <string.h>

#include "bpf_calls.h"
#include "bpf/unwind.bpf.h"

#define C_CODE    0x10000UL /* has rows: [+0, +0x800) goes up by 8; above it the stack ends; … */
#define C_LEAF    (C_CODE + 0x100)
#define C_ROOT    (C_CODE + 0x900)
#define C_DIRTY   (C_CODE + 0xa00) /* … here a dirty scheduler has a process; up by 8, too */
#define JIT       0x20000UL
#define SHARED    JIT
#define MAIN      (JIT + 0x200)
#define EXIT      (JIT + 0xf00)
#define FUNC(i)   (JIT + 0x1000 + 0x100 * (__u64)(i))
#define STACK     0x30000UL /* of the process */
#define RSP       0x40000UL /* in process_main */
#define SLOT      0x4118UL
#define REGISTERS 0x80
#define FS        0x50000UL
#define SCHEDULER 0x51000UL
#define PROCESS   0x52000UL
#define STOP      0x58
#define HEND      0x88

static struct stack_work work;
static struct pt_regs regs;
static struct task_struct task;
static union pb_runtime_image told;

static void add_rows(void)
{
	struct pb_unwind_rule up = {
		.base = BASE_REG, .reg = REG_SP, .ra_reg = REG_NONE, .offset = 8
	};
	struct pb_unwind_rule stop = { .base = BASE_STOP, .ra_reg = REG_NONE };
	__u32 zero_key = 0, key;
	struct pb_unwind_chunk *chunk;

	bpf_map_update_elem(&unwind_chunks, &zero_key, &zero_key, BPF_ANY);
	shim_map_init(bpf_map_lookup_elem(&unwind_chunks, &zero_key), BPF_MAP_TYPE_ARRAY,
		      sizeof(__u32), sizeof(struct pb_unwind_chunk), 1);
	chunk = bpf_map_lookup_elem(bpf_map_lookup_elem(&unwind_chunks, &zero_key), &zero_key);
	for (__u32 i = 0; i < 3; i++) {
		chunk->addr[i] = i ? 0x700 + 0x100 * i : 0;
		chunk->rule[i] = (__u16)i;
	}
	bpf_map_update_elem(&unwind_rules, &zero_key, &up, BPF_ANY);
	key = 1;
	bpf_map_update_elem(&unwind_rules, &key, &stop, BPF_ANY);
	key = 2;
	up.mark = PB_RUNTIME_BEAM;
	bpf_map_update_elem(&unwind_rules, &key, &up, BPF_ANY);
}

static void tell(void)
{
	__u32 key = 1;

	bpf_map_update_elem(&runtime_images, &key, &told, BPF_ANY);
}

static void setup(void)
{
	struct pb_unwind_image image = { .n = 2, .anon = PB_RUNTIME_BEAM };
	struct pb_unwind_range c = { .start = C_CODE, .base = C_CODE, .size = 0x1000, .n = 3 };
	struct pb_unwind_range jit = { .start = JIT, .size = 0x8000, .mark = PB_RUNTIME_BEAM };
	__u32 pid = PID, zero_key = 0, key = 1;

	begin(&task);
	shim_map(unwind_ranges);
	shim_map(unwind_rules);
	shim_map(unwind_chunks);
	shim_map(runtime_images);
	written_config.unwind = 1;
	image.runtime[PB_RUNTIME_BEAM] = 1;
	bpf_map_update_elem(&unwind_images, &pid, &image, BPF_ANY);
	bpf_map_update_elem(&unwind_ranges, &zero_key, &c, BPF_ANY);
	bpf_map_update_elem(&unwind_ranges, &key, &jit, BPF_ANY);
	add_rows();
	memset(&work, 0xaa, sizeof(work));
	memset(work.u.found, 0, sizeof(work.u.found));
	work.s.kernel = 0;
	told.beam = (struct pb_beam_image){ .normal_exit = EXIT,
					    .main = MAIN,
					    .main_size = 0x100,
					    .shared = SHARED,
					    .shared_size = 0x1000,
					    .main_return = C_ROOT,
					    .main_slot = SLOT,
					    .registers = REGISTERS,
					    .scheduler = 0x10,
					    .scheduler_process = 0xa8,
					    .stop = STOP,
					    .hend = HEND };
	tell();
	task.thread.fsbase = FS;
	shim_user_word(FS + 0x10, SCHEDULER);
	shim_user_word(SCHEDULER, RSP);
	shim_user_word(SCHEDULER + 0xa8, PROCESS);
	shim_user_word(PROCESS, 0x1003); /* a pid */
	shim_user_word(RSP + SLOT + 32, C_ROOT);
	regs = (struct pt_regs){ .cs = CS_64BIT, .bx = RSP + REGISTERS };
	shim.regs = &regs;
}

static void done(void)
{
	shim_reset();
}

TestSuite(bpf_beam, .init = setup, .fini = done);

static void expect(__u32 end, __u32 n, const __u64 *ips)
{
	cr_assert(unwind_begin(&work, &task, PID));
	unwind_run(&work, &task);
	cr_expect_eq(work.s.end, end, "ended by %u, not %u", work.s.end, end);
	cr_assert_eq(work.s.user, n, "%u frames, not %u", work.s.user, n);
	for (__u32 i = 0; i < n; i++)
		cr_expect_eq(work.s.ips[i], ips[i], "frame %u is %llx", i, work.s.ips[i]);
}

/* Two return addresses between terms. */
static void put_stack(void)
{
	shim_user_word(STACK, 0xf3fb);           /* a small integer */
	shim_user_word(STACK + 8, FUNC(1));      /* a return address */
	shim_user_word(STACK + 16, 0);           /* not set yet */
	shim_user_word(STACK + 24, FUNC(2) + 2); /* a boxed term, wherever it points */
	shim_user_word(STACK + 32, 0x60000);     /* outside of code */
	shim_user_word(STACK + 40, FUNC(3));
	shim_user_word(STACK + 48, EXIT);
	shim_user_word(STACK + 56, FUNC(4)); /* beyond its end */
}

#define TO_ROOT MAIN | PB_IP_EXACT, C_ROOT

Test(bpf_beam, goes_through_an_interrupted_process_to_the_root_of_its_thread)
{
	const __u64 ips[] = { FUNC(0), FUNC(1), FUNC(3), TO_ROOT };

	regs.ip = FUNC(0);
	regs.sp = STACK;
	put_stack();
	expect(PB_END_DONE, 5, ips);
}

Test(bpf_beam, finds_the_stack_in_rbp_where_the_code_will_fetch_it_there)
{
	const __u64 ips[] = { C_LEAF, FUNC(0), FUNC(1), FUNC(3), TO_ROOT };

	regs.ip = C_LEAF;
	regs.sp = RSP - 8;
	regs.bp = STACK;
	shim_user_word(RSP - 8, FUNC(0));
	shim_user_word(FUNC(0), 0xec894890); /* nop; mov %rbp,%rsp */
	put_stack();
	expect(PB_END_DONE, 6, ips);
}

Test(bpf_beam, finds_the_stack_in_the_process_where_the_code_will_fetch_it_there)
{
	const __u64 ips[] = { C_LEAF, FUNC(0), FUNC(1), FUNC(3), TO_ROOT };

	regs.ip = C_LEAF;
	regs.sp = RSP - 8;
	regs.bp = 0x66666660; /* old */
	shim_user_word(RSP - 8, FUNC(0));
	shim_user_word(FUNC(0), 0x58658b4990); /* nop; mov 0x58(%r13),%rsp */
	shim_user_word(PROCESS + STOP, STACK);
	put_stack();
	expect(PB_END_DONE, 6, ips);
}

Test(bpf_beam, believes_a_process_only_where_all_agrees)
{
	const __u64 ips[] = { C_LEAF, FUNC(0) };

	regs.ip = C_LEAF;
	regs.sp = RSP - 8;
	shim_user_word(RSP - 8, FUNC(0));
	shim_user_word(FUNC(0), 0x58658b4990);
	shim_user_word(PROCESS + STOP, STACK);
	put_stack();
	shim_user_word(PROCESS, 0x1002); /* no pid */
	expect(PB_END_REGISTER, 2, ips);
	shim_user_word(PROCESS, 0x1003);
	shim_user_word(SCHEDULER, RSP + 64); /* another scheduler */
	expect(PB_END_REGISTER, 2, ips);
	shim_user_word(SCHEDULER, RSP);
	told.beam.scheduler = 0;
	tell();
	expect(PB_END_REGISTER, 2, ips);
}

Test(bpf_beam, passes_a_scheduler_that_runs_no_process)
{
	const __u64 ips[] = { C_LEAF, MAIN + 0x20, C_ROOT };

	regs.ip = C_LEAF;
	regs.sp = RSP - 8;
	shim_user_word(RSP - 8, MAIN + 0x20);
	expect(PB_END_DONE, 3, ips);
}

Test(bpf_beam, sees_the_caller_of_a_fragment_that_was_called_anywhere)
{
	const __u64 ips[] = { SHARED + 0x10, FUNC(5) + 3, FUNC(1), FUNC(3), TO_ROOT };

	regs.ip = SHARED + 0x10;
	regs.sp = STACK - 8;
	shim_user_word(STACK - 8, FUNC(5) + 3);
	put_stack();
	expect(PB_END_DONE, 6, ips);
}

Test(bpf_beam, puts_a_dirty_schedulers_process_above_the_code_that_runs_it)
{
	const __u64 ips[] = { C_LEAF, FUNC(1), FUNC(3), C_DIRTY, C_ROOT };

	regs.ip = C_LEAF;
	regs.sp = RSP;
	shim_user_word(RSP, C_DIRTY);
	shim_user_word(RSP + 8, C_ROOT);
	shim_user_word(PROCESS + STOP, STACK);
	put_stack();
	expect(PB_END_DONE, 5, ips);
}

Test(bpf_beam, passes_an_idle_dirty_scheduler)
{
	const __u64 ips[] = { C_LEAF, C_DIRTY, C_ROOT };

	regs.ip = C_LEAF;
	regs.sp = RSP;
	shim_user_word(RSP, C_DIRTY);
	shim_user_word(RSP + 8, C_ROOT);
	shim_user_word(SCHEDULER + 0xa8, 0);
	expect(PB_END_DONE, 3, ips);
}

Test(bpf_beam, gives_up_where_no_return_address_comes)
{
	const __u64 ips[] = { FUNC(0) };

	regs.ip = FUNC(0);
	regs.sp = STACK;
	for (__u64 i = 0; i < 1400; i++)
		shim_user_word(STACK + 8 * i, 0xf);
	expect(PB_END_NO_TABLE, 1, ips);
}

Test(bpf_beam, keeps_the_leaf_and_the_root_of_a_deep_stack)
{
	__u64 words = 20000, at = 0x80000;

	regs.ip = FUNC(0);
	regs.sp = at;
	for (__u64 i = 0; i < words - 2; i += 2) {
		shim_user_word(at + 8 * i, FUNC(i < words / 2 ? 1 : 2));
		shim_user_word(at + 8 * i + 8, 0xf);
	}
	shim_user_word(at + 8 * (words - 2), FUNC(3));
	shim_user_word(at + 8 * (words - 1), EXIT);
	shim_user_word(PROCESS + HEND, at + 8 * words);
	cr_assert(unwind_begin(&work, &task, PID));
	unwind_run(&work, &task);
	cr_expect_eq(work.s.end, PB_END_DONE);
	cr_expect_eq(work.s.user, PB_USER_WORDS);
	cr_expect_gt(work.s.skipped, 0);
	cr_expect_eq(work.s.ips[1], FUNC(1));
	cr_expect_eq(work.s.ips[PB_HEAD_WORDS - 1], FUNC(1));
	for (__u32 i = 0; i < ROOT_WORDS; i++) {
		__u64 word = work.s.ips[PB_HEAD_WORDS + (i + work.s.skipped) % ROOT_WORDS];

		cr_expect_eq(word,
			     i < ROOT_WORDS - 3    ? FUNC(2)
			     : i == ROOT_WORDS - 3 ? FUNC(3)
			     : i == ROOT_WORDS - 2 ? MAIN | PB_IP_EXACT
						   : C_ROOT,
			     "%u from the root's first is %llx", i, word);
	}
}
