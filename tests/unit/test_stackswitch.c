/* SPDX-License-Identifier: GPL-2.0-only */
/* Code that goes on with another stack, as compilers and people write it. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compiled.h"
#include "elf_image.h"
#include "lib/cleanup.h"
#include "trace/hazard.h"
#include "trace/stackswitch.h"

#define C_COMMAND   " -shared -fPIC -nostdlib -x c -"
#define ASM_COMMAND "gcc -shared -nostdlib -x assembler -"

#define PUSH_ALL "push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
#define POP_ALL  "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
#define FUNCTION ".globl f\n.type f, @function\nf: .cfi_startproc\n"
#define END      "\n.cfi_endproc\n.size f, . - f\n"

static enum spflow_kind kind_of(const struct compiled *c)
{
	struct stackswitch found = {};

	cr_assert_eq(stackswitch_find(c->fd, c->symbols, &found), 0);
	return found.kind;
}

static enum spflow_kind kind_of_source(const char *command, const char *source)
{
	enum spflow_kind kind;
	struct compiled c;

	compiled_open(&c, command, source);
	kind = kind_of(&c);
	compiled_done(&c);
	return kind;
}

struct assembly {
	char name[48];
	enum spflow_kind kind;
	char body[400];
};

ParameterizedTestParameters(stackswitch, assembly_is_told_apart)
{
	static struct assembly cases[] = {
		{ "both by register", SPFLOW_SWITCH,
		  PUSH_ALL "mov %rsp, (%rdi); mov %rsi, %rsp\n" POP_ALL "ret" },
		{ "from memory", SPFLOW_SWITCH,
		  PUSH_ALL "mov %rsp, 8(%rdi); mov 8(%rsi), %rsp\n" POP_ALL "ret" },
		{ "the old one handed on", SPFLOW_SWITCH,
		  PUSH_ALL "mov %rsp, %rax; mov %rdi, %rsp\n" POP_ALL
			   "pop %r8; mov %rax, %rdi; jmp *%r8" },
		{ "without pushing", SPFLOW_SWITCH,
		  "mov %rbx, (%rdi); lea 8(%rsp), %rcx; mov %rcx, 16(%rdi); mov (%rsi), %rbx\n"
		  "mov 16(%rsi), %rsp; jmp *24(%rsi)" },
		{ "by a variable", SPFLOW_SWITCH,
		  PUSH_ALL
		  "mov %rsp, %rax; mov parked(%rip), %rsp; mov %rax, parked(%rip)\n" POP_ALL
		  "ret" },
		{ "by the thread's variable", SPFLOW_SWITCH,
		  "mov %rsp, %fs:16; mov %fs:24, %rsp; ret" },
		{ "a scheduler in between", SPFLOW_SWITCH,
		  "mov %rsp, parked(%rip); call *%rdi; mov parked(%rip), %rsp; ret" },
		{ "by xchg", SPFLOW_SWITCH, PUSH_ALL "xchg %rsp, (%rdi)\n" POP_ALL "ret" },
		{ "by xchg of registers", SPFLOW_SWITCH,
		  PUSH_ALL "xchg %rdi, %rsp; mov %rdi, (%rsi)\n" POP_ALL "ret" },
		{ "by xchg with rax", SPFLOW_SWITCH,
		  "mov (%rdi), %rax; xchg %rax, %rsp; mov %rax, (%rdi); ret" },
		{ "by r12 and r13", SPFLOW_SWITCH, "mov %rsp, (%r12); mov %r13, %rsp; ret" },
		{ "by lea", SPFLOW_SWITCH, "mov %rsp, (%rdi); lea 0x30(%rsi), %rsp; ret" },
		{ "by a distance", SPFLOW_SWITCH,
		  "mov %rsp, %rbx; mov %rbx, %rdi; call g; mov parked(%rip), %rax; sub %rbx, %rax\n"
		  "add %rax, %rsp; add %rax, %rbp; call g; ret" },
		{ "behind an early return", SPFLOW_SWITCH,
		  "mov %rsp, (%rdi); test %rsi, %rsi; jne 1f; ret; 1: mov %rsi, %rsp; ret" },
		{ "a jump", SPFLOW_JUMP,
		  "mov (%rdi), %rbx; mov 8(%rdi), %rbp; mov 16(%rdi), %rsp; jmp *24(%rdi)" },
		{ "a call elsewhere", SPFLOW_CALL,
		  "push %rbp; mov %rsp, %rbp; mov %rcx, %rsp; call *%rdx; mov %rbp, %rsp; pop "
		  "%rbp\n"
		  "ret" },
		{ "a call elsewhere, kept in rbx", SPFLOW_CALL,
		  "push %rbx; mov %rsp, %rbx; mov %rdi, %rsp; call *%rsi; mov %rbx, %rsp; pop "
		  "%rbx\n"
		  "ret" },
		{ "its own frame", SPFLOW_OWN,
		  "push %rbp; mov %rsp, %rbp; sub $32, %rsp; call *%rdi; leave; ret" },
		{ "a frame of variable size", SPFLOW_OWN,
		  "push %rbx; mov %rsp, %rbx; sub %rdi, %rsp; call *%rsi; mov %rbx, %rsp; pop "
		  "%rbx\n"
		  "ret" },
		{ "an aligned frame", SPFLOW_OWN,
		  "lea 8(%rsp), %r10; and $-64, %rsp; push -8(%r10); push %r10; call *%rdi\n"
		  "pop %r10; lea -8(%r10), %rsp; ret" },
		{ "an aligned frame that has the old rsp", SPFLOW_OWN,
		  "mov %rsp, %rax; sub $256, %rsp; and $-64, %rsp; mov %rax, 128(%rsp); call "
		  "*%rdi\n"
		  "mov 128(%rsp), %rsi; mov %rdi, (%rsi); lea (%rsi), %rsp; ret" },
		{ "reloaded from its frame", SPFLOW_OWN,
		  "mov %rsp, %r11; and $-32, %rsp; push %r11; call *%rdi; mov (%rsp), %rsp; ret" },
		{ "its arguments popped", SPFLOW_OWN, "pop %rcx; add %rdi, %rsp; push %rcx; ret" },
		{ "kept outside, and taken back", SPFLOW_OWN,
		  "push %rbx; mov %rdi, %rbx; mov %rsp, 8(%rbx); call *%rsi; mov 8(%rbx), %rsp\n"
		  "pop %rbx; ret" },
		{ "addresses of its frame given away", SPFLOW_OWN,
		  "sub $24, %rsp; mov %rsp, (%rdi); lea 8(%rsp), %rax; mov %rax, 8(%rdi)\n"
		  "add $24, %rsp; ret" },
	};

	return cr_make_param_array(struct assembly, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct assembly *t, stackswitch, assembly_is_told_apart)
{
	struct buf source = {};

	buf_printf(&source, FUNCTION "%s" END ".globl g\ng: ret\n.comm parked, 8, 8\n", t->body);
	cr_expect_eq(kind_of_source(ASM_COMMAND " -Wl,-Bsymbolic", source.data), t->kind, "%s",
		     t->name);
	buf_done(&source);
}

struct build {
	char command[96];
};

ParameterizedTestParameters(stackswitch, c_code_that_switches_is_found)
{
	static struct build cases[] = {
		{ "gcc -O0" C_COMMAND },    { "gcc -O2" C_COMMAND },   { "gcc -O3" C_COMMAND },
		{ "gcc -s -O2" C_COMMAND }, { "clang -O0" C_COMMAND }, { "clang -O2" C_COMMAND },
	};

	return cr_make_param_array(struct build, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct build *b, stackswitch, c_code_that_switches_is_found)
{
	static const char source[] =
	    "struct task { struct task *next; void *sp; int id; };\n"
	    "int turns;\n"
	    "int yield(struct task *from, struct task *to) {\n"
	    "	if (from == to) return turns;\n"
	    "	turns++;\n"
	    "	__asm__ volatile (\"push %%rbp; push %%rbx; lea 1f(%%rip), %%rax; push %%rax\\n\"\n"
	    "		\"mov %%rsp, %0; mov %1, %%rsp; ret\\n\"\n"
	    "		\"1: pop %%rbx; pop %%rbp\"\n"
	    "		: \"=m\"(from->sp) : \"r\"(to->sp)\n"
	    "		: \"rax\", \"r12\", \"r13\", \"r14\", \"r15\", \"memory\");\n"
	    "	return turns + from->id;\n"
	    "}\n";

	cr_expect_eq(kind_of_source(b->command, source), SPFLOW_SWITCH, "%s", b->command);
}

ParameterizedTestParameters(stackswitch, what_compilers_do_to_rsp_is_harmless)
{
	static struct build cases[] = {
		{ "gcc -O0" C_COMMAND },
		{ "gcc -O2" C_COMMAND },
		{ "gcc -O3 -mavx2" C_COMMAND },
		{ "gcc -O2 -fno-omit-frame-pointer" C_COMMAND },
		{ "gcc -s -O2 -fno-asynchronous-unwind-tables" C_COMMAND },
		{ "clang -O0" C_COMMAND },
		{ "clang -O2" C_COMMAND },
		{ "clang -O2 -mavx2 -mstackrealign" C_COMMAND },
	};

	return cr_make_param_array(struct build, cases, sizeof(cases) / sizeof(*cases));
}

/* Arrays of variable size in loops, alloca(), aligned variables; what may be shared is not inlined.
 */
