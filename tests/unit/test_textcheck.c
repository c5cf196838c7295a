/* SPDX-License-Identifier: GPL-2.0-only */
/* The targets' text against its file, before it is probed. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mapped_text.h"
#include "trace/textcheck.h"
#include "trace/textprobe.h"

/* Probes of object 1 at offsets 100 (not attached), 110 and 120 (attached). */
static struct text_probe probes[] = {
	{ .object = 0, .offset = 105 },
	{ .object = 1, .offset = 100 },
	{ .object = 1, .offset = 110, .attached = true },
	{ .object = 1, .offset = 120, .attached = true },
	{ .object = 2, .offset = 105 },
};

/* Compares 64 bytes from offset 96 on, after a change of some. */
static enum text_difference compare(uint64_t offset, const char *memory, const char *file,
				    size_t size, bool debugged)
{
	struct text_probes list = { .probes = { probes, sizeof(probes) / sizeof(*probes), 0 } };
	uint8_t have[64], want[64];

	memset(have, 0x55, sizeof(have));
	memset(want, 0x55, sizeof(want));
	memcpy(have + (offset - 96), memory, size);
	memcpy(want + (offset - 96), file, size);
	return text_compare(&list, 1, 96, have, want, sizeof(have), debugged);
}

Test(textcheck, equal_text_is_the_same)
{
	cr_expect_eq(compare(100, "\xcc\x12", "\xcc\x12", 2, false), TEXT_SAME);
}

Test(textcheck, a_breakpoint_is_fine_where_the_plan_probes)
{
	cr_expect_eq(compare(100, "\xcc", "\x55", 1, false), TEXT_SAME);
	cr_expect_eq(compare(110, "\xcc", "\x55", 1, false), TEXT_SAME);
	cr_expect_eq(compare(101, "\xcc", "\x55", 1, false), TEXT_BREAKPOINT);
	cr_expect_eq(compare(105, "\xcc", "\x55", 1, false), TEXT_BREAKPOINT, "of other objects");
	cr_expect_eq(compare(159, "\xcc", "\x55", 1, false), TEXT_BREAKPOINT);
}

Test(textcheck, other_bytes_are_a_change)
{
	cr_expect_eq(compare(96, "\x56", "\x55", 1, false), TEXT_CHANGED);
	cr_expect_eq(compare(100, "\x56", "\x55", 1, false), TEXT_CHANGED);
	cr_expect_eq(compare(110, "\xcc\x12", "\x55\x13", 2, false), TEXT_CHANGED,
		     "the probed instruction's operand");
	cr_expect_eq(compare(101, "\xcc\x55\x12", "\x55\x55\x13", 3, false), TEXT_CHANGED,
		     "worse than a breakpoint");
	cr_expect_eq(compare(110, "\x55", "\xcc", 1, false), TEXT_CHANGED);
}

Test(textcheck, a_debuggers_breakpoint_is_not_ours)
{
	cr_expect_eq(compare(100, "\xcc", "\x55", 1, true), TEXT_BREAKPOINT);
	cr_expect_eq(compare(110, "\xcc", "\x55", 1, true), TEXT_SAME);
}

Test(textcheck, the_kernel_turns_attached_nops_into_calls)
{
	const char *nop5 = "\x0f\x1f\x44\x00\x00";

	cr_expect_eq(compare(110, "\xe8\x01\x02\x03\x04", nop5, 5, false), TEXT_SAME);
	cr_expect_eq(compare(110, "\xcc\x01\x02\x03\x04", nop5, 5, false), TEXT_SAME);
	cr_expect_eq(compare(110, "\xe9\x01\x02\x03\x04", nop5, 5, false), TEXT_CHANGED);
	cr_expect_eq(compare(110, "\xe8\x01\x02\x03\x04\x01", "\x0f\x1f\x44\x00\x00\x02", 6, false),
		     TEXT_CHANGED);
	cr_expect_eq(compare(110, "\xe8\x01\x02\x03\x04", "\x0f\x1f\x44\x00\x01", 5, false),
		     TEXT_CHANGED);
	cr_expect_eq(compare(100, "\xe8\x01\x02\x03\x04", nop5, 5, false), TEXT_CHANGED,
		     "somebody else's");
	cr_expect_eq(compare(157, "\xe8\x1f\x44", "\x0f\x1f\x44", 3, false), TEXT_CHANGED,
		     "cut off by the end");
}

/* Checks, and counts the functions that are refused. */
static size_t refusals(struct mapped_text *t)
{
	size_t n = 0;

	mapped_text_read_maps(t);
	cr_assert_eq(textcheck_plan(&t->plan, &t->objects, &t->processes), 0);
	vec_foreach (node, &t->plan.nodes)
		n += node->refused;
	cr_expect_eq(t->plan.skipped.n, n, "each is told once");
	return n;
}

static bool told(const struct mapped_text *t, const char *words)
{
	return t->plan.skipped.n && strstr(t->plan.skipped.v[0].why, words);
}

Test(textcheck, text_as_the_file_has_it_is_accepted)
{
	struct mapped_text t;

	mapped_text_init(&t);
	mapped_text_function(&t, 0, 100, 0);
	mapped_text_function(&t, TEXT_PAGES * TEXT_PAGE - 10, 10, 0);
	cr_expect_eq(refusals(&t), 0);
	mapped_text_set(&t, 200, 0x91); /* a private copy, changed elsewhere */
	cr_expect_eq(refusals(&t), 0);
	mapped_text_done(&t);
}

