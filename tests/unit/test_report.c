/* SPDX-License-Identifier: GPL-2.0-only */
/* The model: interning, formatting of frames, stacks and paths, and cleaning of hostile text. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "data/report.h"
#include "sample_report.h"

static struct report *r;
static struct buf b;

static void setup(void)
{
	r = report_new();
	cr_assert_not_null(r);
}

static void teardown(void)
{
	buf_done(&b);
	report_free(r);
}

TestSuite(report, .init = setup, .fini = teardown);

Test(report, freeing_nothing_is_allowed)
{
	report_free(NULL);
}

Test(report, the_same_object_has_one_index)
{
	uint32_t a = report_add_object(r, "/usr/lib/libfoo.so.1", "ab");

	cr_assert_eq(report_add_object(r, "/usr/lib/libfoo.so.1", "ab"), a);
	cr_assert_neq(report_add_object(r, "/usr/lib/libfoo.so.1", "cd"), a);
	cr_assert_neq(report_add_object(r, "/usr/lib/libfoo.so.1", NULL), a);
	cr_assert_eq(r->objects.n, 3);
	cr_assert_str_eq(r->objects.v[a].name, "libfoo.so.1");
	cr_assert_str_eq(r->objects.v[a].build_id, "ab");
}

Test(report, an_object_without_a_last_component_is_named_in_full)
{
	uint32_t vdso = report_add_object(r, "[vdso]", NULL);
	uint32_t dir = report_add_object(r, "/dir/", NULL);
	uint32_t none = report_add_object(r, NULL, NULL);

	cr_assert_str_eq(r->objects.v[vdso].name, "[vdso]");
	cr_assert_str_eq(r->objects.v[dir].name, "/dir/");
	cr_assert_str_eq(r->objects.v[none].name, "");
}

Test(report, the_same_frame_has_one_index_and_any_difference_another)
{
	char name[] = "fn";
	struct frame f = { FRAME_USER, 0, 16, name, "a.c", 3, 0, 0 }, g = f;
	uint32_t a = report_add_frame(r, &f);

	cr_assert_neq(r->frames.v[a].name, name, "strings are copied");
	g.name = "fn";
	cr_assert_eq(report_add_frame(r, &g), a);
	g.kind = FRAME_INLINED;
	cr_assert_neq(report_add_frame(r, &g), a);
	g = f;
	g.offset++;
	cr_assert_neq(report_add_frame(r, &g), a);
	g = f;
	g.line++;
	cr_assert_neq(report_add_frame(r, &g), a);
	g = f;
	g.file = NULL;
	cr_assert_neq(report_add_frame(r, &g), a);
	g = f;
	g.object = REPORT_NONE;
	cr_assert_neq(report_add_frame(r, &g), a);
	cr_assert_eq(r->frames.n, 6);
}

Test(report, stacks_are_interned_and_know_whether_they_are_complete)
{
	uint32_t mark = report_add_frame(r, &(struct frame){ .kind = FRAME_TRUNCATED });
	uint32_t fn = report_add_frame(r, &(struct frame){ .name = "fn" });
	uint32_t whole = report_add_stack(r, (uint32_t[]){ fn, fn }, 2);
	uint32_t cut = report_add_stack(r, (uint32_t[]){ mark, fn }, 2);
	uint32_t none = report_add_stack(r, NULL, 0);

	cr_assert_eq(report_add_stack(r, (uint32_t[]){ fn, fn }, 2), whole);
	cr_assert_eq(report_add_stack(r, NULL, 0), none);
	cr_assert_eq(r->stacks.n, 3);
	cr_assert_not(r->stacks.v[whole].truncated);
	cr_assert(r->stacks.v[cut].truncated);
	cr_assert_not(r->stacks.v[none].truncated);
	cr_assert_eq(r->stacks.v[cut].n, 2);
	cr_assert_eq(r->stacks.v[cut].frames[1], fn);
}

Test(report, errors_are_counted_by_type)
{
	struct call_stats s = {};

	cr_assert_eq(error_counts_add(r, &s.error_types, "EAGAIN", 2), 0);
	cr_assert_eq(error_counts_add(r, &s.error_types, "EINTR", 1), 0);
	cr_assert_eq(error_counts_add(r, &s.error_types, "EAGAIN", 3), 0);
	cr_assert_eq(s.error_types.n, 2);
	cr_assert_str_eq(s.error_types.v[0].type, "EAGAIN");
	cr_assert_eq(s.error_types.v[0].count, 5);
	vec_done(&s.error_types);
}

Test(report, frames_are_written_as_the_folded_format_wants_them)
{
	uint32_t libc = report_add_object(r, "/lib/libc.so.6", NULL);
	uint32_t kernel = report_add_object(r, "[kernel]", NULL);
	const struct {
		struct frame frame;
		const char *text;
	} cases[] = {
		{ { FRAME_USER, libc, 1, "malloc", NULL, 0, 0, 0 }, "malloc" },
		{ { FRAME_USER, libc, 0x1f, NULL, NULL, 0, 0, 0 }, "[libc.so.6+0x1f]" },
		{ { FRAME_USER, libc, 0x1f, "", NULL, 0, 0, 0 }, "[libc.so.6+0x1f]" },
		{ { FRAME_USER, REPORT_NONE, 0x1f, NULL, NULL, 0, 0, 0 }, "[unknown]" },
		{ { FRAME_USER, 77, 0x1f, NULL, NULL, 0, 0, 0 }, "[unknown]" },
		{ { FRAME_KERNEL, kernel, 1, "vfs_read", NULL, 0, 0, 0 }, "vfs_read_[k]" },
		{ { FRAME_KERNEL, kernel, 0x40, NULL, NULL, 0, 0, 0 }, "[kernel+0x40]_[k]" },
		{ { FRAME_INLINED, libc, 1, "copy", NULL, 0, 0, 0 }, "copy_[i]" },
		{ { FRAME_INTERPRETED, REPORT_NONE, 0, "f", "x.py", 3, 0, 0 }, "f (x.py)_[p]" },
		{ { FRAME_INTERPRETED, REPORT_NONE, 0, "f", NULL, 0, 0, 0 }, "f (?)_[p]" },
		{ { FRAME_TRUNCATED, REPORT_NONE, 0, "ignored", NULL, 0, 0, 0 }, "[truncated]" },
		{ { FRAME_USER, libc, 1, "main.(*T).Method", NULL, 0, 0, 0 }, "main.(*T).Method" },
		{ { FRAME_USER, libc, 1, "a;b\nc\td", NULL, 0, 0, 0 }, "a:b?c?d" },
		{ { FRAME_USER, libc, 1, "fn 12", NULL, 0, 0, 0 }, "fn_12" },
		{ { FRAME_USER, libc, 1, "fn 1.5", NULL, 0, 0, 0 }, "fn_1.5" },
		{ { FRAME_USER, libc, 1, "12", NULL, 0, 0, 0 }, "12" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&b);
		frame_format(&b, r, report_add_frame(r, &cases[i].frame));
		cr_assert_str_eq(buf_str(&b), cases[i].text);
	}
	buf_clear(&b);
	frame_format(&b, r, 9999);
	cr_assert_str_eq(buf_str(&b), "[unknown]");
}

Test(report, a_stack_begins_with_its_process)
{
	uint32_t fn = report_add_frame(r, &(struct frame){ .name = "fn" });
	uint32_t stack = report_add_stack(r, (uint32_t[]){ fn, fn }, 2);

	vec_push(&r->targets, (struct target){ .comm = "a;b\x01" });
	vec_push(&r->targets, (struct target){ .comm = "" });
	stack_format(&b, r, 0, stack);
	cr_assert_str_eq(buf_str(&b), "a:b?;fn;fn");
	buf_clear(&b);
	stack_format(&b, r, 1, stack);
	cr_assert_str_eq(buf_str(&b), "[unknown];fn;fn");
	buf_clear(&b);
	stack_format(&b, r, 55, 55);
	cr_assert_str_eq(buf_str(&b), "[unknown];[unknown]");
}

Test(report, a_path_is_its_nodes_from_the_root)
{
	struct report *s = sample_report();

	path_format(&b, s, 4, " > ");
	cr_assert_str_eq(buf_str(&b), "serve > db_query > flush > vfs_fsync");
	cr_assert_eq(path_depth(s, 4), 4);
	cr_assert_eq(path_depth(s, 0), 1);
	cr_assert_eq(path_depth(s, REPORT_NONE), 0);
	report_free(s);
}

Test(report, a_path_that_is_its_own_parent_ends)
{
	vec_push(&r->nodes, (struct node){ .name = "loop" });
	vec_push(&r->paths, (struct path){ .parent = 0, .node = 0 });
	cr_assert_eq(path_depth(r, 0), 1);
	path_format(&b, r, 0, ";");
	cr_assert_str_eq(buf_str(&b), "loop");
}

Test(report, signals_have_their_usual_names)
{
	char name[16];

	cr_assert_str_eq(signal_name(11, name), "SIGSEGV");
	cr_assert_str_eq(signal_name(9, name), "SIGKILL");
	cr_assert_str_eq(signal_name(42, name), "SIG42");
	cr_assert_str_eq(signal_name(-1, name), "SIG-1");
}

/* Arrays, since every case runs in a process of its own. */
struct cleaning {
	char raw[32], clean[32];
};

