/* SPDX-License-Identifier: GPL-2.0-only */
/* Exceptions: who fails of one, who catches it, and what it is called. */
#include <criterion/criterion.h>
#include <string.h>

#include "bpf_calls.h"

#define CLASS_CXX       0x474e5543432b2b00ULL
#define CLASS_DEPENDENT 0x474e5543432b2b01ULL
#define CLASS_MOZ_RUST  0x54535552005a4f4dULL
#define CLASS_RUST_MOZ  0x4d4f5a0052555354ULL
#define CLASS_GNAT      0x474e552d41646100ULL

/* Where these tests put things in the user's memory. */
#define THROWN   0x30000 /* struct _Unwind_Exception of the first */
#define THROWN_2 0x31000
#define TYPE     0x40000
#define BASE     0x41000
#define NAME     0x50000
#define WHAT     0x58000
#define CONTEXT  0x60000
#define RET      0x401000

static void write_text(__u64 addr, const char *text)
{
	shim_user_write(addr, text, strlen(text) + 1);
}

/* A C++ type: its name, and its only base or 0. */
static void write_type(__u64 at, const char *name, __u64 base)
{
	__u64 text = NAME + (at & 0xffff) + (at >> 16 << 4);

	shim_user_word(at + 8, text);
	shim_user_word(at + 16, base);
	write_text(text, name);
}

static void write_exception(__u64 header, __u64 class, __u64 type)
{
	shim_user_word(header, class);
	shim_user_word(header - 80, type);
}

static void raise_at(__u64 now_ns, __u64 header, __u64 sp)
{
	struct pt_regs regs = { .sp = sp, .di = header };

	shim.now_ns = now_ns;
	cr_assert_eq(pb_raise(&regs), 0);
}

static void throw_cxx(__u64 now_ns, __u64 sp, const char *type)
{
	write_type(TYPE, type, 0);
	write_exception(THROWN, CLASS_CXX, TYPE);
	raise_at(now_ns, THROWN, sp);
}

/* __cxa_begin_catch(), called from a frame whose callees begin at sp. */
static void catch_at(__u64 now_ns, __u64 sp)
{
	struct pt_regs regs = { .sp = sp };

	shim.now_ns = now_ns;
	cr_assert_eq(pb_catch(&regs), 0);
}

/* Control goes to the function whose callee's frame ends at cfa. */
static void land_at(__u64 now_ns, __u64 sp, __u64 cfa)
{
	struct pt_regs regs = { .sp = sp, .di = CONTEXT };

	shim_user_word(CONTEXT + 18 * 8, cfa);
	shim.now_ns = now_ns;
	cr_assert_eq(pb_land(&regs), 0);
}

static __u32 id_of(const char *type, __u32 kind, const char **what)
{
	for (struct shim_entry *e = shim_find(&error_names)->entries; e; e = e->next) {
		const struct pb_error_name *n = e->key;
		const struct pb_error_text *t = e->value;

		if (n->kind != kind || strcmp(n->type, type))
			continue;
		if (what)
			*what = t->what;
		return t->id;
	}
	cr_assert_fail("'%s' has no id", type);
	return 0;
}

/* A calls B calls C, each by its ends. */
static struct thread *begin_abc(struct task_struct *task)
{
	struct thread *t = begin(task);

	enter_sites(100, A, SP_A, RET);
	enter_sites(110, B, SP_B, RET + 1);
	enter_sites(120, C, SP_C, RET + 2);
	return t;
}

Test(bpf_raise, every_call_that_is_left_has_failed_of_the_exception)
{
	struct task_struct task = {};
	struct thread *t = begin_abc(&task);
	__u32 id;

	throw_cxx(150, SP_C - 0x80, "9MyFailure");
	catch_at(160, SP_B + 0x40); /* A catches: B and C lie below */
	id = id_of("9MyFailure", PB_ERROR_EXCEPTION, NULL);
	cr_assert_eq(t->spans.depth, 1);
	cr_assert_eq(stats_to(A, B, C)->errors, 1);
	cr_assert_eq(stats_to(A, B, C)->unwound, 1);
	cr_assert_eq(stats_to(A, B, C)->total_ns, 40, "its time is known");
	cr_assert_eq(stats_to(A, B)->errors, 1);
	cr_assert_eq(self_of(stats_to(A, B)), 10);
	cr_assert_eq(errors_of(path_to(A, B, C), PB_ERROR_EXCEPTION, id), 1);
	cr_assert_eq(errors_of(path_to(A, B), PB_ERROR_EXCEPTION, id), 1);
	leave_site(200, A, SP_A, 0);
	cr_assert_eq(stats_to(A)->errors, 0, "it has caught");
	cr_assert_eq(self_of(stats_to(A)), 50);
	cr_assert_eq(t->spans.raising, 0);
	cr_assert_eq(counted(PB_MISSED_RETURNS) + counted(PB_LOST_PATHS), 0);
}

