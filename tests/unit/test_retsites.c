/* SPDX-License-Identifier: GPL-2.0-only */
/* Where functions end: hand-assembled code, and code of this program that is stepped through. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "trace/retsites.h"

#define ADDR  0x401000UL /* where the code of these tests lies */
#define OTHER 0x401080UL /* the only other function: 0x80 behind */
#define SITES 4

static bool is_other(uint64_t addr, void *arg)
{
	cr_assert_eq(arg, (void *)SITES, "the argument is handed on");
	return addr == OTHER || addr == ADDR;
}

static struct ret_code code_of(const uint8_t *bytes, size_t size)
{
	return (struct ret_code){ .bytes = bytes,
				  .size = size,
				  .addr = ADDR,
				  .start = ADDR,
				  .is_function = is_other,
				  .arg = (void *)SITES };
}

static int find(const uint8_t *bytes, size_t size, ret_site_vec *ret, const char **why)
{
	struct ret_code code = code_of(bytes, size);
	bool restarts = false;
	int err = ret_sites_find(&code, ret, &restarts, why);

	cr_assert_not(restarts, "nothing leads back to its beginning");
	return err;
}

struct code {
	char name[48]; /* no pointer: parameters are copied to the test's process */
	uint8_t bytes[24];
	size_t size;
	int err;
	size_t n;
	struct ret_site sites[SITES];
};

#define CODE(...) { __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ })
#define REFUSED                                                                                    \
	-ENOTSUP, 0,                                                                               \
	{                                                                                          \
	}
#define NO_EXIT                                                                                    \
	0, 0,                                                                                      \
	{                                                                                          \
	}
#define RET(at)                                                                                    \
	{                                                                                          \
		.offset = (at), .has_value = true                                                  \
	}
#define TAIL(at)                                                                                   \
	{                                                                                          \
		.offset = (at), .has_value = false                                                 \
	}

