/* SPDX-License-Identifier: GPL-2.0-only */
/* Recorded traces laid out, and as timed trees in the text report. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sample_report.h"
#include "view/text.h"
#include "view/text_tree.h"
#include "view/timeline.h"
#include "view/view.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

static struct report *r;
static struct timeline_slice at[256];
static struct buf tree;
static bool told[16];

static void setup(void)
{
	r = report_new();
	cr_assert_not_null(r);
}

static void teardown(void)
{
	buf_done(&tree);
	report_free(r);
}

TestSuite(view_timeline, .init = setup, .fini = teardown);

static struct trace *add_trace(uint32_t tid)
{
	vec_push(&r->traces,
		 (struct trace){ .pid = 1, .tid = tid, .cause = REPORT_NONE, .path = REPORT_NONE });
	return &r->traces.v[r->traces.n - 1];
}

static struct slice *add(struct trace *t, enum slice_kind kind, const char *name, uint32_t parent,
			 uint64_t start_ns, uint64_t end_ns)
{
	vec_push(&t->slices, (struct slice){ .kind = kind,
					     .name = name,
					     .parent = parent,
					     .path = REPORT_NONE,
					     .start_ns = start_ns,
					     .duration_ns = end_ns - start_ns });
	return &t->slices.v[t->slices.n - 1];
}

static void expect(uint32_t i, uint64_t start_ns, uint64_t end_ns, uint32_t parent)
{
	cr_assert_eq(at[i].start_ns, start_ns, "%u starts at %" PRIu64, i, at[i].start_ns);
	cr_assert_eq(at[i].end_ns, end_ns, "%u ends at %" PRIu64, i, at[i].end_ns);
	cr_assert_eq(at[i].parent, parent, "%u is within %u", i, at[i].parent);
}

/* What must hold for every layout, whatever was recorded. */
static void nest(const struct trace *t)
{
	uint64_t filled[257] = {};

	cr_assert_leq(t->slices.n, 256);
	cr_assert_eq(timeline_nest(t, at), 0);
	for (uint32_t i = 0; i < t->slices.n; i++) {
		uint32_t p = at[i].parent;

		cr_assert_leq(at[i].start_ns, at[i].end_ns);
		cr_assert_geq(at[i].start_ns, filled[p == REPORT_NONE ? 256 : p], "%u overlaps", i);
		filled[p == REPORT_NONE ? 256 : p] = at[i].end_ns;
		filled[i] = at[i].start_ns;
		if (p == REPORT_NONE) {
			cr_assert_eq(at[i].depth, 0);
			continue;
		}
		cr_assert_lt(p, i);
		cr_assert_eq(at[i].depth, at[p].depth + 1);
		cr_assert_geq(at[i].start_ns, at[p].start_ns);
		cr_assert_leq(at[i].end_ns, at[p].end_ns);
		cr_assert_neq(t->slices.v[p].kind, SLICE_INSTANT);
	}
}

Test(view_timeline, what_nests_is_left_as_recorded)
{
	struct trace *t = add_trace(1);

	add(t, SLICE_SPAN, "a", REPORT_NONE, 100, 200);
	add(t, SLICE_SPAN, "b", 0, 110, 150);
	add(t, SLICE_SYSCALL, "c", 1, 120, 130);
	add(t, SLICE_SPAN, "d", 0, 150, 190);
	nest(t);
	expect(0, 100, 200, REPORT_NONE);
	expect(1, 110, 150, 0);
	expect(2, 120, 130, 1);
	expect(3, 150, 190, 0);
}

Test(view_timeline, a_wait_belongs_to_the_system_call_that_waits)
{
	struct trace *t = add_trace(1);

	add(t, SLICE_SPAN, "a", REPORT_NONE, 100, 200);
	add(t, SLICE_SYSCALL, "read", 0, 110, 150);
	add(t, SLICE_OFFCPU, "blocked", 0, 115, 149);
	add(t, SLICE_OFFCPU, "preempted", 0, 151, 155);
	nest(t);
	expect(2, 115, 149, 1);
	expect(3, 151, 155, 0);
}

