/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules for Go's functions, in programs that Go's own linker has described another way, too. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "go_program.h"
#include "lib/cleanup.h"
#include "sym/gofunc.h"
#include "sym/unwindtable.h"

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

/* A program, its table of rules and what names its functions. */
struct program {
	struct buf bytes;
	int fd;
	struct elf_file *file;
	struct gopclntab functions;
	struct unwindtable *rules;
};

static void open_bytes(struct program *p)
{
	p->fd = memfd_create("program", MFD_CLOEXEC);
	cr_assert_eq(write(p->fd, p->bytes.data, p->bytes.len), (ssize_t)p->bytes.len);
	cr_assert_eq(elf_file_open(p->fd, &p->file), 0);
	cr_assert_eq(gopclntab_read(p->file, &p->functions), 0);
	cr_assert_not_null(p->functions.data);
	cr_assert_eq(unwindtable_read(p->fd, &p->rules), 0);
}

/* With C in it if asked for. */
static void build(struct program *p, const char *flags, bool cgo)
{
	static const char with_c[] = "package main\n"
				     "import \"C\"\n"
				     "//export answer\n"
				     "func answer() C.int { return 42 }\n"
				     "func main() { println(answer()) }\n";

	*p = (struct program){};
	if (!go_program_is_possible())
		cr_skip_test("Go is not installed");
	if (cgo)
		go_program_build_text(with_c, flags, true, &p->bytes);
	else
		go_program_build(flags, false, &p->bytes);
	open_bytes(p);
}

static void program_done(struct program *p)
{
	unwindtable_free(p->rules);
	gopclntab_done(&p->functions);
	elf_file_free(p->file);
	close(p->fd);
	buf_done(&p->bytes);
}

static const char *name_at(const struct program *p, uint64_t addr)
{
	uint64_t i = gofunc_find(&p->functions, addr);
	struct go_record r;

	return i < p->functions.n && gofunc_record(&p->functions, i, &r)
		   ? gofunc_name(&p->functions, r.name)
		   : NULL;
}

static struct go_record record_of(const struct program *p, const char *name)
{
	struct go_record r;

	for (uint64_t i = 0; i < p->functions.n; i++) {
		const char *found =
		    gofunc_record(&p->functions, i, &r) ? gofunc_name(&p->functions, r.name) : NULL;

		if (found && !strcmp(found, name) && r.flags & GO_FLAG_ASSEMBLY)
			return r;
	}
	cr_assert_fail("%s is not there", name);
	return r;
}

static const struct cfi_rule *rule_at(const struct program *p, uint64_t addr)
{
	return &p->rules->rules[unwindtable_rule(p->rules, addr)];
}

/* How many bytes of a function have a rule of that kind. */
static size_t count(const struct program *p, const char *name, enum cfi_base base)
{
	struct go_record r = record_of(p, name);
	size_t n = 0;

	for (uint64_t at = r.addr; at < r.addr + r.size; at++)
		n += rule_at(p, at)->base == base;
	return n;
}