Test(textcheck, a_function_that_was_patched_is_refused_and_its_neighbours_are_not)
{
	struct mapped_text t;
	uint32_t patched;

	mapped_text_init(&t);
	mapped_text_function(&t, 0, 100, 0);
	patched = mapped_text_function(&t, 100, 100, 0);
	mapped_text_function(&t, 200, 100, 0);
	mapped_text_set(&t, 199, 0x91);
	cr_expect_eq(refusals(&t), 1);
	cr_expect(t.plan.nodes.v[patched].refused);
	cr_expect(told(&t, "changed in memory"));
	cr_expect_eq(refusals(&t), 1);
	mapped_text_done(&t);
}

Test(textcheck, functions_are_compared_across_pages)
{
	struct mapped_text t;

	mapped_text_init(&t);
	mapped_text_function(&t, TEXT_PAGE - 50, TEXT_PAGE + 100, 0);
	mapped_text_set(&t, 2 * TEXT_PAGE + 50, 0x91);
	mapped_text_set(&t, TEXT_PAGE - 51, 0x91);
	cr_expect_eq(refusals(&t), 0);
	mapped_text_set(&t, 2 * TEXT_PAGE + 49, 0x91);
	cr_expect_eq(refusals(&t), 1);
	mapped_text_done(&t);
}

Test(textcheck, breakpoints_are_welcome_where_the_plan_probes_only)
{
	struct mapped_text t;

	mapped_text_init(&t);
	mapped_text_function(&t, 0, 100, 4);
	mapped_text_set(&t, 4, 0xcc);
	cr_expect_eq(refusals(&t), 0);
	mapped_text_set(&t, 5, 0xcc);
	cr_expect_eq(refusals(&t), 1);
	cr_expect(told(&t, "breakpoint"));
	mapped_text_done(&t);
}

Test(textcheck, ends_elsewhere_are_compared)
{
	struct mapped_text t;
	uint32_t id;

	mapped_text_init(&t);
	id = mapped_text_function(&t, 0, 100, 0);
	t.plan.nodes.v[id].how = PLAN_RETURN_SITES;
	t.plan.nodes.v[id].sites = 2;
	cr_assert_eq(vec_push(&t.plan.sites, (struct exit_site){ .offset = TEXT_AT + 50 }), 0);
	cr_assert_eq(vec_push(&t.plan.sites, (struct exit_site){ .offset = TEXT_AT + 5000 }), 0);
	mapped_text_set(&t, 5001, 0x91); /* the next instruction */
	cr_expect_eq(refusals(&t), 0);
	mapped_text_set(&t, 5000, 0x91);
	cr_expect_eq(refusals(&t), 1);
	mapped_text_done(&t);
}

Test(textcheck, static_probes_and_hooks_are_compared)
{
	struct mapped_text t;
	uint32_t id;

	mapped_text_init(&t);
	id = mapped_text_function(&t, 0, 0, 0);
	t.plan.nodes.v[id].how = PLAN_POINT;
	t.plan.nodes.v[id].places = 1;
	cr_assert_eq(vec_push(&t.plan.places, (struct plan_place){ .offset = TEXT_AT + 70 }), 0);
	cr_assert_eq(vec_push(&t.plan.hooks, (struct hook){ .offset = TEXT_AT + 80 }), 0);
	mapped_text_set(&t, 60, 0x91);
	cr_expect_eq(refusals(&t), 0);
	cr_expect_not(t.plan.hooks.v[0].attached);
	mapped_text_set(&t, 80, 0x91);
	cr_expect_eq(refusals(&t), 0);
	cr_expect(t.plan.hooks.v[0].attached, "done without");
	mapped_text_set(&t, 70, 0x91);
	cr_expect_eq(refusals(&t), 1);
	mapped_text_done(&t);
}

Test(textcheck, functions_whose_text_is_mapped_from_nowhere_are_refused)
{
	struct mapped_text t;

	mapped_text_init(&t);
	mapped_text_function(&t, 0, 100, 0);
	mapped_text_function(&t, TEXT_PAGE, 100, 0);
	mapped_text_move(&t, TEXT_PAGE);
	cr_expect_eq(refusals(&t), 1);
	cr_expect(t.plan.nodes.v[1].refused);
	cr_expect(told(&t, "not mapped from the file"));
	mapped_text_done(&t);
}

Test(textcheck, an_object_that_nobody_has_mapped_yet_is_accepted)
{
	struct mapped_text t;

	mapped_text_init(&t);
	mapped_text_function(&t, 0, 100, 0);
	maps_done(&t.processes.all.v[0]->maps);
	cr_expect_eq(textcheck_plan(&t.plan, &t.objects, &t.processes), 0);
	cr_expect_not(t.plan.nodes.v[0].refused);
	mapped_text_done(&t);
}

Test(textcheck, what_is_attached_is_not_judged_again)
{
	struct mapped_text t;

	mapped_text_init(&t);
	mapped_text_function(&t, 0, 100, 0);
	t.plan.nodes.v[0].attached = true;
	mapped_text_set(&t, 50, 0x91);
	cr_expect_eq(refusals(&t), 0);
	mapped_text_done(&t);
}

Test(textcheck, a_process_that_has_gone_is_no_error)
{
	struct mapped_text t;
	pid_t child = fork();

	if (!child)
		_exit(0);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	mapped_text_init(&t);
	mapped_text_function(&t, 0, 100, 0);
	mapped_text_set(&t, 50, 0x91);
	t.processes.all.v[0]->pid = (uint32_t)child;
	cr_expect_eq(textcheck_plan(&t.plan, &t.objects, &t.processes), 0);
	cr_expect_not(t.plan.nodes.v[0].refused);
	mapped_text_done(&t);
}