Test(view_timeline, children_are_cut_to_their_parent)
{
	struct trace *t = add_trace(1);

	add(t, SLICE_SPAN, "a", REPORT_NONE, 100, 200);
	add(t, SLICE_SPAN, "early", 0, 90, 110);
	add(t, SLICE_SPAN, "late", 0, 190, 250);
	add(t, SLICE_SPAN, "behind", 0, 300, 400);
	nest(t);
	expect(1, 100, 110, 0);
	expect(2, 190, 200, 0);
	expect(3, 200, 200, 0);
}

Test(view_timeline, siblings_that_overlap_a_little_follow_each_other)
{
	struct trace *t = add_trace(1);

	add(t, SLICE_SPAN, "a", REPORT_NONE, 100, 200);
	add(t, SLICE_SPAN, "b", 0, 110, 151);
	add(t, SLICE_SPAN, "c", 0, 150, 170);
	nest(t);
	expect(1, 110, 151, 0);
	expect(2, 151, 170, 0);
}

Test(view_timeline, calls_too_short_for_the_clock_keep_their_parents)
{
	struct trace *t = add_trace(1);

	add(t, SLICE_SPAN, "a", REPORT_NONE, 100, 100);
	add(t, SLICE_SPAN, "b", 0, 100, 100);
	add(t, SLICE_SPAN, "c", 1, 100, 100);
	add(t, SLICE_SPAN, "d", 0, 100, 100);
	nest(t);
	expect(1, 100, 100, 0);
	expect(2, 100, 100, 1);
	expect(3, 100, 100, 0);
}

Test(view_timeline, nothing_stands_within_an_instant)
{
	struct trace *t = add_trace(1);

	add(t, SLICE_SPAN, "a", REPORT_NONE, 100, 200);
	add(t, SLICE_INSTANT, "throw", 0, 120, 190);
	add(t, SLICE_SPAN, "b", 1, 130, 140);
	nest(t);
	expect(1, 120, 120, 0);
	expect(2, 130, 140, 0);
}

Test(view_timeline, a_child_of_what_has_ended_goes_to_the_next_open_one)
{
	struct trace *t = add_trace(1);

	add(t, SLICE_SPAN, "a", REPORT_NONE, 100, 200);
	add(t, SLICE_SPAN, "b", 0, 110, 120);
	add(t, SLICE_SPAN, "c", 0, 130, 140);
	add(t, SLICE_SPAN, "d", 1, 150, 160);
	nest(t);
	expect(3, 150, 160, 0);
}

/* Numbers from everywhere, in no order: a fixed sequence, so that a failure comes again. */
Test(view_timeline, whatever_was_recorded_nests)
{
	uint32_t seed = 1;

	for (int round = 0; round < 300; round++) {
		struct trace *t = add_trace(1);

		for (uint32_t i = 0; i < 200; i++) {
			uint32_t x[4];

			for (int k = 0; k < 4; k++)
				x[k] = seed = seed * 1664525 + 1013904223;
			add(t, x[0] >> 30, "x", x[1] >> 24, x[2] >> 20,
			    (x[2] >> 20) + (x[3] >> (round % 2 ? 20 : 28)));
		}
		t->slices.v[7].start_ns = UINT64_MAX - 5;
		t->slices.v[8].duration_ns = UINT64_MAX;
		t->slices.v[8].kind = SLICE_SPAN;
		nest(t);
		cr_assert_eq(timeline_end(t), UINT64_MAX);
	}
}

Test(view_timeline, traces_of_a_thread_share_a_lane_unless_they_overlap)
{
	struct timeline_lanes lanes;

	add(add_trace(1), SLICE_SPAN, "a", REPORT_NONE, 100, 200);
	add(add_trace(2), SLICE_SPAN, "b", REPORT_NONE, 110, 120);
	add(add_trace(1), SLICE_SPAN, "c", REPORT_NONE, 150, 250);
	add(add_trace(1), SLICE_SPAN, "d", REPORT_NONE, 200, 210);
	add_trace(1);
	add(add_trace(1), SLICE_SPAN, "e", REPORT_NONE, 205, 215);
	r->traces.v[3].thread = "late";
	cr_assert_eq(timeline_lanes_init(&lanes, r), 0);
	cr_assert_eq(lanes.v.n, 4);
	cr_assert_eq(lanes.of_trace[0], 0);
	cr_assert_eq(lanes.of_trace[1], 1);
	cr_assert_eq(lanes.of_trace[2], 2);
	cr_assert_eq(lanes.of_trace[3], 0);
	cr_assert_eq(lanes.of_trace[4], REPORT_NONE, "it holds nothing");
	cr_assert_eq(lanes.of_trace[5], 3);
	cr_assert_eq(lanes.v.v[2].number, 1);
	cr_assert_eq(lanes.v.v[3].number, 2);
	cr_assert_str_eq(lanes.v.v[0].thread, "late", "the first name that is known");
	timeline_lanes_done(&lanes);
}

