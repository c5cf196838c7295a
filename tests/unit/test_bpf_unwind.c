/* SPDX-License-Identifier: GPL-2.0-only */
/* The walk up the user's stack by tables, on a stack and with tables made up. */
#include <criterion/criterion.h>
#include <string.h>

#include "bpf_calls.h"
#include "bpf/unwind.bpf.h"

#define CODE    0x10000UL /* what the one range covers, a page for each rule */
#define RULE(i) (CODE + 0x1000UL * (i) + 0x100)
#define STACK   0x80000UL
#define RULES   16

static struct stack_work work;
static struct pt_regs regs;
static struct task_struct task;
static __u32 rules;

static void setup(void)
{
	struct pb_unwind_image image = { .n = 1 };
	struct pb_unwind_range range = { .start = CODE, .base = CODE, .size = 0x1000 * RULES };
	__u32 pid = PID, zero_key = 0;

	begin(&task);
	shim_map(unwind_ranges);
	shim_map(unwind_rules);
	shim_map(unwind_chunks);
	written_config.unwind = 1;
	range.n = RULES;
	bpf_map_update_elem(&unwind_images, &pid, &image, BPF_ANY);
	bpf_map_update_elem(&unwind_ranges, &zero_key, &range, BPF_ANY);
	bpf_map_update_elem(&unwind_chunks, &zero_key, &zero_key, BPF_ANY);
	shim_map_init(bpf_map_lookup_elem(&unwind_chunks, &zero_key), BPF_MAP_TYPE_ARRAY,
		      sizeof(__u32), sizeof(struct pb_unwind_chunk), 1);
	memset(&work, 0xaa, sizeof(work));
	work.s.kernel = 0;
	rules = 0;
	regs = (struct pt_regs){ .ip = RULE(0), .sp = STACK, .cs = CS_64BIT };
	shim.regs = &regs;
}

static void done(void)
{
	shim_reset();
}

TestSuite(bpf_unwind, .init = setup, .fini = done);

/* The rule of the next page of code. */
static void add(struct pb_unwind_rule rule)
{
	__u32 zero_key = 0;
	struct pb_unwind_chunk *chunk =
	    bpf_map_lookup_elem(bpf_map_lookup_elem(&unwind_chunks, &zero_key), &zero_key);

	cr_assert_lt(rules, RULES);
	for (__u32 i = rules; i < RULES; i++) {
		chunk->addr[i] = 0x1000 * i;
		chunk->rule[i] = rules;
	}
	bpf_map_update_elem(&unwind_rules, &rules, &rule, BPF_ANY);
	rules++;
}

static struct pb_unwind_rule by_sp(__s32 offset)
{
	return (struct pb_unwind_rule){
		.base = BASE_REG, .reg = REG_SP, .ra_reg = REG_NONE, .offset = offset
	};
}

static bool walk(__u32 pid)
{
	if (!unwind_begin(&work, &task, pid))
		return false;
	unwind_run(&work, &task);
	return true;
}

static void expect(__u32 end, __u32 n, const __u64 *ips)
{
	cr_assert(walk(PID));
	cr_expect_eq(work.s.end, end, "ended by %u, not %u", work.s.end, end);
	cr_assert_eq(work.s.user, n, "%u frames, not %u", work.s.user, n);
	for (__u32 i = 0; i < n; i++)
		cr_expect_eq(work.s.ips[i], ips[i], "frame %u is %llx", i, work.s.ips[i]);
}

Test(bpf_unwind, goes_from_base_to_base_up_to_a_function_without_caller)
{
	const __u64 ips[] = { RULE(0), RULE(1), RULE(2) };

	add(by_sp(8));
	add(by_sp(0x500)); /* farther than one piece of the stack that is read */
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	shim_user_word(STACK, RULE(1));
	shim_user_word(STACK + 8 + 0x500 - 8, RULE(2));
	expect(PB_END_DONE, 3, ips);
	cr_expect_eq(work.s.by_rbp, 0);
}

Test(bpf_unwind, fetches_saved_registers_when_a_base_is_given_by_them)
{
	const __u64 ips[] = { RULE(0), RULE(1), RULE(2), RULE(3) };
	struct pb_unwind_rule saves = by_sp(0x20), by_bp = by_sp(0x10), by_bx = by_sp(0x18);

	saves.rbp = AT_BASE;
	saves.rbp_words = -2;
	saves.rbx_words = -3;
	by_bp.reg = REG_BP;
	by_bx.reg = REG_BX;
	add(saves);
	add(by_bp);
	add(by_bx);
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	shim_user_word(STACK + 0x08, STACK + 0x200); /* rbx */
	shim_user_word(STACK + 0x10, STACK + 0x100); /* rbp */
	shim_user_word(STACK + 0x18, RULE(1));
	shim_user_word(STACK + 0x108, RULE(2));
	shim_user_word(STACK + 0x210, RULE(3));
	expect(PB_END_DONE, 4, ips);
}