ParameterizedTest(struct build *b, stackswitch, what_compilers_do_to_rsp_is_harmless)
{
	static const char source[] =
	    "void use(void *, unsigned long); void *keep[4]; int test(int);\n"
	    "struct box { void *p; };\n"
	    "void arrays(int n, struct box *b) {\n"
	    "	for (int i = 0; i < n; i++) {\n"
	    "		char a[n + i]; b->p = a; use(a, sizeof(a));\n"
	    "		if (test(i)) continue;\n"
	    "		{ int c[i * 2 + 1]; use(c, sizeof(c)); if (test(n)) break; keep[0] = c; }\n"
	    "	}\n"
	    "	use(b, 0);\n"
	    "}\n"
	    "int late(int n) { if (test(n)) { char *p = __builtin_alloca(n); use(p, n); }\n"
	    "	long v[4] __attribute__((aligned(64))); keep[1] = v; use(v, 8); return test(3); }\n"
	    "int both(int n) { double m[n] __attribute__((aligned(128))); use(m, n);\n"
	    "	return n > 4 ? both(n - 1) + test(n) : late(n); }\n"
	    "void big(void) { char a[70000]; use(a, 1); }\n";

	cr_expect_eq(kind_of_source(b->command, source), SPFLOW_OWN, "%s", b->command);
}