Test(bpf_raise, a_function_that_catches_for_itself_has_not_failed)
{
	struct task_struct task = {};
	struct thread *t = begin_abc(&task);

	throw_cxx(150, SP_C - 0x80, "9MyFailure");
	catch_at(160, SP_C - 0x40); /* in C's own frame */
	cr_assert_eq(t->spans.depth, 3);
	cr_assert_eq(t->spans.raising, 0);
	leave_site(170, C, SP_C, 0);
	leave_site(180, B, SP_B, 0);
	leave_site(190, A, SP_A, 0);
	cr_assert_eq(stats_to(A, B, C)->errors + stats_to(A, B)->errors + stats_to(A)->errors, 0);
	cr_assert_eq(error_kinds(), 0);
}

Test(bpf_raise, a_return_tells_of_a_catch_that_was_not_seen)
{
	struct task_struct task = {};
	struct thread *t = begin_abc(&task);

	throw_cxx(150, SP_C - 0x80, "9MyFailure");
	leave_site(200, B, SP_B, 0); /* catches in a language of its own */
	cr_assert_eq(stats_to(A, B, C)->errors, 1);
	cr_assert_eq(stats_to(A, B)->errors, 0);
	cr_assert_eq(t->spans.raising, 0);
	leave_site(210, A, SP_A, 0);
	cr_assert_eq(stats_to(A)->errors, 0);
}

Test(bpf_raise, landing_ends_what_lies_below_at_that_moment)
{
	struct task_struct task = {};
	struct thread *t = begin_abc(&task);

	throw_cxx(150, SP_C - 0x80, "9MyFailure");
	land_at(155, SP_C - 0x100, SP_C + 8); /* B's cleanup: C's frame ended there */
	cr_assert_eq(t->spans.depth, 2);
	cr_assert_eq(stats_to(A, B, C)->total_ns, 35);
	cr_assert_eq(stats_to(A, B, C)->errors, 1);
	land_at(170, SP_C - 0x100, SP_B + 8); /* A's */
	cr_assert_eq(t->spans.depth, 1);
	cr_assert_eq(stats_to(A, B)->total_ns, 60);
	cr_assert_eq(t->spans.raising, 1, "nobody has caught it yet");
	catch_at(180, SP_B);
	cr_assert_eq(t->spans.raising, 0);
	cr_assert_eq(t->spans.depth, 1);
}

/* A function that pushes nothing: its callee's frame ends where its own begins. */
Test(bpf_raise, landing_leaves_the_function_that_is_landed_in)
{
	struct task_struct task = {};
	struct thread *t = begin_abc(&task);

	throw_cxx(150, SP_C - 0x80, "9MyFailure");
	land_at(155, SP_C - 0x100, SP_B);
	cr_assert_eq(t->spans.depth, 2);
	cr_assert_eq(stats_to(A, B, C)->errors, 1);
}

Test(bpf_raise, another_unwinders_context_is_not_believed)
{
	static const __u64 cfas[] = { 0, SP_C - 0x100, SP_C + 9, 0xffffffffffffff00 };
	struct task_struct task = {};
	struct thread *t = begin_abc(&task);
	struct pt_regs nowhere = { .sp = SP_C - 0x100, .di = 0x10 };

	throw_cxx(150, SP_C - 0x80, "9MyFailure");
	for (size_t i = 0; i < sizeof(cfas) / sizeof(*cfas); i++)
		land_at(155, SP_C - 0x100, cfas[i]);
	pb_land(&nowhere);
	cr_assert_eq(t->spans.depth, 3);
	cr_assert_eq(t->spans.raising, 1);
}

