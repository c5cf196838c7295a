/* SPDX-License-Identifier: GPL-2.0-only */
/* Merging of stacks: sums, order, what is one place and what is not. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sample_report.h"
#include "view/flame.h"

static struct report *r;
static struct flame_sites sites;
static struct flame f;
static struct buf b;

static void setup(void)
{
	r = report_new();
	cr_assert_not_null(r);
	vec_push(&r->targets, (struct target){ .pid = 1, .comm = report_str(r, "app") });
}

static void teardown(void)
{
	flame_done(&f);
	flame_sites_done(&sites);
	buf_done(&b);
	report_free(r);
}

TestSuite(flame, .init = setup, .fini = teardown);

static uint32_t frame(enum frame_kind kind, uint32_t object, const char *name, uint64_t offset,
		      uint32_t line)
{
	struct frame fr = { kind, object, offset, name, line ? "a.c" : NULL, line, 0, 0 };

	return report_add_frame(r, &fr);
}

static void sample(uint64_t count, uint32_t n, const uint32_t *frames)
{
	uint32_t stack = report_add_stack(r, frames, n);

	vec_push(&r->cpu_samples, (struct cpu_sample){ 0, stack, count });
}

#define SAMPLE(count, ...)                                                                         \
	sample(count, sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t),                      \
	       (const uint32_t[]){ __VA_ARGS__ })

static void build(enum flame_kind kind)
{
	cr_assert_eq(flame_build(r, kind, &sites, &f), 0);
}

static const char *label(uint32_t node)
{
	buf_clear(&b);
	flame_label(&b, r, &sites.v.v[f.nodes.v[node].site]);
	return buf_str(&b);
}

/* The child at a place, 0 being the widest; fails the test where there is none. */
static uint32_t child(uint32_t node, int place)
{
	uint32_t c = f.nodes.v[node].child;

	while (place-- > 0 && c != FLAME_NONE)
		c = f.nodes.v[c].next;
	cr_assert_neq(c, FLAME_NONE);
	return c;
}

Test(flame, nothing_gives_a_lone_root)
{
	build(FLAME_CPU);
	cr_assert_eq(f.nodes.n, 1);
	cr_assert_eq(f.depth, 0);
	cr_assert_eq(flame_total(&f.nodes.v[0]), 0);
	cr_assert_eq(f.nodes.v[0].child, FLAME_NONE);
}

Test(flame, common_beginnings_are_merged)
{
	uint32_t a = frame(FRAME_USER, REPORT_NONE, "a", 0, 0);
	uint32_t x = frame(FRAME_USER, REPORT_NONE, "x", 0, 0);
	uint32_t y = frame(FRAME_USER, REPORT_NONE, "y", 0, 0);

	SAMPLE(1, a, x);
	SAMPLE(5, a, y);
	SAMPLE(2, a);
	build(FLAME_CPU);
	cr_assert_eq(f.nodes.n, 5);
	cr_assert_eq(f.depth, 3);
	cr_assert_str_eq(label(child(0, 0)), "app");
	cr_assert_str_eq(label(child(child(0, 0), 0)), "a");
	cr_assert_eq(f.nodes.v[child(child(0, 0), 0)].self[0], 2);
	cr_assert_eq(f.nodes.v[child(child(0, 0), 0)].total[0], 8);
	cr_assert_eq(flame_total(&f.nodes.v[0]), 8);
}

Test(flame, siblings_stand_widest_first_and_then_by_name)
{
	uint32_t a = frame(FRAME_USER, REPORT_NONE, "a", 0, 0);
	uint32_t z = frame(FRAME_USER, REPORT_NONE, "z", 0, 0);
	uint32_t m = frame(FRAME_USER, REPORT_NONE, "m", 0, 0);

	SAMPLE(3, z);
	SAMPLE(3, m);
	SAMPLE(1, a);
	build(FLAME_CPU);
	cr_assert_str_eq(label(child(child(0, 0), 0)), "m");
	cr_assert_str_eq(label(child(child(0, 0), 1)), "z");
	cr_assert_str_eq(label(child(child(0, 0), 2)), "a");
}