Test(view_timeline, a_cause_that_leads_nowhere_is_none)
{
	struct trace *t;

	add(add_trace(1), SLICE_SPAN, "a", REPORT_NONE, 100, 200);
	add_trace(1);
	add(add_trace(2), SLICE_SPAN, "b", REPORT_NONE, 150, 200);
	t = &r->traces.v[2];
	t->cause_kind = "wakeup";
	t->cause = 0;
	cr_assert_eq(timeline_cause(r, t), 0);
	t->cause = 1;
	cr_assert_eq(timeline_cause(r, t), REPORT_NONE, "nothing to point at");
	t->cause = 2;
	cr_assert_eq(timeline_cause(r, t), REPORT_NONE, "itself");
	t->cause = 3;
	cr_assert_eq(timeline_cause(r, t), REPORT_NONE, "out of bounds");
	t->cause = 0;
	t->cause_kind = NULL;
	cr_assert_eq(timeline_cause(r, t), REPORT_NONE, "no cause");
}

static const char *format(uint32_t trace)
{
	buf_clear(&tree);
	memset(told, 0, sizeof(told));
	cr_assert_eq(text_tree(&tree, r, trace, "x", told), 0);
	return buf_str(&tree);
}

Test(view_timeline, the_sample_reads_as_a_timed_tree)
{
	report_free(r);
	r = sample_report();
	cr_assert_str_eq(format(0),
			 "  T+0 ms        serve  60.0 ms  ret=-1  (x)\n"
			 "  T+0.20 ms       parse_request  800 us  len=1500, path=\"/login\"\n"
			 "  T+0.22 ms         read \xc3\x97"
			 "14  140 us\n"
			 "  T+2.00 ms       db_query  55.0 ms\n"
			 "  T+3.00 ms         recvfrom  50.0 ms  EAGAIN\n"
			 "  T+3.00 ms           [blocked]  49.0 ms\n"
			 "  T+56.00 ms        throw  exception std::runtime_error\n"
			 "  T+2.60 ms       [parallel] worker-7: flush  3.00 ms\n"
			 "                (2 pieces were not recorded for lack of room)\n");
	cr_assert(told[0]);
	cr_assert(told[1]);
	cr_assert_not(told[2]);
	cr_assert_str_eq(format(2), "  T+0 ms        serve  7.00 ms so far  (x)\n");
}

Test(view_timeline, a_long_remark_stands_under_the_first_line)
{
	add(add_trace(1), SLICE_SPAN, "f", REPORT_NONE, 0, 5 * US);
	cr_assert_eq(text_tree(&tree, r, 0,
			       "slowest of a function whose name leaves no room for anything else",
			       told),
		     0);
	cr_assert_str_eq(buf_str(&tree),
			 "  T+0 ms        f  5.00 us\n"
			 "                  (slowest of a function whose name leaves no room for "
			 "anything\n"
			 "                    else)\n");
}

