/* SPDX-License-Identifier: GPL-2.0-only */
/* shape: table. Where entries are probed: hand-assembled code, a case for each rule. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace/entrysite.h"

#define ADDR  0x401000UL /* where the code of these tests lies */
#define OTHER 0x401080UL /* another function */
#define NONE  (-2)       /* no frame_words() */

struct code {
	char name[56]; /* no pointer: parameters are copied to the test's process */
	uint8_t bytes[76];
	size_t size;
	struct entry_site want;
	struct entry_wants wants;
	int words;            /* what frame_words() says of every indirect jump */
	uint64_t function_at; /* another function begins there */
	int err;
};

static bool is_function(uint64_t addr, void *arg)
{
	const struct code *c = arg;

	return addr == OTHER || addr == ADDR || (c->function_at && addr == ADDR + c->function_at);
}

static int frame_words(uint64_t addr, void *arg)
{
	cr_assert_geq(addr, ADDR);
	return ((const struct code *)arg)->words;
}

static int choose(const struct code *c, struct entry_site *ret)
{
	uint8_t *exact = malloc(c->size + !c->size); /* what is read beyond is noticed */
	struct ret_code code = { .bytes = exact,
				 .size = c->size,
				 .addr = ADDR,
				 .is_function = is_function,
				 .frame_words = c->words == NONE ? NULL : frame_words,
				 .arg = (void *)c };
	struct entry_bounds bounds = {};
	int err;

	memcpy(exact, c->bytes, c->size);
	cr_assert_eq(entry_bounds_add(&bounds, &code), 0);
	err = entry_site_choose(&code, &bounds, &c->wants, ret);
	free(exact);
	return err;
}

#define CODE(...)       { __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ })
#define AT(at, sp, how) .want = { .skip = (at), .sp_moved = (sp), .class = SITE_##how }
#define CHECKED(at)     .want = { .skip = (at), .class = SITE_JUMP, .restarts = true }
#define STEPPED         .want = { .class = SITE_STEPPED }
#define MOVES           .wants.sp_may_move = true
#define ARGS            .wants.registers = ENTRY_ARGS_C
#define GO              .wants = { true, ENTRY_GOROUTINE, true }
#define XOR_EAX         0x31, 0xc0
#define ENDBR64         0xf3, 0x0f, 0x1e, 0xfa
#define NOP5            0x0f, 0x1f, 0x44, 0x00, 0x00
#define SUB_RSP_8       0x48, 0x83, 0xec, 0x08
#define PUSH            0x53
#define RET             0xc3

ParameterizedTestParameters(entrysite, takes_the_first_emulated_instruction)
{
	static struct code cases[] = {
		{ "push", CODE(0x55, RET), AT(0, 0, PUSH) },
		{ "endbr64, push", CODE(ENDBR64, 0x41, 0x54, RET), AT(4, 0, PUSH) },
		{ "nop", CODE(0x90, RET), AT(0, 0, NOP) },
		{ "xor, 3-byte nop", CODE(XOR_EAX, 0x0f, 0x1f, 0x00, RET), AT(2, 0, NOP) },
		{ "test, je", CODE(0x85, 0xff, 0x74, 0x01, 0x90, RET), AT(2, 0, JUMP) },
		{ "long je", CODE(0x85, 0xff, 0x0f, 0x84, 1, 0, 0, 0, 0x90, RET), AT(2, 0, JUMP) },
		{ "a tail call", CODE(XOR_EAX, 0xe9, 0x79, 0, 0, 0), AT(2, 0, JUMP) },
		{ "call", CODE(XOR_EAX, 0xe8, 0x79, 0, 0, 0, RET), AT(2, 0, CALL) },
		{ "loads and stores",
		  CODE(0x48, 0x8b, 0x07, 0x48, 0x89, 0x06, 0xf0, 0xff, 0x07, PUSH, RET),
		  AT(9, 0, PUSH) },
		{ "cmov, setcc, shift, movups, lea",
		  CODE(0x0f, 0x44, 0xc1, 0x0f, 0x94, 0xc0, 0xc1, 0xe0, 2, 0x0f, 0x10, 0x07, 0x48,
		       0x8d, 0x47, 8, PUSH, RET),
		  AT(16, 0, PUSH) },
		{ "a hinted jump is refused by the kernel", CODE(XOR_EAX, 0x3e, 0x74, 0, RET),
		  STEPPED },
		{ "nothing is emulated", CODE(XOR_EAX, RET), STEPPED },
		{ "a byte of an operand is no push", CODE(0xb8, 0x55, 0x55, 0x55, 0x55, RET),
		  STEPPED },
		{ "nothing at all", { 0 }, 0, .err = -ENOTSUP },
		{ "a breakpoint", CODE(0xcc, PUSH, RET), .err = -ENOTSUP },
		{ "no instruction", CODE(0x06, PUSH, RET), .err = -ENOTSUP },
		{ "half an instruction", CODE(0xe8, 0x00), .err = -ENOTSUP },
		{ "no instruction behind it", CODE(XOR_EAX, 0x06, PUSH), STEPPED },
	};

	return cr_make_param_array(struct code, cases, sizeof(cases) / sizeof(*cases));
}

