/* SPDX-License-Identifier: GPL-2.0-only */
/* Static probes: notes of objects, and the grammar of arguments. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compiled.h"
#include "lib/buf.h"
#include "sym/symbols.h"
#include "sym/usdt.h"

#define ASSEMBLE "gcc -shared -nostdlib -x assembler -"

/* What <sys/sdt.h> makes; `shift` plays a tool that moved the object behind the notes' back. */
#define NOTE_MACRO                                                                                 \
	".macro note site semaphore provider name args shift=0\n"                                  \
	" .pushsection .note.stapsdt,\"\",\"note\"\n"                                              \
	" .balign 4\n .4byte 1f-0f, 3f-2f, 3\n0: .asciz \"stapsdt\"\n1: .balign 4\n"               \
	"2: .8byte \\site - \\shift, _.stapsdt.base - \\shift, \\semaphore\n"                      \
	" .asciz \"\\provider\"\n .asciz \"\\name\"\n .asciz \"\\args\"\n3: .balign 4\n"           \
	" .popsection\n.endm\n"

#define BASE                                                                                       \
	".section .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n.weak _.stapsdt.base\n"  \
	".hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n"

static const char source[] =
    NOTE_MACRO ".section .probes,\"aw\"\n .8byte 1\ncounter: .2byte 0\n"
	       "nops: .8byte 0x9090909090909090\n"
	       ".text\n"
	       ".globl one, two, three, none\n"
	       ".type one,@function\n.type two,@function\n.type three,@function\n"
	       ".type none,@function\n"
	       " push %rbp\n"
	       "one: nop\n note one 0 shop order \"-4@%edi 8@-16(%rbp)\"\n ret\n"
	       "two: .byte 0x0f,0x1f,0x44,0,0\n note two counter shop pay \"4@$5\"\n ret\n"
	       "three: nop\n note three counter-0x1000 shop order \"\" 0x1000\n ret\n"
	       "none: push %rbp\n note none 0 shop nonop \"\"\n"
	       " note one+0x100000 0 shop outside \"\"\n"
	       " note nops 0 shop data \"\"\n"
	       " note one 0x10000000 shop lostcounter \"\"\n"
	       " note one two shop codecounter \"\"\n"
	       " note one 0 \"\" noprovider \"\"\n"
	       " note one 0 shop \"\" \"\"\n"
	       " pop %rbp\n ret\n" BASE;

static void expect_site(const struct compiled *c, const struct usdt_probe *p, const char *function,
			const char *name)
{
	uint64_t addr = compiled_addr(c, function);

	cr_expect_str_eq(p->provider, "shop");
	cr_expect_str_eq(p->name, name);
	cr_expect_eq(p->addr, addr, "%s", function);
	cr_expect_eq(p->offset, symbols_offset_of(c->symbols, addr), "%s", function);
}

Test(usdt, reads_the_sites_of_an_object_and_leaves_broken_ones_out)
{
	struct compiled c = {};
	struct usdt_probes probes;
	uint64_t word = 0;

	compiled_open(&c, ASSEMBLE, source);
	cr_assert_eq(usdt_read(c.fd, &probes), 0);
	cr_assert_eq(probes.sites.n, 3);
	expect_site(&c, &probes.sites.v[0], "one", "order");
	expect_site(&c, &probes.sites.v[1], "two", "pay");
	expect_site(&c, &probes.sites.v[2], "three", "order");
	cr_expect(!probes.sites.v[0].nop5 && probes.sites.v[1].nop5 && !probes.sites.v[2].nop5);
	cr_expect_eq(probes.sites.v[0].semaphore, 0);
	/* The counter stands behind a word that is 1. */
	cr_expect_eq(pread(c.fd, &word, 8, (off_t)probes.sites.v[1].semaphore - 8), 8);
	cr_expect_eq(word, 1);
	cr_expect_eq(probes.sites.v[2].semaphore, probes.sites.v[1].semaphore);
	cr_assert_eq(probes.sites.v[0].nargs, 2);
	cr_expect_eq(probes.sites.v[0].args[0].reg, USDT_RDI);
	cr_expect_eq(probes.sites.v[0].args[1].value, -16);
	cr_expect_eq(probes.sites.v[2].nargs, 0);
	usdt_done(&probes);
	compiled_done(&c);
}