Test(bpf_raise, without_an_exception_landing_and_catching_mean_nothing)
{
	struct task_struct task = {};
	struct thread *t = begin_abc(&task);

	land_at(155, SP_C - 0x100, SP_B + 8);
	catch_at(160, SP_A);
	cr_assert_eq(t->spans.depth, 3);
	cr_assert_eq(t->spans.raising, 0);
}

/* On the way from C to A, B's cleanup calls D, which throws and catches something of its own. */
Test(bpf_raise, cleanup_code_may_throw_and_catch)
{
	struct task_struct task = {};
	struct thread *t = begin_abc(&task);
	__u32 outer, inner;

	throw_cxx(150, SP_C - 0x80, "5Outer");
	land_at(155, SP_C - 0x100, SP_C + 8);
	enter_sites(160, D, SP_C, RET + 3);
	enter_sites(165, E, SP_C - 0x100, RET + 4);
	write_type(BASE, "5Inner", 0);
	write_exception(THROWN_2, CLASS_CXX, BASE);
	raise_at(170, THROWN_2, SP_C - 0x180);
	cr_assert_eq(t->spans.raising, 2);
	catch_at(175, SP_C - 0x80); /* in D */
	leave_site(180, D, SP_C, 0);
	cr_assert_eq(t->spans.raising, 1, "the outer one goes on");
	outer = id_of("5Outer", PB_ERROR_EXCEPTION, NULL);
	inner = id_of("5Inner", PB_ERROR_EXCEPTION, NULL);
	cr_assert_neq(outer, inner);
	cr_assert_eq(errors_of(path_to(A, B, D, E), PB_ERROR_EXCEPTION, inner), 1);
	cr_assert_eq(stats_to(A, B, D)->errors, 0);
	catch_at(190, SP_B + 0x40); /* in A */
	cr_assert_eq(errors_of(path_to(A, B), PB_ERROR_EXCEPTION, outer), 1);
	cr_assert_eq(errors_of(path_to(A, B, C), PB_ERROR_EXCEPTION, outer), 1);
	leave_site(200, A, SP_A, 0);
	cr_assert_eq(error_kinds(), 3);
	cr_assert_eq(stats_to(A)->errors, 0);
	cr_assert_eq(t->spans.raising + t->spans.depth, 0);
}

Test(bpf_raise, a_cleanup_called_where_a_frame_was_left_is_no_tail_call)
{
	struct task_struct task = {};
	struct thread *t = begin_abc(&task);

	throw_cxx(150, SP_C - 0x80, "9MyFailure");
	enter_sites(160, D, SP_C, RET + 2); /* B calls a destructor from the depth it called C */
	cr_assert_eq(t->spans.depth, 3);
	leave_site(165, D, SP_C, 0);
	cr_assert_eq(stats_to(A, B, C)->errors, 1);
	cr_assert_eq(stats_to(A, B, D)->total_ns, 5);
	cr_assert_eq(t->spans.raising, 1, "a cleanup's return catches nothing");
}

Test(bpf_raise, more_exceptions_than_are_kept_at_once_do_no_harm)
{
	struct task_struct task = {};
	struct thread *t = begin_abc(&task);

	for (int i = 0; i < 3 * RAISES_MAX; i++)
		throw_cxx(150, SP_C - 0x80, "9MyFailure");
	cr_assert_eq(t->spans.raising, RAISES_MAX);
	leave_site(200, C, SP_C, 0);
	cr_assert_eq(t->spans.raising, 0);
	leave_site(210, B, SP_B, 0);
	leave_site(220, A, SP_A, 0);
	cr_assert_eq(error_kinds(), 0);
}

Test(bpf_raise, a_name_is_entered_once)
{
	struct task_struct task = {};

	for (int round = 0; round < 3; round++) {
		if (!round)
			begin(&task);
		enter_sites(100, A, SP_A, RET);
		enter_sites(110, B, SP_B, RET);
		throw_cxx(120, SP_B - 0x80, round == 1 ? "3Two" : "3One and a half");
		catch_at(130, SP_B + 0x40);
		leave_site(140, A, SP_A, 0);
	}
	cr_assert_eq(shim_find(&error_names)->n, 2);
	cr_assert_eq(errors_of(path_to(A, B), PB_ERROR_EXCEPTION,
			       id_of("3One and a half", PB_ERROR_EXCEPTION, NULL)),
		     2);
	cr_assert_eq(
	    errors_of(path_to(A, B), PB_ERROR_EXCEPTION, id_of("3Two", PB_ERROR_EXCEPTION, NULL)),
	    1);
}