Test(view_timeline, only_short_calls_that_read_the_same_share_a_line)
{
	struct trace *t = add_trace(1);
	const char *text;

	add(t, SLICE_SPAN, "root", REPORT_NONE, 0, 100 * MS);
	add(t, SLICE_SYSCALL, "read", 0, 1 * MS, 2 * MS);
	add(t, SLICE_SYSCALL, "read", 0, 2 * MS, 3 * MS);
	add(t, SLICE_SYSCALL, "read", 0, 3 * MS, 4 * MS)->error = "EAGAIN";
	add(t, SLICE_SYSCALL, "read", 0, 4 * MS, 5 * MS)->error = "EAGAIN";
	add(t, SLICE_SPAN, "read", 0, 5 * MS, 6 * MS);
	add(t, SLICE_SYSCALL, "read", 0, 6 * MS, 10 * MS);
	add(t, SLICE_SYSCALL, "read", 0, 10 * MS, 40 * MS);
	add(t, SLICE_SYSCALL, "read", 0, 40 * MS, 41 * MS);
	add(t, SLICE_SPAN, "f", 0, 50 * MS, 52 * MS);
	add(t, SLICE_SPAN, "f", 0, 52 * MS, 54 * MS);
	add(t, SLICE_SYSCALL, "read", 10, 53 * MS, 54 * MS);
	text = format(0);
	cr_assert_not_null(strstr(text, "read \xc3\x97"
					"2  2.00 ms\n"));
	cr_assert_not_null(strstr(text, "read \xc3\x97"
					"2  2.00 ms  EAGAIN\n"));
	cr_assert_not_null(strstr(text, "read  1.00 ms\n"), "a function of that name");
	cr_assert_not_null(strstr(text, "read  4.00 ms\n  T+10.0 ms       read  30.0 ms\n"
					"  T+40.0 ms       read  1.00 ms\n"),
			   "a long one");
	cr_assert_not_null(strstr(text, "f  2.00 ms\n  T+52.0 ms       f  2.00 ms\n  T+53.0 ms  "),
			   "one that has children");
}

Test(view_timeline, long_trees_keep_what_failed_and_what_took_longest)
{
	struct trace *t = add_trace(1);
	static char names[200][16];
	size_t lines = 0;
	const char *text;

	add(t, SLICE_SPAN, "root", REPORT_NONE, 0, 1000 * MS);
	for (uint32_t i = 0; i < 200; i++) {
		snprintf(names[i], sizeof(names[i]), "call%u", i);
		add(t, SLICE_SPAN, names[i], 0, i * 5 * MS, i * 5 * MS + 100 + i);
	}
	t->slices.v[4].error = "ret=-1";
	text = format(0);
	cr_assert_not_null(strstr(text, "root"));
	cr_assert_not_null(strstr(text, "call3  103 ns  ret=-1\n"));
	cr_assert_not_null(strstr(text, "call199  299 ns\n"));
	cr_assert_null(strstr(text, "call100"));
	cr_assert_not_null(strstr(text, "                \xe2\x80\xa6 177 more\n"));
	for (const char *s = text; *s; s++)
		lines += *s == '\n';
	cr_assert_eq(lines, 25);
}

Test(view_timeline, what_another_thread_did_afterwards_is_no_parallel_work)
{
	add(add_trace(1), SLICE_SPAN, "a", REPORT_NONE, 0, 10 * MS);
	add(add_trace(2), SLICE_SPAN, "b", REPORT_NONE, 5 * MS, 30 * MS);
	add(add_trace(3), SLICE_SPAN, "c", REPORT_NONE, 31 * MS, 32 * MS);
	for (uint32_t i = 1; i < 3; i++) {
		r->traces.v[i].cause = i - 1;
		r->traces.v[i].cause_kind = "wakeup";
	}
	cr_assert_str_eq(format(0), "  T+0 ms        a  10.0 ms  (x)\n"
				    "  T+5.00 ms       [parallel] 2: b  25.0 ms\n"
				    "  T+31.00 ms        [then] 3: c  1.00 ms\n");
}

Test(view_timeline, traces_that_cause_each_other_are_told_once)
{
	for (uint32_t i = 0; i < 3; i++) {
		struct trace *t = add_trace(i + 1);

		add(t, SLICE_SPAN, "a", REPORT_NONE, i * MS, 10 * MS);
		t->cause = (i + 2) % 3;
		t->cause_kind = "wakeup";
	}
	cr_assert_str_eq(format(1), "  T+0 ms        a  9.00 ms  (x)\n"
				    "  T+1.000 ms      [parallel] 3: a  8.00 ms\n"
				    "  T+0 ms            [parallel] 1: a  10.0 ms\n");
	cr_assert(told[0] && told[1] && told[2]);
}