ParameterizedTestParameters(report, text_from_targets_is_made_fit_to_print)
{
	static struct cleaning cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", /* é, €, an emoji */
		  "\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\x1b[31mred\x7f", "?[31mred?" },
		{ "a\nb\r\tc", "a?b??c" },
		{ "\xff\xfe", "??" },
		{ "\x80", "?" },
		{ "cut \xe2\x82", "cut ??" },
		{ "cut \xf0\x9f\x98", "cut ???" },
		{ "\xc0\xaf overlong", "?? overlong" },
		{ "\xe0\x80\xaf", "???" },
		{ "\xf0\x80\x80\xaf", "????" },
		{ "\xed\xa0\x80 surrogate", "??? surrogate" },
		{ "\xf4\x90\x80\x80 too large", "???? too large" },
		{ "\xf5\x80\x80\x80", "????" },
		{ "\xc2\x9b control", "? control" },
		{ "\xe2\x80\xae turned", "? turned" },
		{ "\xe2\x80\xa8 line", "? line" },
		{ "\xe2\x81\xa6 isolate", "? isolate" },
		{ "\xef\xbf\xbe", "?" },
	};

	return cr_make_param_array(struct cleaning, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct cleaning *c, report, text_from_targets_is_made_fit_to_print)
{
	text_clean(&b, c->raw);
	cr_assert_str_eq(buf_str(&b), c->clean);
}

Test(report, no_text_is_an_empty_text)
{
	text_clean(&b, NULL);
	cr_assert_str_eq(buf_str(&b), "");
}

Test(report, the_sample_agrees_with_itself)
{
	struct report *s = sample_report();
	uint64_t samples = 0, offcpu = 0;

	vec_foreach (c, &s->cpu_samples)
		samples += c->count;
	vec_foreach (o, &s->offcpu_samples)
		offcpu += o->total_ns;
	cr_assert_eq(samples, s->cpu.samples);
	cr_assert_eq(offcpu, s->offcpu.total_ns);
	cr_assert_eq(offcpu, s->offcpu.blocked_ns + s->offcpu.preempted_ns);
	vec_foreach (p, &s->paths) {
		uint64_t errors = 0;

		vec_foreach (e, &p->stats.error_types)
			errors += e->count;
		cr_assert_eq(errors, p->stats.errors);
		cr_assert_eq(hist_count(p->stats.hist), p->stats.calls);
	}
	report_free(s);
}