Test(stackswitch, unwinding_to_a_handler_is_harmless)
{
	static const char source[] = "void use(void *);\n"
				     "void land(long by, void *at) { char a[by]; use(a);\n"
				     "	__builtin_unwind_init(); __builtin_eh_return(by, at); }\n";

	cr_expect_eq(kind_of_source("gcc -O2" C_COMMAND, source), SPFLOW_OWN);
	cr_expect_eq(kind_of_source("gcc -O0" C_COMMAND, source), SPFLOW_OWN);
}

/* The same code with its name and its unwind information, or without either. */
#define SWITCH PUSH_ALL "mov %rsp, (%rdi); mov %rsi, %rsp\n" POP_ALL "ret\n"
#define BEFORE "b: push %rbx; mov %rdi, %rbx; call *%rsi; mov %rbx, %rax; pop %rbx; ret\n"
#define BEHIND "h: mov 8(%rdi), %rax; add %rsi, %rax; cmp $7, %rax; jne 1f; inc %rax; 1: ret\n"

Test(stackswitch, a_switch_is_found_without_name_and_unwind_information)
{
	static const char plain[] = BEFORE "f:" SWITCH BEHIND;
	static const char aligned[] = BEFORE ".p2align 4\nf:" SWITCH ".p2align 4\n" BEHIND;
	static const char typed[] =
	    BEFORE ".type f, @function\nf:" SWITCH ".size f, . - f\n" BEHIND;
	static const char first[] = "f:" SWITCH BEHIND;
	static const char last[] = BEFORE BEHIND "f:" SWITCH;

	cr_expect_eq(kind_of_source(ASM_COMMAND, plain), SPFLOW_SWITCH);
	cr_expect_eq(kind_of_source(ASM_COMMAND, typed), SPFLOW_SWITCH);
	cr_expect_eq(kind_of_source(ASM_COMMAND " -s", plain), SPFLOW_SWITCH);
	cr_expect_eq(kind_of_source(ASM_COMMAND " -s", aligned), SPFLOW_SWITCH);
	cr_expect_eq(kind_of_source(ASM_COMMAND " -s", first), SPFLOW_SWITCH);
	cr_expect_eq(kind_of_source(ASM_COMMAND " -s", last), SPFLOW_SWITCH);
}