/* A shorter name behind a longer one: what the longer one has left must not count. */
Test(bpf_raise, names_are_told_apart_up_to_their_end_only)
{
	struct task_struct task = {};

	begin_abc(&task);
	throw_cxx(150, SP_C - 0x80, "1X");
	throw_cxx(151, SP_C - 0x80, "30AVeryLongNameOfAnExceptionIndeed");
	throw_cxx(152, SP_C - 0x80, "1X");
	cr_assert_eq(shim_find(&error_names)->n, 2);
}

Test(bpf_raise, a_full_table_of_names_leaves_the_failure)
{
	struct task_struct task = {};

	begin_abc(&task);
	shim_find(&error_names)->max = 0;
	throw_cxx(150, SP_C - 0x80, "9MyFailure");
	catch_at(160, SP_C + 0x40);
	cr_assert_eq(stats_to(A, B, C)->errors, 1);
	cr_assert_eq(errors_of(path_to(A, B, C), PB_ERROR_EXCEPTION, 0), 1);
	cr_assert_eq(counted(PB_LOST_PATHS), 1);
}

Test(bpf_raise, a_standard_exception_says_what_it_is)
{
	static const char *const bases[] = { "St13runtime_error", "St11logic_error" };

	for (int derived = 0; derived < 2; derived++) {
		for (int i = 0; i < 2; i++) {
			struct task_struct task = {};
			const char *what = "";

			shim_reset();
			begin_abc(&task);
			write_type(BASE, bases[i], 0);
			write_type(TYPE, "7Special", BASE);
			write_exception(THROWN, CLASS_CXX, derived ? TYPE : BASE);
			shim_user_word(THROWN + 32 + 8, WHAT);
			write_text(WHAT, "the disk is full");
			raise_at(150, THROWN, SP_C - 0x80);
			id_of(derived ? "7Special" : bases[i], PB_ERROR_EXCEPTION, &what);
			cr_assert_str_eq(what, "the disk is full");
		}
	}
}

Test(bpf_raise, others_are_not_asked)
{
	struct task_struct task = {};
	const char *what = "";

	begin_abc(&task);
	write_type(TYPE, "St14overflow_errors", 0);
	write_exception(THROWN, CLASS_CXX, TYPE);
	shim_user_word(THROWN + 32 + 8, WHAT);
	write_text(WHAT, "not a pointer to text");
	raise_at(150, THROWN, SP_C - 0x80);
	id_of("St14overflow_errors", PB_ERROR_EXCEPTION, &what);
	cr_assert_str_eq(what, "");
}

Test(bpf_raise, what_is_too_long_is_cut)
{
	struct task_struct task = {};
	char type[PB_NAME_LEN], text[200];
	const char *what = "";

	begin_abc(&task);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	write_type(BASE, "St13runtime_error", 0);
	write_type(TYPE, text, BASE);
	write_exception(THROWN, CLASS_CXX, TYPE);
	shim_user_word(THROWN + 32 + 8, WHAT);
	write_text(WHAT, text);
	raise_at(150, THROWN, SP_C - 0x80);
	memset(type, 'x', sizeof(type));
	type[sizeof(type) - 1] = '\0';
	id_of(type, PB_ERROR_EXCEPTION, &what);
	cr_assert_eq(strlen(what), PB_WHAT_LEN - 1);
}

Test(bpf_raise, a_ring_of_bases_ends)
{
	struct task_struct task = {};

	begin_abc(&task);
	write_type(TYPE, "4Ring", TYPE);
	write_exception(THROWN, CLASS_CXX, TYPE);
	raise_at(150, THROWN, SP_C - 0x80);
	cr_assert_eq(shim_find(&error_names)->n, 1);
}