Test(bpf_unwind, looks_a_return_address_up_at_its_call)
{
	const __u64 ips[] = { RULE(0), CODE + 0x2000 };

	add(by_sp(8));
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	add((struct pb_unwind_rule){ .base = BASE_BAD, .ra_reg = REG_NONE });
	shim_user_word(STACK, CODE + 0x2000); /* the call was the last instruction before */
	expect(PB_END_DONE, 2, ips);
}

Test(bpf_unwind, resumes_what_a_signal_interrupted_at_the_very_instruction)
{
	const __u64 ips[] = { RULE(0), RULE(1) | PB_IP_EXACT, (CODE + 0x2000) | PB_IP_EXACT };

	add(by_sp(8));
	add((struct pb_unwind_rule){ .base = BASE_SIGNAL, .ra_reg = REG_NONE });
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	shim_user_word(STACK, RULE(1));
	shim_user_word(STACK + 8 + SIGNAL_IP, CODE + 0x2000); /* its first instruction */
	shim_user_word(STACK + 8 + SIGNAL_SP, STACK - 0x1000);
	expect(PB_END_DONE, 3, ips);
}

Test(bpf_unwind, reads_the_words_that_stubs_and_aligned_frames_need)
{
	const __u64 ips[] = { CODE + 0x10b, RULE(1), RULE(2) };
	struct pb_unwind_rule plt = by_sp(8), deref = by_sp(0x10);

	plt.base = BASE_PLT;
	plt.add = 11;
	deref.base = BASE_DEREF;
	deref.add = 8;
	add(plt);
	add(deref);
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	regs.ip = CODE + 0x10b; /* the stub has pushed its word */
	shim_user_word(STACK + 8, RULE(1));
	shim_user_word(STACK + 0x10 + 0x10, STACK + 0x300);
	shim_user_word(STACK + 0x300, RULE(2));
	expect(PB_END_DONE, 3, ips);
}

Test(bpf_unwind, takes_a_return_address_from_a_register_of_the_innermost_frame)
{
	const __u64 ips[] = { RULE(0), RULE(1) };
	struct pb_unwind_rule vfork = by_sp(0);

	vfork.ra_reg = offsetof(struct pt_regs, di) / sizeof(__u64);
	regs.di = RULE(1);
	add(vfork);
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	expect(PB_END_DONE, 2, ips);
}

Test(bpf_unwind, follows_rbp_where_no_table_tells)
{
	const __u64 ips[] = { 0x500000, RULE(0) };

	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	regs.ip = 0x500000;
	regs.bp = STACK + 0x40;
	shim_user_word(STACK + 0x48, RULE(0));
	expect(PB_END_DONE, 2, ips);
	cr_expect_eq(work.s.by_rbp, 1);
}

/* A thread of Go's: its goroutine's runtime.g, its own (g0), and its runtime.m. */
#define FS   0x90000UL
#define GO_G 0x91000UL
#define GO_0 0x92000UL
#define GO_M 0x93000UL
#define CURG 24UL /* m.curg, in words */

static struct pb_unwind_rule by_go(__u8 base)
{
	return (struct pb_unwind_rule){
		.base = base, .ra_reg = REG_NONE, .offset = -8, .add = 16, .rbx_words = CURG
	};
}

/* The goroutine's stack is the page at STACK + 0x10000, and rsp was so far above its beginning. */
static void make_thread(__u64 saved_sp)
{
	task.thread.fsbase = FS;
	shim_user_word(FS - 8, GO_0);
	shim_user_word(GO_0 + 48, GO_M);
	shim_user_word(GO_M, GO_0);
	shim_user_word(GO_M + 8 * CURG, GO_G);
	shim_user_word(GO_G, STACK + 0x10000);
	shim_user_word(GO_G + 8, STACK + 0x11000);
	shim_user_word(GO_G + 56, STACK + 0x10000 + saved_sp);
}

Test(bpf_unwind, goes_from_the_threads_stack_to_the_goroutines)
{
	const __u64 ips[] = { RULE(0), RULE(1), RULE(2) };

	make_thread(0x100);
	add(by_sp(8));
	add(by_go(BASE_GO_SYSTEM));
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	shim_user_word(STACK, RULE(1));
	shim_user_word(STACK + 0x10000 + 0x108, RULE(2));
	expect(PB_END_DONE, 3, ips);
}