Test(usdt, reads_libstdcxx)
{
	static const char *const names[] = { "catch", "throw", "rethrow" };
	int fd = open("/usr/lib/x86_64-linux-gnu/libstdc++.so.6", O_RDONLY | O_CLOEXEC);
	struct usdt_probes probes;

	if (fd < 0)
		cr_skip_test("no libstdc++");
	cr_assert_eq(usdt_read(fd, &probes), 0);
	cr_assert_eq(probes.sites.n, 3);
	for (size_t i = 0; i < probes.sites.n; i++) {
		cr_expect_str_eq(probes.sites.v[i].provider, "libstdcxx");
		cr_expect_str_eq(probes.sites.v[i].name, names[i]);
		cr_expect_eq(probes.sites.v[i].nargs, 2);
		cr_expect_eq(probes.sites.v[i].args[0].kind, USDT_REG);
	}
	usdt_done(&probes);
	close(fd);
}

Test(usdt, finds_nothing_in_an_object_without_notes)
{
	struct compiled c = {};
	struct usdt_probes probes;

	compiled_open(&c, ASSEMBLE, ".globl f\n.type f,@function\nf: nop\n ret\n");
	cr_assert_eq(usdt_read(c.fd, &probes), 0);
	cr_expect_eq(probes.sites.n, 0);
	usdt_done(&probes);
	compiled_done(&c);
}

static void make_aarch64(uint8_t *bytes, size_t n, void *arg)
{
	(void)arg;
	cr_assert_gt(n, 18);
	bytes[18] = EM_AARCH64;
}

Test(usdt, refuses_what_is_no_object_of_this_machine)
{
	struct usdt_probes probes;
	struct compiled c = {};
	int fd = memfd_create("text", MFD_CLOEXEC);

	cr_assert_eq(write(fd, "no ELF file", 11), 11);
	cr_expect_eq(usdt_read(fd, &probes), -ENOEXEC);
	close(fd);
	compiled_open(&c, ASSEMBLE, source);
	fd = compiled_copy(&c, make_aarch64, NULL);
	cr_expect_eq(usdt_read(fd, &probes), -ENOTSUP);
	close(fd);
	compiled_done(&c);
}

struct damage {
	size_t from_name; /* bytes before or behind the first "stapsdt" */
	uint8_t value;
};

static void damage(uint8_t *bytes, size_t n, void *arg)
{
	const struct damage *d = arg;
	uint8_t *owner = memmem(bytes, n, "stapsdt", 8);

	cr_assert_not_null(owner);
	cr_assert_lt((size_t)(owner - bytes) - 12 + d->from_name, n);
	owner[(ptrdiff_t)d->from_name - 12] = d->value;
}

Test(usdt, survives_damaged_notes)
{
	static const uint8_t values[] = { 0, 1, 4, 0x7f, 0xff };
	struct compiled c = {};

	compiled_open(&c, ASSEMBLE, source);
	for (size_t at = 0; at < 200; at++) {
		for (size_t i = 0; i < sizeof(values); i++) {
			struct damage d = { at, values[i] };
			int fd = compiled_copy(&c, damage, &d);
			struct usdt_probes probes;

			cr_assert_eq(usdt_read(fd, &probes), 0);
			cr_expect_leq(probes.sites.n, 10);
			for (size_t p = 0; p < probes.sites.n; p++)
				cr_expect(strlen(probes.sites.v[p].name) < 4096);
			usdt_done(&probes);
			close(fd);
		}
	}
	compiled_done(&c);
}

/* "kind size reg index scale value", as the cases write it. */
static void describe(const struct usdt_arg *a, struct buf *b)
{
	static const char *const kinds[] = { "other", "const", "reg", "mem" };

	buf_printf(b, "%s%s %d", b->len ? ", " : "", kinds[a->kind], a->size);
	if (a->kind == USDT_OTHER)
		cr_expect(a->reg == USDT_NONE && a->index == USDT_NONE && !a->value && !a->scale);
	if (a->reg != USDT_NONE)
		buf_printf(b, " r%d", a->reg);
	if (a->index != USDT_NONE)
		buf_printf(b, " i%d*%d", a->index, a->scale);
	if (a->kind == USDT_CONST || a->kind == USDT_MEM)
		buf_printf(b, " %lld", (long long)a->value);
}

