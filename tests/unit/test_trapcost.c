/* SPDX-License-Identifier: GPL-2.0-only */
/* Which instructions the kernel emulates, and what calls cost then. */
#include <criterion/criterion.h>
#include <stdint.h>

#include "trace/insn.h"
#include "trace/plan.h"
#include "trace/trapcost.h"

struct code {
	const char *what;
	uint8_t bytes[15];
	size_t size;
};

#define CODE(what, ...)                                                                            \
	{                                                                                          \
		what, { __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ })                          \
	}

static bool is_emulated(const uint8_t *code, size_t size)
{
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;

	return insn_decoder_init(&decoder) &&
	       ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, code, size, &in)) &&
	       insn_class(&in, code) != SITE_STEPPED;
}

Test(trapcost, emulated_instructions_are_known)
{
	static const struct code codes[] = {
		CODE("push %rax", 0x50),
		CODE("push %rbp; mov %rsp, %rbp", 0x55, 0x48, 0x89, 0xe5),
		CODE("push %rdi", 0x57),
		CODE("push %r8", 0x41, 0x50),
		CODE("push %r15", 0x41, 0x57),
		CODE("nop", 0x90),
		CODE("nop, 2 bytes", 0x66, 0x90),
		CODE("nop, 3 bytes", 0x0f, 0x1f, 0x00),
		CODE("nop, 4 bytes", 0x0f, 0x1f, 0x40, 0x00),
		CODE("nop, 5 bytes", 0x0f, 0x1f, 0x44, 0x00, 0x00),
		CODE("nop, clang's 5 bytes", 0x0f, 0x1f, 0x44, 0x00, 0x08),
		CODE("nop, 6 bytes", 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00),
		CODE("nop, 7 bytes", 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00),
		CODE("nop, 8 bytes", 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00),
		CODE("nop, 5 bytes with a prefix", 0x66, 0x0f, 0x1f, 0x40, 0x00),
		CODE("nop with rex.w", 0x48, 0x90),
		CODE("jmp rel8", 0xeb, 0xfe),
		CODE("bnd jmp rel32", 0xf2, 0xe9, 0x00, 0x10, 0x00, 0x00),
		CODE("addr32 call", 0x67, 0xe8, 0x00, 0x01, 0x00, 0x00),
		CODE("jmp rel32", 0xe9, 0x00, 0x10, 0x00, 0x00),
		CODE("jo rel8", 0x70, 0x02),
		CODE("jg rel8", 0x7f, 0x02),
		CODE("jo rel32", 0x0f, 0x80, 0x00, 0x01, 0x00, 0x00),
		CODE("jg rel32", 0x0f, 0x8f, 0x00, 0x01, 0x00, 0x00),
		CODE("call rel32", 0xe8, 0x00, 0x01, 0x00, 0x00),
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		cr_expect(is_emulated(codes[i].bytes, codes[i].size), "%s", codes[i].what);
}

Test(trapcost, all_others_are_single_stepped)
{
	static const struct code codes[] = {
		CODE("endbr64", 0xf3, 0x0f, 0x1e, 0xfa),
		CODE("mov %edi, %eax", 0x89, 0xf8),
		CODE("sub $8, %rsp", 0x48, 0x83, 0xec, 0x08),
		CODE("test %rdi, %rdi", 0x48, 0x85, 0xff),
		CODE("ret", 0xc3),
		CODE("repz ret", 0xf3, 0xc3),
		CODE("pop %rbp", 0x5d),
		CODE("push %rbp, with a vain prefix", 0x40, 0x55),
		CODE("push %r8, with one more", 0x49, 0x50),
		CODE("push %ax", 0x66, 0x50),
		CODE("push $1", 0x6a, 0x01),
		CODE("push (%rax)", 0xff, 0x30),
		CODE("push %fs", 0x0f, 0xa0),
		CODE("pause", 0xf3, 0x90),
		CODE("xchg %r8, %rax", 0x49, 0x90),
		CODE("jmp *%rax", 0xff, 0xe0),
		CODE("call *%rax", 0xff, 0xd0),
		CODE("jmp, word-sized", 0x66, 0xe9, 0x00, 0x10, 0x00, 0x00),
		CODE("je, with a hint", 0x3e, 0x74, 0x02),
		CODE("jne, with another", 0x2e, 0x0f, 0x85, 0x00, 0x01, 0x00, 0x00),
		CODE("nop, 9 bytes", 0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00),
		CODE("nop, 10 bytes", 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00),
		CODE("nop of a register", 0x0f, 0x1f, 0xc0),
		CODE("nop with rex.w", 0x48, 0x0f, 0x1f, 0x00),
		CODE("nop with a displacement", 0x0f, 0x1f, 0x40, 0x08),
		CODE("loop", 0xe2, 0xfe),
		CODE("jrcxz", 0xe3, 0xfe),
		CODE("sete %al", 0x0f, 0x94, 0xc0),
		CODE("vzeroupper", 0xc5, 0xf8, 0x77),
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		cr_expect_not(is_emulated(codes[i].bytes, codes[i].size), "%s", codes[i].what);
}

Test(trapcost, bytes_that_are_no_instruction_are_not_emulated)
{
	static const struct code codes[] = {
		CODE("half a jump", 0xe9, 0x00, 0x10),
		CODE("half a nop", 0x0f, 0x1f),
		CODE("a prefix alone", 0x41),
		CODE("not in 64-bit mode", 0x06),
	};

	cr_expect_not(is_emulated((const uint8_t[]){ 0x55 }, 0), "no bytes");
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		cr_expect_not(is_emulated(codes[i].bytes, codes[i].size), "%s", codes[i].what);
}

static struct exit_site sites[] = { { 0, true }, { 1, false }, { 2, true } };
static const struct plan plan = { .sites = { .v = sites, .n = 3 } };
static const struct trap_costs costs = { .emulated_ns = 1, .stepped_ns = 10, .return_ns = 100 };

static uint64_t cost_of(struct plan_node node)
{
	return trap_costs_of(&costs, &plan, &node);
}

static uint64_t class_cost_of(struct plan_node node)
{
	return trap_costs_of_class(&costs, trap_class(&plan, &node));
}

Test(trapcost, a_call_costs_its_entry_and_its_return)
{
	cr_expect_eq(cost_of((struct plan_node){ .entry.class = SITE_PUSH }), 101);
	cr_expect_eq(cost_of((struct plan_node){}), 110);
	cr_expect_eq(class_cost_of((struct plan_node){ .entry.class = SITE_PUSH }), 101);
	cr_expect_eq(class_cost_of((struct plan_node){}), 110);
}

Test(trapcost, of_several_sites_the_mean_counts_or_what_most_are)
{
	struct plan_node ret = { .how = PLAN_RETURN_SITES, .first_site = 0, .sites = 1 };
	struct plan_node jump = { .how = PLAN_GOROUTINE, .first_site = 1, .sites = 1 };
	struct plan_node both = { .how = PLAN_RETURN_SITES, .first_site = 1, .sites = 2 };
	struct plan_node none = { .how = PLAN_RETURN_SITES };

	cr_expect_eq(cost_of(ret), 10 + 10);
	cr_expect_eq(class_cost_of(ret), 10 + 10);
	cr_expect_eq(cost_of(jump), 10 + 1);
	cr_expect_eq(class_cost_of(jump), 10 + 1);
	cr_expect_eq(cost_of(both), 10 + 5);
	cr_expect_eq(class_cost_of(both), 10 + 10);
	cr_expect_eq(cost_of(none), 10, "it never returns");
	cr_expect_eq(class_cost_of(none), 10);
}

Test(trapcost, a_point_has_one_trap)
{
	cr_expect_eq(cost_of((struct plan_node){ .how = PLAN_POINT, .entry.class = SITE_NOP }), 1);
	cr_expect_eq(
	    class_cost_of((struct plan_node){ .how = PLAN_POINT, .entry.class = SITE_NOP }), 1);
}