Test(bpf_unwind, finds_a_thread_by_the_offset_that_the_loader_chose)
{
	const __u64 ips[] = { RULE(0), RULE(1) };
	struct pb_unwind_rule rule = by_go(BASE_GO_SYSTEM);

	make_thread(0x100);
	rule.reg = 1;
	rule.offset = 0x2000; /* from the object's code */
	add(rule);
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	shim_user_word(CODE + 0x2000, -8UL);
	shim_user_word(STACK + 0x10000 + 0x108, RULE(1));
	expect(PB_END_DONE, 2, ips);
}

Test(bpf_unwind, resumes_a_goroutine_whose_stack_grows)
{
	const __u64 ips[] = { RULE(0), RULE(1), RULE(2) };

	make_thread(0x100);
	shim_user_word(GO_G + 64, RULE(1));
	add(by_go(BASE_GO_GROW));
	add(by_sp(8));
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	shim_user_word(STACK + 0x10000 + 0x100, RULE(2));
	expect(PB_END_DONE, 3, ips);
	shim_user_word(GO_M + 8 * CURG, 0); /* it has left the thread */
	expect(PB_END_DONE, 1, ips);
}

Test(bpf_unwind, goes_through_c_and_back_by_what_each_call_left)
{
	const __u64 ips[] = { RULE(0), RULE(1), RULE(2), RULE(3), RULE(4), RULE(3), RULE(5) };
	const __u64 own = STACK + 0x2000; /* the thread's stack */
	struct pb_unwind_rule from_c = by_go(BASE_GO_C);

	make_thread(0);
	from_c.rbx_words = 1;
	add(by_sp(8)); /* Go, on the goroutine's stack */
	add(by_go(BASE_GO_CALLBACK));
	add(by_sp(8)); /* C, on the thread's */
	add(from_c);
	add(by_sp(8));
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	regs.sp = STACK + 0x10000 + 0x100;
	shim_user_word(regs.sp, RULE(1));
	shim_user_word(GO_0 + 56, own);    /* where the callback left it */
	shim_user_word(own, own + 0x500);  /* where an outer one had */
	shim_user_word(own + 8, RULE(2));  /* called by C, */
	shim_user_word(own + 16, RULE(3)); /* which Go has called: */
	shim_user_word(own + 24, 0xf00);   /* so far below the end of its stack */
	shim_user_word(own + 32, GO_G);
	shim_user_word(STACK + 0x10000 + 0x108, RULE(4));
	shim_user_word(STACK + 0x10000 + 0x110, RULE(3)); /* a call on the goroutine's own stack */
	shim_user_word(STACK + 0x10000 + 0x118, STACK + 0x10000 + 0x200);
	shim_user_word(STACK + 0x10000 + 0x120, 0);
	shim_user_word(STACK + 0x10000 + 0x208, RULE(5));
	expect(PB_END_DONE, 7, ips);
}

Test(bpf_unwind, does_not_go_to_a_stack_that_is_not_the_goroutines)
{
	const __u64 ips[] = { RULE(0) };
	static const __u8 kinds[] = { BASE_GO_SYSTEM, BASE_GO_GROW, BASE_GO_C, BASE_GO_CALLBACK };

	for (size_t i = 0; i < sizeof(kinds); i++) {
		make_thread(0x1000); /* just above */
		shim_user_word(GO_G + 64, RULE(0));
		shim_user_word(STACK + 8 * CURG - 8, 0x1001);
		shim_user_word(STACK + 8 * CURG, GO_G);
		rules = 0;
		add(by_go(kinds[i]));
		expect(PB_END_SWITCH, 1, ips);
		task.thread.fsbase = SHIM_USER_END; /* nothing can be read there */
		shim_user_word(STACK + 8 * CURG, SHIM_USER_END);
		expect(PB_END_SWITCH, 1, ips);
	}
}

Test(bpf_unwind, ends_where_stacks_lead_to_each_other_for_ever)
{
	make_thread(0x100);
	add(by_go(BASE_GO_SYSTEM));
	shim_user_word(STACK + 0x10000 + 0x108, RULE(0));
	cr_assert(walk(PID));
	cr_expect_eq(work.s.end, PB_END_LOOP);
	cr_expect_leq(work.s.user, 100);
}

Test(bpf_unwind, tells_why_it_ends_elsewhere)
{
	const __u64 ips[] = { RULE(0), RULE(0) };
	const struct {
		struct pb_unwind_rule rule;
		__u64 sp;
		__u32 end;
	} cases[] = {
		{ by_sp(0), STACK, PB_END_LOOP },
		{ by_sp(-16), STACK, PB_END_LOOP },
		{ by_sp(8), SHIM_USER_END + 8, PB_END_FAULT },
		{ { .base = BASE_BAD, .ra_reg = REG_NONE }, STACK, PB_END_RULE },
		{ { .base = BASE_NONE, .ra_reg = REG_NONE }, STACK, PB_END_NO_TABLE },
		{ { .base = BASE_REG, .reg = REG_NONE, .ra_reg = REG_NONE },
		  STACK,
		  PB_END_REGISTER },
		{ by_sp(8), STACK, PB_END_DONE }, /* the return address is 0 */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		rules = 0;
		add(cases[i].rule);
		regs.sp = cases[i].sp;
		expect(cases[i].end, 1, ips);
	}
}