Test(flame, addresses_and_lines_of_one_function_are_one_place)
{
	uint32_t object = report_add_object(r, "/bin/app", NULL);

	SAMPLE(1, frame(FRAME_USER, object, "a", 16, 9));
	SAMPLE(1, frame(FRAME_USER, object, "a", 24, 4));
	SAMPLE(1, frame(FRAME_USER, object, "a", 32, 0));
	build(FLAME_CPU);
	cr_assert_eq(f.nodes.n, 3);
	cr_assert_eq(sites.v.v[f.nodes.v[2].site].line_first, 4);
	cr_assert_eq(sites.v.v[f.nodes.v[2].site].line_last, 9);
}

Test(flame, the_same_name_elsewhere_is_another_place)
{
	uint32_t one = report_add_object(r, "/bin/one", NULL);
	uint32_t two = report_add_object(r, "/bin/two", NULL);
	struct frame py = { FRAME_INTERPRETED, REPORT_NONE, 0, "a", "x.py", 1, 0, 0 };

	SAMPLE(1, frame(FRAME_USER, one, "a", 0, 0));
	SAMPLE(1, frame(FRAME_USER, two, "a", 0, 0));
	SAMPLE(1, frame(FRAME_INLINED, one, "a", 0, 0));
	SAMPLE(1, report_add_frame(r, &py));
	py.file = "y.py";
	SAMPLE(1, report_add_frame(r, &py));
	build(FLAME_CPU);
	cr_assert_eq(f.nodes.n, 2 + 5);
}

Test(flame, unnamed_code_is_told_apart_by_offset_and_unknown_code_not_at_all)
{
	uint32_t object = report_add_object(r, "/lib/libx.so", NULL);

	SAMPLE(4, frame(FRAME_USER, object, NULL, 0x10, 0));
	SAMPLE(3, frame(FRAME_USER, object, "", 0x20, 0));
	SAMPLE(1, frame(FRAME_USER, REPORT_NONE, NULL, 0x30, 0));
	SAMPLE(1, frame(FRAME_USER, REPORT_NONE, NULL, 0x40, 0));
	build(FLAME_CPU);
	cr_assert_eq(f.nodes.n, 2 + 3);
	cr_assert_str_eq(label(child(child(0, 0), 0)), "[libx.so+0x10]");
	cr_assert_str_eq(label(child(child(0, 0), 1)), "[libx.so+0x20]");
	cr_assert_str_eq(label(child(child(0, 0), 2)), "[unknown]");
}

Test(flame, a_bracketed_object_keeps_one_pair_of_brackets)
{
	uint32_t object = report_add_object(r, "[kernel]", NULL);

	SAMPLE(1, frame(FRAME_KERNEL, object, NULL, 0xff, 0));
	build(FLAME_CPU);
	cr_assert_str_eq(label(child(child(0, 0), 0)), "[kernel+0xff]");
}

Test(flame, truncated_stacks_share_their_mark)
{
	uint32_t a = frame(FRAME_USER, REPORT_NONE, "a", 0, 0);
	uint32_t cut = frame(FRAME_TRUNCATED, REPORT_NONE, NULL, 0, 0);

	SAMPLE(1, cut, a);
	SAMPLE(1, cut);
	build(FLAME_CPU);
	cr_assert_str_eq(label(child(child(0, 0), 0)), "[truncated]");
	cr_assert_eq(flame_total(&f.nodes.v[child(child(0, 0), 0)]), 2);
}

Test(flame, recursion_is_drawn_level_by_level)
{
	uint32_t a = frame(FRAME_USER, REPORT_NONE, "a", 0, 0);

	SAMPLE(7, a, a, a);
	build(FLAME_CPU);
	cr_assert_eq(f.depth, 4);
	cr_assert_eq(f.nodes.v[child(child(child(child(0, 0), 0), 0), 0)].self[0], 7);
}