ParameterizedTestParameters(retsites, finds_every_exit_or_refuses)
{
	static struct code cases[] = {
		{ "ret", CODE(0xc3), 0, 1, { RET(0) } },
		{ "several rets",
		  /* test edi,edi; je +2; (inc eax); ret; nop; ret */
		  CODE(0x85, 0xff, 0x74, 0x03, 0xff, 0xc0, 0xc3, 0x90, 0xc3),
		  0,
		  2,
		  { RET(6), RET(8) } },
		{ "rep ret", CODE(0x90, 0xf3, 0xc3), 0, 1, { RET(1) } },
		{ "bnd ret", CODE(0x90, 0xf2, 0xc3), 0, 1, { RET(1) } },
		{ "ret imm16", CODE(0x90, 0xc2, 0x10, 0x00), 0, 1, { RET(1) } },
		{ "a byte of an operand is no ret",
		  /* mov eax, 0xc3c3c3c3; ret */
		  CODE(0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3),
		  0,
		  1,
		  { RET(5) } },
		{ "endbr64 and calls go on",
		  /* endbr64; call +0x100; call [rax]; syscall; ret */
		  CODE(0xf3, 0x0f, 0x1e, 0xfa, 0xe8, 0x00, 0x01, 0x00, 0x00, 0xff, 0x10, 0x0f, 0x05,
		       0xc3),
		  0,
		  1,
		  { RET(13) } },
		{ "a tail jump", CODE(0x90, 0xe9, 0x7a, 0x00, 0x00, 0x00), 0, 1, { TAIL(1) } },
		{ "a short tail jump", CODE(0xeb, 0x7e), 0, 1, { TAIL(0) } },
		{ "bnd and a tail jump",
		  CODE(0xf2, 0xe9, 0x7a, 0x00, 0x00, 0x00),
		  0,
		  1,
		  { TAIL(0) } },
		{ "a tail jump and a ret",
		  /* je +5; jmp other; ret */
		  CODE(0x74, 0x05, 0xe9, 0x79, 0x00, 0x00, 0x00, 0xc3),
		  0,
		  2,
		  { TAIL(2), RET(7) } },
		{ "a jump inside", CODE(0xeb, 0x01, 0x90, 0xc3), 0, 1, { RET(3) } },
		{ "a jump back inside", CODE(0x90, 0x90, 0x75, 0xfd, 0xc3), 0, 1, { RET(4) } },
		{ "loop and jrcxz inside",
		  CODE(0x90, 0x90, 0xe2, 0xfd, 0xe3, 0xfb, 0xc3),
		  0,
		  1,
		  { RET(6) } },
		{ "a ret behind padding", CODE(0xcc, 0x0f, 0x0b, 0xf4, 0xc3), 0, 1, { RET(4) } },
		{ "a jump to something that is no function",
		  CODE(0xe9, 0x00, 0x10, 0x00, 0x00, 0xc3), REFUSED },
		{ "a jump into another function", CODE(0xe9, 0x7c, 0x00, 0x00, 0x00, 0xc3),
		  REFUSED },
		{ "a jump right behind the end", CODE(0xc3, 0xeb, 0x00), REFUSED },
		{ "a jump before the beginning", CODE(0xeb, 0xf0, 0xc3), REFUSED },
		{ "an indirect jump by register", CODE(0xff, 0xe0, 0xc3), REFUSED },
		{ "an indirect jump by memory", CODE(0xff, 0x24, 0xc5, 0, 0, 0, 0, 0xc3), REFUSED },
		{ "an indirect jump by rip", CODE(0xff, 0x25, 0, 0, 0, 0, 0xc3), REFUSED },
		{ "notrack and an indirect jump", CODE(0x3e, 0xff, 0xe0, 0xc3), REFUSED },
		{ "a conditional jump to a function",
		  CODE(0x0f, 0x84, 0x7a, 0x00, 0x00, 0x00, 0xc3), REFUSED },
		{ "a conditional jump elsewhere", CODE(0x0f, 0x84, 0x00, 0x10, 0x00, 0x00, 0xc3),
		  REFUSED },
		{ "a loop that leaves", CODE(0xe2, 0x7e, 0xc3), REFUSED },
		{ "a byte that is no instruction", CODE(0xc3, 0x06), REFUSED },
		{ "an instruction that is cut", CODE(0xc3, 0xe8, 0x00), REFUSED },
		{ "no return", CODE(0x0f, 0x0b), NO_EXIT },
		{ "an endless loop", CODE(0x90, 0x90, 0xeb, 0xfd), NO_EXIT },
		{ "nothing", { 0 }, 0, NO_EXIT },
		/*
		 * jmp +1; then a byte of data, which decodes as the beginning of `push -0x48` and
		 * so hides `mov eax, 0xc3`: a breakpoint at its c3 would change the constant.
		 */
		{ "a jump over data", CODE(0xeb, 0x01, 0x6a, 0xb8, 0xc3, 0x00, 0x00, 0x00, 0xc3),
		  REFUSED },
		/* jmp +1; data that swallows xor eax,eax; ret: the real one is missed. */
		{ "a jump over data that hides a ret",
		  CODE(0xeb, 0x01, 0xb8, 0x31, 0xc0, 0xc3, 0x90, 0xc3), REFUSED },
	};

	return cr_make_param_array(struct code, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct code *c, retsites, finds_every_exit_or_refuses)
{
	const char *why = NULL;
	ret_site_vec found = {};
	int err = find(c->bytes, c->size, &found, &why);

	cr_assert_eq(err, c->err, "%s: %d", c->name, err);
	if (err)
		cr_assert_not_null(why, "%s", c->name);
	else
		cr_assert_eq(found.n, c->n, "%s: %zu", c->name, found.n);
	for (size_t i = 0; i < c->n; i++) {
		cr_assert_eq(found.v[i].offset, c->sites[i].offset, "%s: %zu", c->name, i);
		cr_assert_eq(found.v[i].has_value, c->sites[i].has_value, "%s: %zu", c->name, i);
	}
	vec_done(&found);
}

/* A loop around the first byte, or the prologue once more: no exit, but the probe there is hit
 * again. */
Test(retsites, a_jump_to_the_own_beginning_restarts)
{
	static const struct {
		uint8_t bytes[8];
		size_t size, ret;
	} cases[] = {
		{ { 0x90, 0x74, 0x02, 0xeb, 0xfb, 0xc3 }, 6, 5 },       /* jmp */
		{ { 0x8b, 0x07, 0x85, 0xc0, 0x75, 0xfa, 0xc3 }, 7, 6 }, /* spins: jne */
		{ { 0x90, 0xe2, 0xfd, 0xc3 }, 4, 3 },                   /* loop */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ret_code code = code_of(cases[i].bytes, cases[i].size);
		const char *why = NULL;
		ret_site_vec found = {};
		bool restarts = false;

		cr_assert_eq(ret_sites_find(&code, &found, &restarts, &why), 0, "%zu", i);
		cr_assert(restarts);
		cr_assert_eq(found.n, 1);
		cr_assert_eq(found.v[0].offset, cases[i].ret);
		vec_done(&found);
	}
}

Test(retsites, what_was_known_to_restart_still_does)
{
	static const uint8_t ends[] = { 0xc3 };
	struct ret_code code = code_of(ends, 1);
	const char *why = NULL;
	ret_site_vec found = {};
	bool restarts = true;

	cr_assert_eq(ret_sites_find(&code, &found, &restarts, &why), 0);
	cr_assert(restarts);
	vec_done(&found);
}

/* A part of a function that lies elsewhere: its beginning is none of the function's. */
Test(retsites, a_part_leads_back_to_the_function_it_is_of)
{
	/* jmp -2 (to itself); jmp to ADDR - 0x40; ret */
	static const uint8_t part[] = { 0xeb, 0xfe, 0xe9, 0xb9, 0xff, 0xff, 0xff, 0xc3 };
	struct ret_code code = code_of(part, sizeof(part));
	const char *why = NULL;
	ret_target_vec outside = {};
	ret_site_vec found = {};
	bool restarts = false;

	code.start = ADDR - 0x40;
	code.is_part = true;
	code.outside = &outside;
	cr_assert_eq(ret_sites_find(&code, &found, &restarts, &why), 0, "%s", why);
	cr_assert(restarts);
	cr_assert_eq(found.n, 2, "ADDR is a function's beginning for these tests");
	cr_assert_eq(outside.n, 0);
	vec_done(&found);
	vec_done(&outside);
}

Test(retsites, jumps_to_other_parts_are_handed_on)
{
	/* je other; jne +0x1000; jmp +0x2000; ret */
	static const uint8_t bytes[] = { 0x0f, 0x84, 0x7a, 0x00, 0x00, 0x00, 0x0f, 0x85, 0x00,
					 0x10, 0x00, 0x00, 0xe9, 0x00, 0x20, 0x00, 0x00, 0xc3 };
	struct ret_code code = code_of(bytes, sizeof(bytes));
	const char *why = NULL;
	ret_target_vec outside = {};
	ret_site_vec found = {};
	bool restarts = false;

	code.outside = &outside;
	cr_assert_eq(ret_sites_find(&code, &found, &restarts, &why), 0, "%s", why);
	cr_assert_eq(found.n, 1);
	cr_assert_eq(found.v[0].offset, 17);
	cr_assert_eq(outside.n, 3);
	cr_assert_eq(outside.v[0], OTHER, "a conditional jump to a function: its ends are ours");
	cr_assert_eq(outside.v[1], ADDR + 12 + 0x1000);
	cr_assert_eq(outside.v[2], ADDR + 17 + 0x2000);
	vec_done(&found);
	vec_done(&outside);
}

static int words_at(uint64_t addr, void *arg)
{
	cr_assert(addr >= ADDR && addr < ADDR + 24);
	return *(const int *)arg;
}

static bool is_nothing(uint64_t addr, void *arg)
{
	(void)addr;
	(void)arg;
	return false;
}

/* Indirect jumps, with so many words of the frame on the stack. */
struct indirect {
	uint8_t bytes[16];
	size_t size;
	int words, err;
	size_t n;
	struct ret_site site;
};

Test(retsites, an_indirect_jump_is_a_switch_or_a_tail_call)
{
	static const struct indirect cases[] = {
		/* jmp rax: as at entry: a tail call; with a frame: a switch; who knows: refused. */
		{ { 0xff, 0xe0 }, 2, 1, 0, 1, TAIL(0) },
		{ { 0xff, 0xe0 }, 2, 3, 0, 0, {} },
		{ { 0xff, 0xe0 }, 2, 0, 0, 0, {} },
		{ { 0xff, 0xe0 }, 2, -1, -ENOTSUP, 0, {} },
		/* add rax, rdx; jmp rax: a table's entry */
		{ { 0x48, 0x01, 0xd0, 0xff, 0xe0 }, 5, 1, 0, 0, {} },
		{ { 0x48, 0x01, 0xd0, 0x3e, 0xff, 0xe0 }, 6, 1, 0, 0, {} },
		/* add rax, rdx; jmp rcx */
		{ { 0x48, 0x01, 0xd0, 0xff, 0xe1 }, 5, 1, 0, 1, TAIL(3) },
		/* add rax, rdx; mov rax, rdi; jmp rax */
		{ { 0x48, 0x01, 0xd0, 0x48, 0x89, 0xf8, 0xff, 0xe0 }, 8, 1, 0, 1, TAIL(6) },
		/* add rax, rdx; ja +2 (over the jump); jmp rax; ret */
		{ { 0x48, 0x01, 0xd0, 0x77, 0x02, 0xff, 0xe0, 0xc3 }, 8, 1, 0, 1, RET(7) },
		/* jmp [rax*8]; jmp [rax]; jmp [rip] */
		{ { 0xff, 0x24, 0xc5, 0, 0, 0, 0 }, 7, 1, 0, 0, {} },
		{ { 0xff, 0x20 }, 2, 1, 0, 1, TAIL(0) },
		{ { 0xff, 0x25, 0, 0, 0, 0 }, 6, 1, 0, 1, TAIL(0) },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ret_code code = code_of(cases[i].bytes, cases[i].size);
		int words = cases[i].words;
		const char *why = NULL;
		ret_site_vec found = {};
		bool restarts = false;

		code.is_function = is_nothing;
		code.frame_words = words_at;
		code.arg = &words;
		cr_assert_eq(ret_sites_find(&code, &found, &restarts, &why), cases[i].err, "%zu",
			     i);
		if (cases[i].err)
			cr_assert_not_null(why);
		else
			cr_assert_eq(found.n, cases[i].n, "%zu: %zu", i, found.n);
		if (cases[i].n) {
			cr_assert_eq(found.v[0].offset, cases[i].site.offset, "%zu", i);
			cr_assert_eq(found.v[0].has_value, cases[i].site.has_value, "%zu", i);
		}
		vec_done(&found);
	}
}

Test(retsites, sites_of_another_function_are_no_exits_of_this_one)
{
	static const uint8_t ends[] = { 0xc3 }, aborts[] = { 0x0f, 0x0b };
	const char *why = NULL;
	ret_site_vec found = {};

	cr_assert_eq(find(ends, 1, &found, &why), 0);
	cr_assert_eq(find(ends, 1, &found, &why), 0);
	cr_assert_eq(found.n, 2, "they are appended");
	cr_assert_eq(find(aborts, 2, &found, &why), 0);
	cr_assert_eq(found.n, 2, "it never returns");
	vec_done(&found);
}

Test(retsites, any_bytes_are_survived)
{
	uint32_t random = 1;

	for (int i = 0; i < 20000; i++) {
		size_t size = (size_t)i % 32;
		uint8_t *code = malloc(size + !size);
		const char *why = NULL;
		ret_site_vec found = {};
		struct ret_code bytes = code_of(code, size);
		bool restarts = false;
		int err;

		for (size_t k = 0; k < size; k++) {
			random = random * 1664525 + 1013904223;
			code[k] = (uint8_t)(random >> 24);
		}
		err = ret_sites_find(&bytes, &found, &restarts, &why);
		cr_assert(err ? err == -ENOTSUP && why != NULL : !why);
		vec_foreach (s, &found)
			cr_assert_lt(s->offset, size);
		vec_done(&found);
		free(code);
	}
}

/*
 * The real thing: a function of the compiler's, alone in its section, is stepped through; every
 * instruction after which control was somewhere else, with the return address on top of the
 * stack before, is an exit.
 */
#define PLAIN __attribute__((noipa, no_sanitize("address", "undefined")))

static volatile long fed;

PLAIN static long tail_target(long n)
{
	fed += n;
	return n * 3;
}

PLAIN __attribute__((section("stepped_code"))) static long stepped(long n, const long *values)
{
	if (n < 0)
		return tail_target(n - 1);
	for (long i = 0; i < n; i++) {
		if (values[i] == n)
			return i;
		fed += tail_target(i);
	}
	if (fed > 1000000)
		return tail_target(fed);
	return -1;
}

extern const uint8_t __start_stepped_code[], __stop_stepped_code[];

static struct {
	uint64_t ip, sp;
} steps[10000];
static volatile size_t step_count;

static void on_step(int sig, siginfo_t *info, void *context)
{
	const greg_t *regs = ((const ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig;
	(void)info;
	if (step_count < sizeof(steps) / sizeof(*steps)) {
		steps[step_count].ip = (uint64_t)regs[REG_RIP];
		steps[step_count].sp = (uint64_t)regs[REG_RSP];
		step_count++;
	}
}

/* Sets or clears the trap flag; the red zone is stepped over. */
#define TRAP_FLAG(change)                                                                          \
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\t" change                             \
			 ", (%%rsp)\n\tpopfq\n\tlea 128(%%rsp), %%rsp" ::                          \
			     : "memory", "cc")

static bool is_stepped(uint64_t ip)
{
	return ip >= (uintptr_t)__start_stepped_code && ip < (uintptr_t)__stop_stepped_code;
}

static bool is_tail_target(uint64_t addr, void *arg)
{
	(void)arg;
	return addr == (uintptr_t)tail_target;
}

/* Steps through one call; notes in `seen` which sites it left by; false: by another place. */
static bool left_by_a_site(const ret_site_vec *sites, long n, const long *values, bool *seen)
{
	uint64_t entry_sp = 0;
	size_t exits = 0;

	step_count = 0;
	TRAP_FLAG("orq $0x100");
	stepped(n, values);
	TRAP_FLAG("andq $~0x100");
	for (size_t i = 0; i + 1 < step_count; i++) {
		bool found = false;

		if (steps[i].ip == (uintptr_t)__start_stepped_code && !entry_sp)
			entry_sp = steps[i].sp;
		if (!is_stepped(steps[i].ip) || is_stepped(steps[i + 1].ip) ||
		    steps[i].sp != entry_sp)
			continue;
		for (size_t k = 0; k < sites->n; k++) {
			if (steps[i].ip - (uintptr_t)__start_stepped_code != sites->v[k].offset)
				continue;
			found = seen[k] = true;
			/* A ret goes back up the stack, a tail jump does not. */
			cr_assert_eq(steps[i + 1].sp == entry_sp + 8, sites->v[k].has_value);
		}
		if (!found)
			return false;
		exits++;
	}
	return exits == 1;
}

Test(retsites, agrees_with_what_the_processor_does)
{
	static const long values[] = { 9, 9, 3, 9, 9 };
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	size_t size = (size_t)(__stop_stepped_code - __start_stepped_code);
	const char *why = "";
	ret_site_vec sites = {};
	bool seen[64] = {}, restarts = false;

	cr_assert_eq(ret_sites_find(&(struct ret_code){ .bytes = __start_stepped_code,
							.size = size,
							.addr = (uintptr_t)__start_stepped_code,
							.start = (uintptr_t)__start_stepped_code,
							.is_function = is_tail_target },
				    &sites, &restarts, &why),
		     0, "%s", why);
	cr_assert(sites.n > 0 && sites.n <= sizeof(seen));
	cr_assert_eq(sigaction(SIGTRAP, &action, NULL), 0);
	for (int round = 0; round < 2; round++) {
		cr_assert(left_by_a_site(&sites, -5, values, seen));
		cr_assert(left_by_a_site(&sites, 0, values, seen));
		cr_assert(left_by_a_site(&sites, 3, values, seen));
		cr_assert(left_by_a_site(&sites, 4, values, seen));
		cr_assert(left_by_a_site(&sites, 5, values, seen));
		fed = 2000000;
	}
	for (size_t i = 0; i < sites.n; i++)
		cr_assert(seen[i], "the site at %#lx is no exit", (unsigned long)sites.v[i].offset);
	vec_done(&sites);
}