/* Functions for which Go's linker says less, or what does not hold in all of their code. */
static bool is_special(const char *name)
{
	static const char *const names[] = {
		"_rt0_amd64",
		"_rt0_amd64_linux",
		"runtime.rt0_go",
		"runtime.mstart",
		"runtime.mcall",
		"runtime.systemstack",
		"runtime.morestack",
		"runtime.asmcgocall",
		"runtime.cgocallback",
		"runtime.goexit",
		"runtime.sigpanic",
		"runtime.sigpanic0",
		"runtime.asyncPreempt",
		"runtime.nanotime1",
		"runtime.sigreturn",
		"runtime.vgetrandom1",
		"runtime.callCgoMmap",
		"runtime.sigreturn__sigaction",
		"time.now",
		"runtime.callCgoMunmap",
		"runtime.callCgoSigaction",
		"runtime.clone",
		"runtime.gogo",
		"runtime.asmcgocall_no_g",
		"runtime.sigfwd",
		"gogo",
		"syscall.rawVforkSyscall",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (name && !strcmp(name, names[i]))
			return true;
	return false;
}

struct comparison {
	const struct program *program;
	size_t same;
};

static bool take_function(const struct cfi_function *f, void *arg)
{
	const struct comparison *c = arg;

	return !is_special(name_at(c->program, f->start));
}

static int compare_state(uint64_t addr, const struct cfi_state *state, void *arg)
{
	struct comparison *c = arg;
	const struct cfi_rule *got = rule_at(c->program, addr), *want = &state->rule;

	cr_assert(got->base == want->base && got->reg == want->reg && got->offset == want->offset,
		  "%s at %lx: %d %d %+d, the linker says %d %d %+d", name_at(c->program, addr),
		  addr, got->base, got->reg, got->offset, want->base, want->reg, want->offset);
	c->same++;
	return 0;
}

Test(gostack, agrees_with_what_the_linker_wrote_for_debuggers)
{
	struct program p;
	struct comparison c = { .program = &p };
	struct cfi_visitor visitor = { take_function, compare_state, &c };
	struct cfi_section section = { .debug = true };
	const struct elf_section *s;
	Elf_Data *data;

	build(&p, "", false);
	s = elf_section_named(p.file, ".debug_frame");
	cr_assert_not_null(s);
	if (s->header.sh_flags & SHF_COMPRESSED)
		cr_assert_geq(elf_compress(s->scn, 0, 0), 0);
	data = elf_getdata(s->scn, NULL);
	section.data = data->d_buf;
	section.size = data->d_size;
	cr_assert_eq(cfi_walk(&section, &visitor), 0);
	cr_expect_gt(c.same, 3000);
	program_done(&p);
}

Test(gostack, needs_no_symbols)
{
	struct program plain, stripped;
	size_t compared = 0;

	build(&plain, "", false);
	build(&stripped, "-ldflags='-s -w'", false);
	vec_foreach (seg, &plain.file->segments) {
		for (uint64_t at = 0; seg->exec && at < seg->size; at += 7, compared++)
			cr_assert_eq(memcmp(rule_at(&plain, seg->addr + at),
					    rule_at(&stripped, seg->addr + at),
					    sizeof(struct cfi_rule)),
				     0, "at %lx", seg->addr + at);
	}
	cr_expect_gt(compared, 10000);
	program_done(&plain);
	program_done(&stripped);
}

struct way {
	char flags[32];
	bool cgo, by_got;
};

ParameterizedTestParameters(gostack, knows_the_runtimes_switches)
{
	static struct way ways[] = {
		{ "", false, false },
		{ "-buildmode=pie", false, false },
		{ "", true, false },
		{ "-buildmode=pie", true, false },
		{ "-buildmode=c-shared", true, true },
	};

	return cr_make_param_array(struct way, ways, sizeof(ways) / sizeof(*ways));
}

ParameterizedTest(struct way *way, gostack, knows_the_runtimes_switches)
{
	const struct cfi_rule *rule;
	struct go_record r;
	struct program p;

	build(&p, way->flags, way->cgo);
	r = record_of(&p, "runtime.systemstack");
	cr_expect_gt(count(&p, "runtime.systemstack", CFI_BASE_GO_SYSTEM), 8);
	cr_expect_gt(count(&p, "runtime.systemstack", CFI_BASE_REG), 8);
	for (rule = rule_at(&p, r.addr); rule->base != CFI_BASE_GO_SYSTEM;)
		rule = rule_at(&p, ++r.addr);
	cr_expect_eq(rule->reg, way->by_got);
	cr_expect(rule->offset == -8 || way->by_got, "g is at fs%+d", rule->offset);
	/* m.curg is where Go 1.18 to 1.27 have it. */
	cr_expect(rule->rbx_words == 24 || rule->rbx_words == 23, "at %d", rule->rbx_words);
	cr_expect(rule->add == 8 || rule->add == 16);
	cr_expect_gt(count(&p, "runtime.morestack", CFI_BASE_GO_GROW), 8);
	cr_expect_gt(count(&p, "runtime.goexit", CFI_BASE_STOP), 2);
	cr_expect_gt(count(&p, "runtime.mcall", CFI_BASE_STOP), 4);
	cr_expect_gt(count(&p, "runtime.nanotime1", CFI_BASE_AWAY), 30);
	cr_expect_gt(count(&p, "runtime.asyncPreempt", CFI_BASE_CUT), 100);
	program_done(&p);
}

Test(gostack, knows_the_calls_of_c_and_those_that_c_makes)
{
	const struct cfi_rule *rule;
	struct go_record r;
	struct program p;

	build(&p, "", true);
	cr_expect_gt(count(&p, "runtime.cgocallback", CFI_BASE_GO_CALLBACK), 20);
	r = record_of(&p, "runtime.asmcgocall");
	for (rule = rule_at(&p, r.addr); rule->base != CFI_BASE_GO_C;)
		rule = rule_at(&p, ++r.addr);
	cr_expect(rule->rbx_words == 1 || rule->rbx_words == 6, "slot %d", rule->rbx_words);
	cr_expect_eq(count(&p, "runtime.asmcgocall", CFI_BASE_NONE), 0);
	program_done(&p);
}

Test(gostack, takes_the_frame_of_a_signal_for_that_also_before_its_first_instruction)
{
	struct program p;
	struct go_record r;

	build(&p, "", false);
	for (uint64_t i = 0; i < p.functions.n; i++) {
		const char *name = NULL;

		if (gofunc_record(&p.functions, i, &r))
			name = gofunc_name(&p.functions, r.name);
		if (name && !strncmp(name, "runtime.sigreturn", 17))
			break;
	}
	cr_expect_eq(rule_at(&p, r.addr)->base, CFI_BASE_SIGNAL);
	cr_expect_eq(rule_at(&p, r.addr - 1)->base, CFI_BASE_SIGNAL); /* returned to */
	cr_expect_neq(rule_at(&p, r.addr - 2)->base, CFI_BASE_SIGNAL);
	program_done(&p);
}

Test(gostack, cuts_stacks_where_systemstack_is_not_understood)
{
	struct program p;
	struct go_record r;
	uint64_t offset;

	build(&p, "", false);
	r = record_of(&p, "runtime.systemstack");
	offset = elf_offset_of(&p.file->segments, r.addr);
	for (size_t i = 0; i < r.size; i++)
		p.bytes.data[offset + i] = (char)0x90;
	unwindtable_free(p.rules);
	gopclntab_done(&p.functions);
	elf_file_free(p.file);
	close(p.fd);
	p.file = NULL;
	open_bytes(&p);
	cr_expect_eq(count(&p, "runtime.systemstack", CFI_BASE_GO_SYSTEM), 0);
	cr_expect_eq(count(&p, "runtime.morestack", CFI_BASE_GO_GROW), 0);
	cr_expect_gt(count(&p, "runtime.morestack", CFI_BASE_BAD), 8);
	program_done(&p);
}