static void check(const struct code *c)
{
	struct entry_site site = { .skip = 99 };
	int err = choose(c, &site);

	cr_assert_eq(err, c->err, "%s: %d", c->name, err);
	if (err) {
		cr_assert_eq(site.skip, 99, "%s: set in spite of the error", c->name);
		return;
	}
	cr_expect_eq(site.skip, c->want.skip, "%s: at %lu", c->name, (unsigned long)site.skip);
	cr_expect_eq(site.sp_moved, c->want.sp_moved, "%s: sp %u", c->name, site.sp_moved);
	cr_expect_eq(site.class, c->want.class, "%s: class %d", c->name, (int)site.class);
	cr_expect_eq(site.restarts, c->want.restarts, "%s", c->name);
	cr_expect_eq(!site.why, site.class != SITE_STEPPED, "%s", c->name);
}

ParameterizedTest(struct code *c, entrysite, takes_the_first_emulated_instruction)
{
	check(c);
}

ParameterizedTestParameters(entrysite, knows_where_the_stack_pointer_is)
{
	static struct code cases[] = {
		{ "sub", CODE(SUB_RSP_8, PUSH, RET), AT(4, 8, PUSH), MOVES },
		{ "sub, long", CODE(0x48, 0x81, 0xec, 0x98, 1, 0, 0, PUSH, RET), AT(7, 0x198, PUSH),
		  MOVES },
		{ "sub must stay", CODE(SUB_RSP_8, PUSH, RET), STEPPED },
		{ "add of a negative number", CODE(0x48, 0x83, 0xc4, 0x80, PUSH, RET),
		  AT(4, 128, PUSH), MOVES },
		{ "lea", CODE(0x48, 0x8d, 0x64, 0x24, 0xb0, PUSH, RET), AT(5, 80, PUSH), MOVES },
		{ "lea with an index", CODE(0x48, 0x8d, 0x64, 0x04, 0xb0, PUSH, RET), STEPPED,
		  MOVES },
		{ "lea of another register", CODE(0x48, 0x8d, 0x67, 0xb0, PUSH, RET), STEPPED,
		  MOVES },
		{ "push of a number", CODE(0x6a, 1, PUSH, RET), AT(2, 8, PUSH), MOVES },
		{ "push from memory", CODE(0xff, 0x37, PUSH, RET), AT(2, 8, PUSH), MOVES },
		{ "push and pop", CODE(0x6a, 1, 0x58, PUSH, RET), AT(3, 0, PUSH), MOVES },
		{ "pushf and sub", CODE(0x9c, SUB_RSP_8, PUSH, RET), AT(5, 16, PUSH), MOVES },
		{ "pop of the return address", CODE(0x58, PUSH, RET), STEPPED, MOVES },
		{ "pop into rsp", CODE(0x6a, 1, 0x5c, PUSH, RET), STEPPED, MOVES },
		{ "push of a word", CODE(0x66, 0x50, PUSH, RET), STEPPED, MOVES },
		{ "and", CODE(0x48, 0x83, 0xe4, 0xf0, PUSH, RET), STEPPED, MOVES },
		{ "mov", CODE(0x48, 0x89, 0xc4, PUSH, RET), STEPPED, MOVES },
		{ "xchg", CODE(0x48, 0x94, PUSH, RET), STEPPED, MOVES },
		{ "leave", CODE(0xc9, PUSH, RET), STEPPED, MOVES },
		{ "enter", CODE(0xc8, 0, 0, 0, PUSH, RET), STEPPED, MOVES },
		{ "sub of a register", CODE(0x48, 0x29, 0xc4, PUSH, RET), STEPPED, MOVES },
		{ "sub of 32 bits", CODE(0x83, 0xec, 8, PUSH, RET), STEPPED, MOVES },
		{ "sub of a huge number", CODE(0x48, 0x81, 0xec, 0, 0, 0, 0x7f, PUSH, RET), STEPPED,
		  MOVES },
		{ "sub from another register", CODE(0x48, 0x83, 0xe8, 8, PUSH, RET),
		  AT(4, 0, PUSH) },
	};

	return cr_make_param_array(struct code, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct code *c, entrysite, knows_where_the_stack_pointer_is)
{
	check(c);
}

ParameterizedTestParameters(entrysite, leaves_wanted_registers_alone)
{
	static struct code cases[] = {
		{ "edi, not wanted", CODE(0x31, 0xff, PUSH, RET), AT(2, 0, PUSH) },
		{ "edi", CODE(0x31, 0xff, PUSH, RET), STEPPED, ARGS },
		{ "dil", CODE(0x40, 0xb7, 1, PUSH, RET), STEPPED, ARGS },
		{ "esi, under a condition", CODE(0x0f, 0x44, 0xf0, PUSH, RET), STEPPED, ARGS },
		{ "rdx, by cqo", CODE(0x48, 0x99, PUSH, RET), STEPPED, ARGS },
		{ "rdx, by mul", CODE(0x48, 0xf7, 0xe1, PUSH, RET), STEPPED, ARGS },
		{ "cl", CODE(0xb1, 1, PUSH, RET), STEPPED, ARGS },
		{ "r8", CODE(0x45, 0x31, 0xc0, PUSH, RET), STEPPED, ARGS },
		{ "r9, by xchg", CODE(0x49, 0x91, PUSH, RET), STEPPED, ARGS },
		{ "rdi, by stosb", CODE(0xaa, PUSH, RET), STEPPED, ARGS },
		{ "rsi, by pop", CODE(0x6a, 1, 0x5e, PUSH, RET), STEPPED,
		  .wants = { true, ENTRY_ARGS_C, false } },
		{ "xmm7", CODE(0x66, 0x0f, 0xef, 0xff, PUSH, RET), STEPPED, ARGS },
		{ "ymm0", CODE(0xc5, 0xfd, 0xef, 0xc0, PUSH, RET), STEPPED, ARGS },
		{ "reading them", CODE(0x48, 0x89, 0xf8, 0x39, 0xf7, PUSH, RET), AT(5, 0, PUSH),
		  ARGS },
		{ "rax, rbx, r10", CODE(XOR_EAX, 0x31, 0xdb, 0x45, 0x31, 0xd2, PUSH, RET),
		  AT(7, 0, PUSH), ARGS },
		{ "xmm8", CODE(0x66, 0x45, 0x0f, 0xef, 0xc0, PUSH, RET), AT(5, 0, PUSH), ARGS },
		{ "r14, not Go's", CODE(0x45, 0x31, 0xf6, PUSH, RET), AT(3, 0, PUSH), ARGS },
		{ "r14", CODE(0x45, 0x31, 0xf6, PUSH, RET), STEPPED,
		  .wants.registers = ENTRY_GOROUTINE },
		{ "rbx, Go's", CODE(0x31, 0xdb, PUSH, RET), STEPPED,
		  .wants.registers = ENTRY_ARGS_GO },
		{ "r11, Go's", CODE(0x45, 0x31, 0xdb, PUSH, RET), STEPPED,
		  .wants.registers = ENTRY_ARGS_GO },
		{ "xmm14, Go's", CODE(0x66, 0x45, 0x0f, 0xef, 0xf6, PUSH, RET), STEPPED,
		  .wants.registers = ENTRY_ARGS_GO },
		{ "xmm15, not an argument", CODE(0x66, 0x45, 0x0f, 0xef, 0xff, PUSH, RET),
		  AT(5, 0, PUSH), .wants.registers = ENTRY_ARGS_GO },
	};

	return cr_make_param_array(struct code, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct code *c, entrysite, leaves_wanted_registers_alone)
{
	check(c);
}

ParameterizedTestParameters(entrysite, stays_where_every_call_comes_once)
{
	static struct code cases[] = {
		{ "a loop inside",
		  /* xor; inc eax; cmp; jne to the inc; ret */
		  CODE(XOR_EAX, 0xff, 0xc0, 0x83, 0xf8, 5, 0x75, 0xf9, RET), STEPPED },
		{ "a jump to the site", CODE(XOR_EAX, PUSH, 0x5b, 0xeb, 0xfc), STEPPED },
		{ "a call to the site", CODE(XOR_EAX, PUSH, 0xe8, 0xfa, 0xff, 0xff, 0xff, RET),
		  STEPPED },
		{ "loop to the site", CODE(XOR_EAX, PUSH, 0xe2, 0xfd, RET), STEPPED },
		{ "jrcxz to the site", CODE(XOR_EAX, PUSH, 0xe3, 0xfd, RET), STEPPED },
		{ "xbegin", CODE(XOR_EAX, PUSH, 0xc7, 0xf8, 0xf9, 0xff, 0xff, 0xff, RET), STEPPED },
		{ "the site's address is taken",
		  CODE(XOR_EAX, PUSH, 0x48, 0x8d, 0x05, 0xf8, 0xff, 0xff, 0xff, RET), STEPPED },
		{ "a jump back to the start", CODE(XOR_EAX, PUSH, 0x5b, 0xeb, 0xfa),
		  AT(2, 0, PUSH) },
		{ "a jump back behind the site", CODE(XOR_EAX, PUSH, 0x5b, 0xeb, 0xfd),
		  AT(2, 0, PUSH) },
		{ "the start's address is taken",
		  CODE(XOR_EAX, PUSH, 0x48, 0x8d, 0x05, 0xf6, 0xff, 0xff, 0xff, RET),
		  AT(2, 0, PUSH) },
		{ "the first instruction is a loop's", CODE(PUSH, 0x5b, 0xeb, 0xfc),
		  AT(0, 0, PUSH) },
		{ "data between",
		  /* the jump over it leads into what the data seems to begin */
		  CODE(XOR_EAX, PUSH, 0xeb, 0x01, 0x6a, 0xb8, 0xc3, 0, 0, 0, RET), STEPPED },
		{ "something that does not decode", CODE(XOR_EAX, PUSH, RET, 0x06), STEPPED },
		{ "a part elsewhere", CODE(XOR_EAX, PUSH, 0xe9, 0, 0x10, 0, 0), STEPPED },
		{ "a conditional jump to a function",
		  CODE(XOR_EAX, PUSH, 0x0f, 0x84, 0x77, 0, 0, 0, RET), STEPPED },
		{ "a tail call behind it", CODE(XOR_EAX, PUSH, 0xe9, 0x78, 0, 0, 0),
		  AT(2, 0, PUSH) },
		{ "a function begins at the site", CODE(XOR_EAX, PUSH, RET), STEPPED,
		  .function_at = 2 },
		{ "a function begins before the site", CODE(XOR_EAX, XOR_EAX, PUSH, RET), STEPPED,
		  .function_at = 2 },
		{ "a function begins behind the site", CODE(XOR_EAX, PUSH, RET), AT(2, 0, PUSH),
		  .function_at = 3 },
	};

	return cr_make_param_array(struct code, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct code *c, entrysite, stays_where_every_call_comes_once)
{
	check(c);
}

ParameterizedTestParameters(entrysite, mistrusts_switches_of_the_same_frame)
{
	static struct code cases[] = {
		{ "nobody knows", CODE(XOR_EAX, PUSH, 0xff, 0xe0), STEPPED, .words = -1 },
		{ "nobody can be asked", CODE(XOR_EAX, PUSH, 0xff, 0xe0), STEPPED, .words = NONE },
		{ "no frame", CODE(XOR_EAX, PUSH, 0xff, 0xe0), STEPPED, .words = 1 },
		{ "no frame, by memory", CODE(XOR_EAX, PUSH, 0xff, 0x20), STEPPED, .words = 1 },
		{ "a frame", CODE(XOR_EAX, PUSH, 0xff, 0xe0), AT(2, 0, PUSH), .words = 2 },
		{ "a frame on rbp", CODE(XOR_EAX, PUSH, 0xff, 0xe0), AT(2, 0, PUSH), .words = 0 },
		{ "the site's frame", CODE(SUB_RSP_8, PUSH, 0xff, 0xe0), STEPPED, MOVES,
		  .words = 2 },
		{ "a larger one", CODE(SUB_RSP_8, PUSH, 0xff, 0xe0), AT(4, 8, PUSH), MOVES,
		  .words = 3 },
		{ "on rbp, of any size", CODE(SUB_RSP_8, PUSH, 0xff, 0xe0), STEPPED, MOVES,
		  .words = 0 },
		{ "large frames are alike", CODE(0x48, 0x81, 0xec, 0, 0x10, 0, 0, PUSH, 0xff, 0xe0),
		  STEPPED, MOVES, .words = 600 },
		{ "a call is no jump", CODE(XOR_EAX, PUSH, 0xff, 0xd0, RET), AT(2, 0, PUSH),
		  .words = 1 },
	};

	return cr_make_param_array(struct code, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct code *c, entrysite, mistrusts_switches_of_the_same_frame)
{
	check(c);
}

ParameterizedTestParameters(entrysite, skips_only_what_goes_on)
{
	static struct code cases[] = {
		{ "ret", CODE(RET, PUSH), STEPPED },
		{ "an indirect call", CODE(0xff, 0xd0, PUSH, RET), STEPPED },
		{ "an indirect jump", CODE(0xff, 0xe0, PUSH, RET), STEPPED, .words = 3 },
		{ "jrcxz", CODE(0xe3, 0x00, PUSH, RET), STEPPED },
		{ "syscall", CODE(0x0f, 0x05, PUSH, RET), STEPPED },
		{ "int 0x80", CODE(0xcd, 0x80, PUSH, RET), STEPPED },
		{ "a breakpoint", CODE(0x31, 0xc0, 0xcc, PUSH, RET), STEPPED },
		{ "ud2", CODE(0x0f, 0x0b, PUSH, RET), STEPPED },
		{ "hlt", CODE(0xf4, PUSH, RET), STEPPED },
		{ "in", CODE(0xec, PUSH, RET), STEPPED },
		{ "cpuid", CODE(0x0f, 0xa2, PUSH, RET), STEPPED },
		{ "rep stosb", CODE(0xf3, 0xaa, PUSH, RET), STEPPED },
		{ "repe cmpsb", CODE(0xf3, 0xa6, PUSH, RET), STEPPED },
		{ "repne scasb", CODE(0xf2, 0xae, PUSH, RET), STEPPED },
		{ "vzeroupper", CODE(0xc5, 0xf8, 0x77, PUSH, RET), STEPPED },
		{ "mov ss", CODE(0x8e, 0xd0, PUSH, RET), STEPPED },
		{ "mov cr3", CODE(0x0f, 0x22, 0xd8, PUSH, RET), STEPPED },
	};

	return cr_make_param_array(struct code, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct code *c, entrysite, skips_only_what_goes_on)
{
	check(c);
}

ParameterizedTestParameters(entrysite, takes_no_5_byte_nop_above_a_used_red_zone)
{
	static struct code cases[] = {
		{ "at the start", CODE(NOP5, RET), AT(0, 0, NOP5) },
		{ "behind endbr64", CODE(ENDBR64, NOP5, PUSH, RET), AT(4, 0, NOP5) },
		{ "in other words", CODE(ENDBR64, 0x66, 0x0f, 0x1f, 0x40, 0, RET), AT(4, 0, NOP5) },
		{ "a store below", CODE(0x48, 0x89, 0x44, 0x24, 0xf8, NOP5, PUSH, RET),
		  AT(10, 0, PUSH) },
		{ "a store below, and another nop",
		  CODE(0x48, 0x89, 0x44, 0x24, 0xf8, NOP5, 0x90, RET), AT(10, 0, NOP) },
		{ "a store above", CODE(0x48, 0x89, 0x44, 0x24, 8, NOP5, PUSH, RET),
		  AT(5, 0, NOP5) },
		{ "a load from below", CODE(0x48, 0x8b, 0x44, 0x24, 0xf8, NOP5, PUSH, RET),
		  AT(5, 0, NOP5) },
		{ "a store by an index", CODE(0x48, 0x89, 0x04, 0xcc, NOP5, PUSH, RET),
		  AT(9, 0, PUSH) },
		{ "a store by a copy",
		  CODE(0x48, 0x89, 0xe0, 0x48, 0x89, 0x48, 0xf8, NOP5, PUSH, RET),
		  AT(12, 0, PUSH) },
		{ "a store by an address",
		  CODE(0x48, 0x8d, 0x44, 0x24, 0xf0, 0x89, 0x08, NOP5, PUSH, RET),
		  AT(12, 0, PUSH) },
		{ "stosb by a copy", CODE(0x48, 0x89, 0xe7, 0xaa, NOP5, PUSH, RET),
		  AT(9, 0, PUSH) },
		{ "a store elsewhere", CODE(0x48, 0x89, 0x07, NOP5, PUSH, RET), AT(3, 0, NOP5) },
		{ "a store elsewhere from a frame",
		  CODE(SUB_RSP_8, 0x48, 0x89, 0x07, NOP5, PUSH, RET), AT(7, 8, NOP5), MOVES },
		{ "what was popped", CODE(0x6a, 1, 0x58, NOP5, PUSH, RET), AT(8, 0, PUSH), MOVES },
		{ "what was pushed", CODE(0x6a, 1, NOP5, PUSH, RET), AT(2, 8, NOP5), MOVES },
		{ "what lies in the frame",
		  CODE(SUB_RSP_8, 0x48, 0x89, 0x04, 0x24, NOP5, PUSH, RET), AT(8, 8, NOP5), MOVES },
	};

	return cr_make_param_array(struct code, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct code *c, entrysite, takes_no_5_byte_nop_above_a_used_red_zone)
{
	check(c);
}

/* cmp 0x10(%r14), %rsp; jbe to the end */
#define STACK_CHECK(end) 0x49, 0x3b, 0x66, 0x10, 0x76, (end)
#define CALL_OTHER       0xe8, 0x70, 0x00, 0x00, 0x00

ParameterizedTestParameters(entrysite, passes_the_stack_check_of_go)
{
	static struct code cases[] = {
		{ "a push behind it", CODE(STACK_CHECK(2), 0x55, RET, CALL_OTHER, 0xeb, 0xf1),
		  AT(6, 0, PUSH), GO },
		{ "not in Go", CODE(STACK_CHECK(2), 0x55, RET, CALL_OTHER, 0xeb, 0xf1),
		  AT(4, 0, JUMP) },
		{ "arguments are saved",
		  CODE(STACK_CHECK(2), 0x55, RET, 0x48, 0x89, 0x44, 0x24, 8, CALL_OTHER, 0x48, 0x8b,
		       0x44, 0x24, 8, 0xeb, 0xe7),
		  AT(6, 0, PUSH), GO },
		{ "nothing is emulated behind it",
		  CODE(STACK_CHECK(1), RET, CALL_OTHER, 0xeb, 0xf2), CHECKED(4), GO },
		{ "another end", CODE(STACK_CHECK(2), 0x55, RET, CALL_OTHER, RET), AT(4, 0, JUMP),
		  GO },
		{ "another branch",
		  CODE(STACK_CHECK(2), 0x55, RET, 0x74, 0xf6, CALL_OTHER, 0xeb, 0xef),
		  AT(4, 0, JUMP), GO },
		{ "it begins behind the check",
		  CODE(STACK_CHECK(2), 0x55, RET, CALL_OTHER, 0xeb, 0xf7), AT(4, 0, JUMP), GO },
		{ "a loop behind it",
		  CODE(STACK_CHECK(4), 0x55, 0x5d, 0xeb, 0xfc, CALL_OTHER, 0xeb, 0xef), CHECKED(4),
		  GO },
	};

	return cr_make_param_array(struct code, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct code *c, entrysite, passes_the_stack_check_of_go)
{
	check(c);
}

Test(entrysite, does_not_go_far)
{
	struct code near = { .name = "32 times xor", .size = 66, AT(64, 0, PUSH) };
	struct code far = { .name = "33 times xor", .size = 68, STEPPED };

	for (size_t i = 0; i < 66; i++)
		near.bytes[i] = far.bytes[i] = i % 2 ? 0xc0 : 0x31;
	near.bytes[64] = far.bytes[66] = PUSH;
	near.bytes[65] = far.bytes[67] = RET;
	check(&near);
	check(&far);
}

/* je to a part elsewhere; the site is the push before. */
static const uint8_t function_bytes[] = { XOR_EAX, PUSH, 0x0f, 0x84, 0xf7, 0x0f, 0x00, 0x00, RET };

#define PART (ADDR + 0x1000)

/* Where the function is probed if its part is these bytes. */
static struct entry_site choose_with_part(const uint8_t *bytes, size_t size, int words)
{
	struct code c = { .words = words };
	ret_target_vec outside = {};
	struct ret_code function = { .bytes = function_bytes,
				     .size = sizeof(function_bytes),
				     .addr = ADDR,
				     .is_function = is_function,
				     .frame_words = frame_words,
				     .arg = &c,
				     .outside = &outside };
	struct ret_code part = function;
	struct entry_wants wants = {};
	struct entry_bounds b = {};
	struct entry_site site;

	cr_assert_eq(entry_bounds_add(&b, &function), 0);
	cr_assert_eq(outside.n, 1);
	cr_assert_eq(outside.v[0], PART);
	part.bytes = bytes;
	part.size = size;
	part.addr = PART;
	part.is_part = true;
	cr_assert_eq(entry_bounds_add(&b, &part), 0);
	cr_assert_eq(outside.n, 1, "the function is no part of its part");
	cr_assert_eq(entry_site_choose(&function, &b, &wants, &site), 0);
	vec_done(&outside);
	return site;
}

Test(entrysite, parts_elsewhere_may_come_back_behind_the_site_only)
{
	static const uint8_t to_site[] = { 0xe9, 0xfd, 0xef, 0xff, 0xff };  /* ADDR + 2 */
	static const uint8_t behind[] = { 0xe9, 0xfe, 0xef, 0xff, 0xff };   /* ADDR + 3 */
	static const uint8_t to_start[] = { 0xe9, 0xfb, 0xef, 0xff, 0xff }; /* ADDR */
	static const uint8_t not_code[] = { 0x06 }, indirect[] = { 0xff, 0xe0 };

	cr_expect_eq(choose_with_part(to_site, sizeof(to_site), 0).skip, 0);
	cr_expect_eq(choose_with_part(behind, sizeof(behind), 0).skip, 2);
	cr_expect_eq(choose_with_part(to_start, sizeof(to_start), 0).skip, 2);
	cr_expect_eq(choose_with_part(not_code, sizeof(not_code), 0).skip, 0);
	cr_expect_eq(choose_with_part(indirect, sizeof(indirect), 1).skip, 0);
	cr_expect_eq(choose_with_part(indirect, sizeof(indirect), 2).skip, 2);
}

Test(entrysite, any_bytes_are_survived)
{
	uint32_t random = 1;

	for (int i = 0; i < 20000; i++) {
		struct code c = { .size = (size_t)i % 64,
				  .words = i % 4,
				  .wants = { i % 3, i % 5 ? 0 : ENTRY_ARGS_C, i % 7 } };
		struct entry_site site;
		int err;

		for (size_t k = 0; k < c.size; k++) {
			random = random * 1664525 + 1013904223;
			c.bytes[k] = (uint8_t)(random >> 24);
		}
		err = choose(&c, &site);
		cr_assert(err ? err == -ENOTSUP : site.skip < c.size);
	}
}