/* std::rethrow_exception() throws a header that depends on the exception it was made of. */
Test(bpf_raise, a_dependent_exception_has_the_name_of_what_it_depends_on)
{
	struct task_struct task = {};
	const char *what = "";

	begin_abc(&task);
	write_type(TYPE, "St13runtime_error", 0);
	write_exception(THROWN, CLASS_CXX, TYPE);
	shim_user_word(THROWN + 32 + 8, WHAT);
	write_text(WHAT, "from another thread");
	write_exception(THROWN_2, CLASS_DEPENDENT, THROWN + 32);
	raise_at(150, THROWN_2, SP_C - 0x80);
	id_of("St13runtime_error", PB_ERROR_EXCEPTION, &what);
	cr_assert_str_eq(what, "from another thread");
}

Test(bpf_raise, panics_and_foreign_exceptions_have_kinds_of_their_own)
{
	static const struct {
		__u64 class;
		__u32 kind;
	} cases[] = {
		{ CLASS_MOZ_RUST, PB_ERROR_PANIC },
		{ CLASS_RUST_MOZ, PB_ERROR_PANIC },
		{ CLASS_GNAT, PB_ERROR_FOREIGN },
		{ 0, PB_ERROR_FOREIGN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct task_struct task = {};

		shim_reset();
		begin_abc(&task);
		write_exception(THROWN, cases[i].class, 0);
		raise_at(150, THROWN, SP_C - 0x80);
		leave_site(160, B, SP_B, 0);
		cr_assert_eq(errors_of(path_to(A, B, C), cases[i].kind, 0), 1, "case %zu", i);
		cr_assert_eq(error_kinds(), 1);
		cr_assert_eq(shim_find(&error_names)->n, 0);
	}
}

Test(bpf_raise, memory_that_cannot_be_read_is_an_exception_all_the_same)
{
	static const __u64 headers[] = { 0, 0x10, SHIM_USER_END, -8ULL, THROWN };

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		struct task_struct task = {};

		shim_reset();
		begin_abc(&task);
		write_exception(THROWN, CLASS_CXX, 0xdead000000000000);
		raise_at(150, headers[i], SP_C - 0x80);
		leave_site(160, B, SP_B, 0);
		cr_assert_eq(stats_to(A, B, C)->errors, 1, "case %zu", i);
	}
}

Test(bpf_raise, while_the_trace_closes_nothing_changes)
{
	struct task_struct task = {};
	struct thread *t = begin_abc(&task);
	struct pt_regs python = { .di = TYPE, .si = TYPE };

	throw_cxx(150, SP_C - 0x80, "9MyFailure");
	closing = 1;
	throw_cxx(151, SP_C - 0x80, "5Other");
	land_at(155, SP_C - 0x100, SP_B + 8);
	catch_at(160, SP_A);
	pb_python_raise(&python);
	pb_python_raise_in(&python);
	cr_assert_eq(t->spans.depth, 3);
	cr_assert_eq(t->spans.raising, 1);
	cr_assert_eq(shim_find(&error_names)->n, 1);
}

Test(bpf_raise, outside_every_span_nothing_is_noted)
{
	struct task_struct task = {};
	struct thread *t = begin(&task);

	throw_cxx(150, SP_C - 0x80, "9MyFailure");
	cr_assert_eq(t->spans.raising, 0);
	cr_assert_eq(shim_find(&error_names)->n, 0);
}

Test(bpf_raise, a_python_exception_is_noted_on_its_path_and_fails_nobody)
{
	struct task_struct task = {};
	struct pt_regs regs = { .di = TYPE, .si = 0x10 }, inner = { .di = 0x10, .si = TYPE };

	begin_abc(&task);
	shim_user_word(TYPE + 24, NAME);
	write_text(NAME, "ValueError");
	cr_assert_eq(pb_python_raise(&regs), 0);
	cr_assert_eq(pb_python_raise_in(&inner), 0);
	leave_site(160, C, SP_C, 0);
	leave_site(170, B, SP_B, 0);
	leave_site(180, A, SP_A, 0);
	cr_assert_eq(errors_of(path_to(A, B, C), PB_ERROR_PYTHON,
			       id_of("ValueError", PB_ERROR_PYTHON, NULL)),
		     2);
	cr_assert_eq(error_kinds(), 1);
	cr_assert_eq(stats_to(A, B, C)->errors, 0);
	cr_assert_eq(stats_to(A, B, C)->unwound, 0);
}