Test(view_timeline, parallel_work_stands_behind_what_had_begun)
{
	struct trace *t = add_trace(1);

	add(t, SLICE_SPAN, "root", REPORT_NONE, 0, 10 * MS);
	add(t, SLICE_SPAN, "ask", 0, 1 * MS, 3 * MS);
	add(t, SLICE_SYSCALL, "futex", 1, 2 * MS, 3 * MS);
	add(t, SLICE_SPAN, "wait", 0, 4 * MS, 9 * MS);
	t = add_trace(2);
	add(t, SLICE_SPAN, "help", REPORT_NONE, 1500 * US, 8 * MS);
	t->cause = 0;
	t->cause_kind = "clone";
	cr_assert_str_eq(format(0), "  T+0 ms        root  10.0 ms  (x)\n"
				    "  T+1.00 ms       ask  2.00 ms\n"
				    "  T+2.00 ms         futex  1.00 ms\n"
				    "  T+1.50 ms       [parallel] 2: help  6.50 ms\n"
				    "  T+4.00 ms       wait  5.00 ms\n");
}

Test(view_timeline, offsets_of_any_size_keep_the_line)
{
	struct trace *t = add_trace(1);

	add(t, SLICE_SPAN, "a", REPORT_NONE, 0, UINT64_MAX);
	add(t, SLICE_SPAN, "b", 0, UINT64_MAX - 5, UINT64_MAX)->error = "ret=-1";
	cr_assert_not_null(strstr(format(0), "  T+18446744073 s    b  5 ns  ret=-1\n"));
}

static char *render(void)
{
	return sample_render(&view_text, r);
}

/* A trace of `ms` on a path, kept for a reason. */
static void add_example(uint32_t path, uint32_t why, uint64_t ms)
{
	struct trace *t = add_trace(ms);
	struct slice *s = add(t, SLICE_SPAN, "f", REPORT_NONE, ms * 1000 * MS, ms * 1001 * MS);

	t->why = why;
	t->path = s->path = path;
	t->thread = report_str(r, "main");
}

Test(view_timeline, the_report_shows_the_slowest_of_each_path_and_some_that_failed)
{
	char *text;

	vec_push(&r->nodes, (struct node){ .name = "f" });
	vec_push(&r->nodes, (struct node){ .name = "g" });
	vec_push(&r->paths, (struct path){ .parent = REPORT_NONE, .node = 0 });
	vec_push(&r->paths, (struct path){ .parent = REPORT_NONE, .node = 1 });
	r->paths.v[0].stats.max_ns = 11 * MS;
	r->paths.v[1].stats.max_ns = 500 * MS;
	add_example(0, TRACE_SLOW, 10);
	add_example(0, TRACE_SLOW, 11);
	add_example(1, TRACE_SLOW, 4);
	add_example(1, TRACE_FAILED, 3);
	add_example(1, TRACE_FAILED, 2);
	add_example(1, TRACE_SAMPLED, 90);
	text = render();
	cr_assert_not_null(strstr(text, "\nTimelines: calls from start to end"));
	cr_assert_not_null(strstr(text, "f  11.0 ms  (slowest of f, thread main)\n"), "%s", text);
	cr_assert_not_null(strstr(text, "f  4.00 ms  (slow g, thread main)\n"), "%s", text);
	cr_assert_not_null(strstr(text, "f  3.00 ms  (failed, thread main)\n"), "%s", text);
	cr_assert_null(strstr(text, "f  10.0 ms"));
	cr_assert_null(strstr(text, "f  2.00 ms"));
	cr_assert_null(strstr(text, "f  90.0 ms"));
	cr_assert_not_null(strstr(text, "\n  3 more; -o FILE.json, FILE.pftrace or "));
	free(text);
}

Test(view_timeline, what_stands_under_its_cause_is_not_shown_again)
{
	char *text, *first;

	add_example(REPORT_NONE, TRACE_SLOW, 9);
	add_example(REPORT_NONE, TRACE_SLOW, 5);
	r->traces.v[1].cause = 0;
	r->traces.v[1].cause_kind = "wakeup";
	text = render();
	first = strstr(text, "f  5.00 ms");
	cr_assert_not_null(first);
	cr_assert_null(strstr(first + 1, "f  5.00 ms"));
	free(text);
}

Test(view_timeline, without_slow_or_failed_ones_it_shows_what_there_is)
{
	char *text;

	add_example(REPORT_NONE, TRACE_SAMPLED, 5);
	text = render();
	cr_assert_not_null(strstr(text, "f  5.00 ms  (sampled, thread main)\n"), "%s", text);
	cr_assert_null(strstr(text, " more;"));
	free(text);
	r->traces.v[0].slices.n = 0;
	text = render();
	cr_assert_null(strstr(text, "Timelines"));
	free(text);
}