Test(stackswitch, neighbours_are_not_taken_for_one_function)
{
	/* A longjmp() right before its setjmp(), which a third function jumps back to. */
	static const char source[] =
	    "j: mov (%rdi), %rbx; mov 8(%rdi), %rbp; mov 16(%rdi), %rsp; jmp *24(%rdi)\n"
	    "s: mov %rbx, (%rdi); mov %rbp, 8(%rdi); lea 8(%rsp), %rdx; mov %rdx, 16(%rdi)\n"
	    "mov (%rsp), %rdx; mov %rdx, 24(%rdi); xor %eax, %eax; ret\n"
	    "t: test %esi, %esi; je s; mov %rdi, %rbx; jmp s\n";

	cr_expect_eq(kind_of_source(ASM_COMMAND " -s", source), SPFLOW_JUMP);
}

Test(stackswitch, bytes_within_instructions_and_tables_do_not_count)
{
	/* mov $imm, %rax that holds "mov %rsi, %rsp" and "mov %rsp, (%rdi)"; then a table. */
	static const char within[] =
	    BEFORE "f: movabs $0x0000f48948278948, %rax; movabs $0xf489489090278948, %rcx\n"
		   "add %rcx, %rax; ret\n" BEHIND;
	static const char table[] = BEFORE
	    ".byte 0xd7, 0x6e, 0x48, 0x89, 0x27, 0xe4, 0x10, 0x48, 0x89, 0xf4, 0xed, 0xa6, 0x9e\n"
	    ".byte 0x6f, 0x48, 0x89, 0x27, 0xf5, 0xcf, 0xd7, 0x48, 0x89, 0xf4, 0x27, 0xe6, "
	    "0xc3\n" BEHIND;

	cr_expect_eq(kind_of_source(ASM_COMMAND, within), SPFLOW_OWN);
	cr_expect_eq(kind_of_source(ASM_COMMAND " -s", within), SPFLOW_OWN);
	cr_expect_eq(kind_of_source(ASM_COMMAND " -s", table), SPFLOW_OWN);
}

Test(stackswitch, the_gravest_is_told_with_its_place)
{
	static const char source[] =
	    FUNCTION "mov (%rdi), %rbx; mov 16(%rdi), %rsp; jmp *24(%rdi)" END
		     ".globl g\n.type g, @function\ng: .cfi_startproc\n"
		     "mov %rsp, (%rdi); mov %rsi, %rsp; ret\n.cfi_endproc\n.size g, . - g\n";
	struct stackswitch found = {};
	struct compiled c;

	compiled_open(&c, ASM_COMMAND, source);
	cr_assert_eq(stackswitch_find(c.fd, c.symbols, &found), 0);
	cr_expect_eq(found.kind, SPFLOW_SWITCH);
	cr_expect_eq(found.addr, compiled_addr(&c, "g") + 3);
	compiled_done(&c);
}

/* Behind 128 KiB of other code, wherever the parts fall that the file is read in. */
Test(stackswitch, no_place_is_overlooked)
{
	for (int at = 0x20000 - 24; at < 0x20000 + 4; at++) {
		struct buf source = {};

		buf_printf(&source,
			   ".fill %d, 1, 0x90\nf: mov %%rsp, (%%rdi); mov %%rsi, %%rsp; ret\n", at);
		cr_expect_eq(kind_of_source(ASM_COMMAND " -s", source.data), SPFLOW_SWITCH, "%d",
			     at);
		buf_done(&source);
	}
}

static void cut_sections(uint8_t *bytes, size_t n, void *arg)
{
	Elf64_Ehdr *e = (Elf64_Ehdr *)(void *)bytes;

	(void)arg;
	cr_assert(n > sizeof(*e));
	e->e_shnum = 0;
	e->e_shoff = 0;
	e->e_shstrndx = 0;
}