/* Code without a table, interrupted at an edge of its function: rbp is the caller's still. */
Test(bpf_unwind, finds_the_caller_of_code_without_table_at_a_functions_edges)
{
	static const struct {
		__u64 code;
		__u32 behind; /* bytes of it that stand before the instruction */
		__u32 words;  /* on the stack before the return address */
	} cases[] = {
		{ 0xc3, 0, 0 },       { 0x0008c2, 0, 0 },   { 0xc3f3, 0, 0 },
		{ 0xe5894855, 0, 0 }, { 0xec8b4855, 0, 0 }, { 0xe5894855fa1e0ff3, 0, 0 },
		{ 0xe5894855, 1, 1 }, { 0xec8b4855, 1, 1 },
	};
	const __u64 ips[] = { RULE(0), RULE(1) };

	add((struct pb_unwind_rule){ .base = BASE_NONE, .ra_reg = REG_NONE });
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	regs.bp = STACK + 0x100; /* leads elsewhere */
	shim_user_word(STACK + 0x108, RULE(2));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		shim_user_word(RULE(0), cases[i].code >> 8 * cases[i].behind);
		shim_user_word(RULE(0) - 8, cases[i].code << (64 - 8) * !!cases[i].behind);
		shim_user_word(STACK, RULE(3));
		shim_user_word(STACK + 8 * cases[i].words, RULE(1));
		expect(PB_END_DONE, 2, ips);
		cr_expect_eq(work.s.by_rbp, 0, "case %zu: by the instruction, not by rbp", i);
	}
}

Test(bpf_unwind, follows_rbp_elsewhere_in_code_without_table)
{
	static const __u64 codes[] = { 0x90, 0x55, 0x5d, 0xe58948, 0xfa1e0ff3 };
	const __u64 ips[] = { RULE(0), RULE(1) };

	add((struct pb_unwind_rule){ .base = BASE_NONE, .ra_reg = REG_NONE });
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	regs.bp = STACK + 0x100;
	shim_user_word(STACK + 0x108, RULE(1));
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		shim_user_word(RULE(0), codes[i]);
		expect(PB_END_DONE, 2, ips);
		cr_expect_eq(work.s.by_rbp, 1);
	}
}

Test(bpf_unwind, is_bounded_in_depth)
{
	add(by_sp(8));
	for (__u64 at = STACK; at < STACK + 8 * (PB_WALK_MAX + 10); at += 8)
		shim_user_word(at, RULE(0));
	cr_assert(walk(PID));
	cr_expect_eq(work.s.end, PB_END_DEEP);
	cr_expect_eq(work.s.user, PB_USER_WORDS);
	cr_expect_eq(work.s.skipped, PB_WALK_MAX - PB_USER_WORDS);
}

Test(bpf_unwind, keeps_both_ends_of_what_is_too_deep_for_its_room)
{
	const __u32 n = PB_USER_WORDS + 700, ring = PB_USER_WORDS - PB_HEAD_WORDS;

	add(by_sp(8));
	add((struct pb_unwind_rule){ .base = BASE_STOP, .ra_reg = REG_NONE });
	for (__u32 i = 1; i < n; i++) /* frame i is told from others by its address */
		shim_user_word(STACK + 8 * (i - 1), CODE + 1 + (i + 1 == n ? 0x1000 : i));
	regs.ip = CODE;
	cr_assert(walk(PID));
	cr_expect_eq(work.s.end, PB_END_DONE);
	cr_expect_eq(work.s.user, PB_USER_WORDS);
	cr_expect_eq(work.s.skipped, 700);
	cr_expect_eq(work.s.ips[PB_HEAD_WORDS - 1], CODE + 1 + PB_HEAD_WORDS - 1);
	for (__u32 i = 0; i < ring - 1; i++)
		cr_expect_eq(work.s.ips[PB_HEAD_WORDS + (i + work.s.skipped) % ring],
			     CODE + 1 + n - ring + i);
	cr_expect_eq(work.s.ips[PB_HEAD_WORDS + (ring - 1 + work.s.skipped) % ring], CODE + 0x1001);
}

Test(bpf_unwind, leaves_to_the_kernel_what_it_has_no_tables_for)
{
	cr_expect_not(walk(PID + 1));
	regs.cs = 0x23; /* 32 bits */
	cr_expect_not(walk(PID));
}