struct arg_case {
	char text[96], expected[160];
};

ParameterizedTestParameters(usdt, understands_arguments)
{
	static struct arg_case cases[] = {
		{ "", "" },
		{ "  ", "" },
		{ "-4@%edi", "reg -4 r14" },
		{ "8@-16(%rbp)", "mem 8 r4 -16" },
		{ "4@$5", "const 4 5" },
		{ "-4@$-5", "const -4 -5" },
		{ "8@$0x10", "const 8 16" },
		{ "8@$18446744073709551615", "const 8 -1" },
		{ "8@$18446744073709551616", "other 8" },
		{ "8@$", "other 8" },
		{ "8@$symbol", "other 8" },
		{ "1@%al", "reg 1 r10" },
		{ "1@%ah", "other 1" },
		{ "-2@%r8w", "reg -2 r9" },
		{ "4@%r15d", "reg 4 r0" },
		{ "1@%sil 8@%rsp", "reg 1 r13, reg 8 r19" },
		{ "8@%r16", "other 8" },
		{ "8@%", "other 8" },
		{ "8@8(%rax,%rbx,4)", "mem 8 r10 i5*4 8" },
		{ "8@8(%rax, %rbx, 4) 4@%eax", "other 8, reg 4 r10" },
		{ "8@(%rax)", "mem 8 r10 0" },
		{ "8@(,%rbx,8)", "mem 8 i5*8 0" },
		{ "8@(%rax,%rbx)", "mem 8 r10 i5*1 0" },
		{ "8@(%rax,%rbx,3)", "other 8" },
		{ "8@(%rax,%rbx,16)", "other 8" },
		{ "8@(%rax,%rsp,1)", "other 8" },
		{ "8@(%eax)", "other 8" },
		{ "8@()", "other 8" },
		{ "8@(%rax", "other 8" },
		{ "8@(%rax)x", "other 8" },
		{ "8@-16+8(%rbp)", "mem 8 r4 -8" },
		{ "8@16+-24(%rbp)", "mem 8 r4 -8" },
		{ "8@2147483648(%rbp)", "other 8" },
		{ "8@-2147483648(%rbp)", "mem 8 r4 -2147483648" },
		{ "8@4096", "mem 8 4096" },
		{ "8@sym(%rip) -4@%eax", "other 8, reg -4 r10" },
		{ "-4@44+CheckpointStats(%rip)", "other -4" },
		{ "8@8(%rip)", "other 8" },
		{ "8@%fs:16", "other 8" },
		{ "8f@%xmm0", "other 8" },
		{ "16@%rax", "other 0" },
		{ "3@%rax", "other 0" },
		{ "%rax", "other 0" },
		{ "@%rax", "other 0" },
		{ "8@", "other 8" },
		{ "8", "other 8" },
		{ "-", "other 0" },
		{ "1@$1 1@$2 1@$3 1@$4 1@$5 1@$6 1@$7 1@$8 1@$9 1@$10 1@$11 1@$12 1@$13",
		  "const 1 1, const 1 2, const 1 3, const 1 4, const 1 5, const 1 6, const 1 7, "
		  "const 1 8, const 1 9, const 1 10, const 1 11, const 1 12" },
	};

	return cr_make_param_array(struct arg_case, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct arg_case *c, usdt, understands_arguments)
{
	struct usdt_arg args[USDT_ARGS_MAX];
	uint8_t n = usdt_args_parse(c->text, args);
	struct buf b = {};

	for (uint8_t i = 0; i < n; i++)
		describe(&args[i], &b);
	cr_expect_leq(n, USDT_ARGS_MAX);
	cr_expect_str_eq(buf_str(&b), c->expected, "'%s' is '%s', not '%s'", c->text, buf_str(&b),
			 c->expected);
	buf_done(&b);
}