Test(flame, processes_of_one_name_are_merged)
{
	uint32_t a = frame(FRAME_USER, REPORT_NONE, "a", 0, 0);

	vec_push(&r->targets, (struct target){ .pid = 2, .comm = report_str(r, "app") });
	SAMPLE(1, a);
	vec_push(&r->cpu_samples, (struct cpu_sample){ 1, r->cpu_samples.v[0].stack, 2 });
	build(FLAME_CPU);
	cr_assert_eq(f.nodes.n, 3);
	cr_assert_eq(flame_total(&f.nodes.v[1]), 3);
}

Test(flame, off_cpu_time_is_split_by_reason)
{
	uint32_t a = frame(FRAME_USER, REPORT_NONE, "a", 0, 0);
	uint32_t stack = report_add_stack(r, &a, 1);

	vec_push(&r->offcpu_samples, (struct offcpu_sample){ 0, stack, OFFCPU_BLOCKED, 1, 70, 70 });
	vec_push(&r->offcpu_samples, (struct offcpu_sample){ 0, stack, OFFCPU_PREEMPTED, 1, 5, 5 });
	build(FLAME_OFFCPU);
	cr_assert_eq(f.nodes.v[0].total[OFFCPU_BLOCKED], 70);
	cr_assert_eq(f.nodes.v[0].total[OFFCPU_PREEMPTED], 5);
	cr_assert_eq(flame_total(&f.nodes.v[2]), 75);
}

Test(flame, two_trees_may_share_their_places)
{
	_cleanup_(flame_done) struct flame other = {};
	struct report *s = sample_report();
	size_t n;

	report_free(r);
	r = s;
	build(FLAME_CPU);
	n = sites.v.n;
	cr_assert_eq(flame_build(r, FLAME_OFFCPU, &sites, &other), 0);
	cr_assert_eq(sites.v.n, n + 1, "only schedule() is new");
	cr_assert_eq(flame_total(&f.nodes.v[0]), r->cpu.samples);
	cr_assert_eq(flame_total(&other.nodes.v[0]), r->offcpu.total_ns);
}

Test(flame, every_total_is_the_sum_of_its_parts)
{
	report_free(r);
	r = sample_report();
	build(FLAME_CPU);
	for (uint32_t i = 0; i < f.nodes.n; i++) {
		uint64_t sum = f.nodes.v[i].self[0];
		uint64_t last = UINT64_MAX;

		for (uint32_t c = f.nodes.v[i].child; c != FLAME_NONE; c = f.nodes.v[c].next) {
			cr_assert_eq(f.nodes.v[c].parent, i);
			cr_assert_leq(flame_total(&f.nodes.v[c]), last, "widest first");
			last = flame_total(&f.nodes.v[c]);
			sum += last;
		}
		cr_assert_eq(sum, flame_total(&f.nodes.v[i]));
	}
}

Test(flame, the_title_names_processes_once)
{
	flame_title(&b, r);
	cr_assert_str_eq(buf_str(&b), "app (1)");
	for (uint32_t pid = 2; pid < 4; pid++)
		vec_push(&r->targets, (struct target){ .pid = pid, .comm = report_str(r, "web") });
	buf_clear(&b);
	flame_title(&b, r);
	cr_assert_str_eq(buf_str(&b), "app (1), web (2 processes)");
}

Test(flame, the_title_stops_after_three_names)
{
	static const char *const names[] = { "b", "c", "d", "d", "e" };

	for (uint32_t i = 0; i < 5; i++)
		vec_push(&r->targets,
			 (struct target){ .pid = i + 2, .comm = report_str(r, names[i]) });
	flame_title(&b, r);
	cr_assert_str_eq(buf_str(&b), "app (1), b (2), c (3) and 3 more");
}

Test(flame, the_title_cleans_hostile_names)
{
	r->targets.v[0].comm = report_str(r, "a\x1b[2J\n");
	flame_title(&b, r);
	cr_assert_str_eq(buf_str(&b), "a?[2J? (1)");
}

Test(flame, a_report_without_a_process_has_a_title)
{
	r->targets.n = 0;
	flame_title(&b, r);
	cr_assert_str_eq(buf_str(&b), "no process");
}