Test(stackswitch, sections_are_not_needed)
{
	struct stackswitch found = {};
	struct symbols *symbols = NULL;
	struct compiled c;
	int fd;

	compiled_open(&c, ASM_COMMAND, BEFORE "f:" SWITCH BEHIND);
	fd = compiled_copy(&c, cut_sections, NULL);
	cr_assert_eq(symbols_open(fd, NULL, "", &symbols), 0);
	cr_assert_eq(stackswitch_find(fd, symbols, &found), 0);
	cr_expect_eq(found.kind, SPFLOW_SWITCH);
	symbols_free(symbols);
	close(fd);
	compiled_done(&c);
}

Test(stackswitch, a_file_that_has_shrunk_is_an_error)
{
	struct stackswitch found = { .addr = 1 };
	struct compiled c;
	int fd;

	compiled_open(&c, ASM_COMMAND, BEFORE "f:" SWITCH);
	fd = memfd_create("empty", MFD_CLOEXEC);
	cr_assert(fd >= 0);
	cr_expect_lt(stackswitch_find(fd, c.symbols, &found), 0);
	cr_expect_eq(found.addr, 1);
	close(fd);
	compiled_done(&c);
}

/* Nothing but suspicious places: the search gives up before anybody notices. */
Test(stackswitch, hostile_files_do_not_take_forever, .timeout = 20)
{
	static const char source[] = ".fill 5000000, 3, 0xc48948\n";
	static const char cut[] = ".rept 300000\n.byte 0x48, 0x89, 0xc4, 0xc3\n.endr\n";

	kind_of_source(ASM_COMMAND " -s", source);
	kind_of_source(ASM_COMMAND " -s", cut);
}

Test(stackswitch, the_c_library_has_one)
{
	struct symbols *symbols = elf_image_open_file("/lib/x86_64-linux-gnu/libc.so.6");
	struct stackswitch found = {};
	_cleanup_fclose_ FILE *f = fopen("/lib/x86_64-linux-gnu/libc.so.6", "re");

	cr_assert_not_null(f);
	cr_assert_eq(stackswitch_find(fileno(f), symbols, &found), 0);
	cr_expect_eq(found.kind, SPFLOW_SWITCH);
	symbols_free(symbols);
}

Test(stackswitch, hazards_follow)
{
	const struct stackswitch switches = { SPFLOW_SWITCH, 0x1206 }, calls = { SPFLOW_CALL, 1 };
	const struct stackswitch nothing = {}, jumps = { SPFLOW_JUMP, 2 };
	struct elf_traits c = { .machine = EM_X86_64, .is_64 = true }, go = c;
	struct hazard h = {};

	go.is_go = true;
	cr_expect(hazard_asks_for_code(&h, &c, "/opt/app"));
	cr_expect_not(hazard_asks_for_code(&h, &go, "/opt/app"));
	cr_expect_not(hazard_asks_for_code(&h, &c, "/usr/lib/x86_64-linux-gnu/libc.so.6"));
	cr_expect_not(hazard_asks_for_code(&h, &c, "/lib64/ld-linux-x86-64.so.2"));
	hazard_add_code(&h, &nothing, "/opt/app");
	cr_expect_eq(h.kind, HAZARD_NONE);
	hazard_add_code(&h, &jumps, "/opt/app");
	cr_expect_eq(h.kind, HAZARD_UNWIND);
	cr_expect_str_eq(h.text, "app jumps between frames by code of its own (at 0x2)");
	hazard_add_code(&h, &calls, "/opt/other");
	cr_expect(strstr(h.text, "app jumps"));
	hazard_add_code(&h, &switches, "/usr/lib/libmariadb.so.3");
	cr_expect_eq(h.kind, HAZARD_UNWIND);
	hazard_add_code(&h, &switches, "/opt/app");
	cr_expect_eq(h.kind, HAZARD_STACKS);
	cr_expect_str_eq(h.text, "app switches stacks by code of its own (at 0x1206)");
	cr_expect_not(hazard_asks_for_code(&h, &c, "/opt/app"));
}
