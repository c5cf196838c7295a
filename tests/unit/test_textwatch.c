/* SPDX-License-Identifier: GPL-2.0-only */
/* Are the breakpoints still there? */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "data/report.h"
#include "mapped_text.h"
#include "trace/textwatch.h"

#define BREAKPOINT 0xcc

/* A function that is attached, with its breakpoint in place. */
static uint32_t probed(struct mapped_text *t, uint64_t at)
{
	uint32_t id = mapped_text_function(t, at, 50, 2);

	t->plan.nodes.v[id].attached = true;
	mapped_text_set(t, at + 2, BREAKPOINT);
	return id;
}

static struct textwatch *watch(struct mapped_text *t)
{
	struct textwatch *w;

	mapped_text_read_maps(t);
	cr_assert_eq(textwatch_new(&t->plan, &t->objects, &t->processes, &w), 0);
	cr_assert_eq(textwatch_attached(w), 0);
	return w;
}

static bool is_gone(const struct mapped_text *t, uint32_t node)
{
	return t->plan.nodes.v[node].gone;
}

Test(textwatch, what_is_in_place_is_not_missed)
{
	struct mapped_text t;
	struct textwatch *w;

	mapped_text_init(&t);
	probed(&t, 0);
	probed(&t, TEXT_PAGE);
	w = watch(&t);
	textwatch_last(w);
	cr_expect_not(is_gone(&t, 0));
	cr_expect_not(is_gone(&t, 1));
	textwatch_free(w);
	mapped_text_done(&t);
}

Test(textwatch, a_page_that_was_dropped_is_found_at_the_end)
{
	struct mapped_text t;
	struct textwatch *w;

	mapped_text_init(&t);
	probed(&t, 0);
	probed(&t, TEXT_PAGE);
	probed(&t, TEXT_PAGE + 100);
	w = watch(&t);
	mapped_text_drop(&t, TEXT_PAGE);
	textwatch_last(w);
	cr_expect_not(is_gone(&t, 0));
	cr_expect(is_gone(&t, 1));
	cr_expect(is_gone(&t, 2));
	textwatch_free(w);
	mapped_text_done(&t);
}

Test(textwatch, a_page_that_came_from_the_file_again_is_found_in_a_second)
{
	struct mapped_text t;
	struct textwatch *w;

	mapped_text_init(&t);
	probed(&t, 0);
	probed(&t, TEXT_PAGE);
	w = watch(&t);
	mapped_text_drop(&t, 0);
	cr_assert_eq(*(volatile uint8_t *)t.at, TEXT_BYTE);
	textwatch_tick(w);
	cr_expect_not(is_gone(&t, 0), "too early for a look");
	usleep(1100000);
	textwatch_tick(w);
	cr_expect(is_gone(&t, 0));
	cr_expect_not(is_gone(&t, 1));
	textwatch_free(w);
	mapped_text_done(&t);
}

Test(textwatch, a_breakpoint_that_was_written_over_is_found)
{
	struct mapped_text t;
	struct textwatch *w;

	mapped_text_init(&t);
	probed(&t, 0);
	probed(&t, 100);
	w = watch(&t);
	mapped_text_set(&t, 2, TEXT_BYTE);
	textwatch_last(w);
	cr_expect(is_gone(&t, 0));
	cr_expect_not(is_gone(&t, 1));
	textwatch_free(w);
	mapped_text_done(&t);
}

Test(textwatch, a_breakpoint_that_never_came_is_found_at_once)
{
	struct mapped_text t;
	struct textwatch *w;

	mapped_text_init(&t);
	probed(&t, 0);
	mapped_text_drop(&t, 0);
	cr_assert_eq(*(volatile uint8_t *)t.at, TEXT_BYTE);
	w = watch(&t);
	cr_expect(is_gone(&t, 0));
	textwatch_free(w);
	mapped_text_done(&t);
}

Test(textwatch, a_nop_may_become_a_call_and_nothing_else)
{
	struct mapped_text t;
	struct textwatch *w;

	mapped_text_init(&t);
	probed(&t, 0);
	probed(&t, 100);
	t.plan.nodes.v[0].entry.class = SITE_NOP5;
	mapped_text_set(&t, 2, 0xe8);
	mapped_text_set(&t, 102, 0xe8);
	w = watch(&t);
	cr_expect_not(is_gone(&t, 0));
	cr_expect(is_gone(&t, 1));
	textwatch_free(w);
	mapped_text_done(&t);
}

Test(textwatch, text_that_was_moved_away_is_found_at_the_end)
{
	struct mapped_text t;
	struct textwatch *w;

	mapped_text_init(&t);
	probed(&t, 0);
	probed(&t, TEXT_PAGE);
	w = watch(&t);
	mapped_text_move(&t, 0);
	textwatch_last(w);
	cr_expect(is_gone(&t, 0));
	cr_expect_not(is_gone(&t, 1));
	textwatch_free(w);
	mapped_text_done(&t);
}

Test(textwatch, an_object_that_was_unmapped_as_a_whole_is_not_missed)
{
	struct mapped_text t;
	struct textwatch *w;

	mapped_text_init(&t);
	probed(&t, 0);
	w = watch(&t);
	for (uint64_t page = 0; page < TEXT_PAGES; page++)
		mapped_text_move(&t, page * TEXT_PAGE);
	textwatch_last(w);
	cr_expect_not(is_gone(&t, 0));
	textwatch_free(w);
	mapped_text_done(&t);
}

Test(textwatch, old_knowledge_of_mappings_accuses_nobody)
{
	struct mapped_text t;
	struct textwatch *w;
	struct process *proc;

	mapped_text_init(&t);
	probed(&t, 0);
	mapped_text_read_maps(&t);
	proc = t.processes.all.v[0];
	/* As after an exec that was not heard of yet: nothing is at that address. */
	vec_foreach (m, &proc->maps) {
		if (m->object == 0) {
			m->start += 1UL << 32;
			m->end += 1UL << 32;
		}
	}
	cr_assert_eq(textwatch_new(&t.plan, &t.objects, &t.processes, &w), 0);
	cr_assert_eq(textwatch_attached(w), 0);
	cr_expect_not(is_gone(&t, 0));
	textwatch_free(w);
	mapped_text_done(&t);
}

Test(textwatch, what_was_called_counts_one_loss_each_and_is_noted)
{
	struct mapped_text t;
	struct report *r = report_new();

	cr_assert(r);
	mapped_text_init(&t);
	for (uint32_t i = 0; i < 4; i++) {
		mapped_text_function(&t, 100 * i, 50, 0);
		t.plan.nodes.v[i].attached = true;
		t.plan.nodes.v[i].gone = i != 3;
		cr_assert_eq(vec_push(&r->nodes, (struct node){ .name = "function" }), 0);
	}
	cr_assert_eq(vec_push(&r->paths, (struct path){ .parent = REPORT_NONE, .node = 0 }), 0);
	cr_assert_eq(vec_push(&r->paths, (struct path){ .parent = 0, .node = 2 }), 0);
	cr_assert_eq(vec_push(&r->paths, (struct path){ .parent = 0, .node = 3 }), 0);
	textwatch_tell(&t.plan, r);
	cr_expect_eq(r->lost.spans, 2, "the one that was never called is not traced, not lost");
	cr_assert_eq(r->notes.n, 1);
	cr_expect(strstr(r->notes.v[0], "2 functions"), "%s", r->notes.v[0]);
	report_free(r);
	mapped_text_done(&t);
}

Test(textwatch, nothing_is_told_when_nothing_was_missed)
{
	struct mapped_text t;
	struct report *r = report_new();

	cr_assert(r);
	mapped_text_init(&t);
	mapped_text_function(&t, 0, 50, 0);
	cr_assert_eq(vec_push(&r->nodes, (struct node){ .name = "function" }), 0);
	cr_assert_eq(vec_push(&r->paths, (struct path){ .parent = REPORT_NONE, .node = 0 }), 0);
	textwatch_tell(&t.plan, r);
	cr_expect_eq(r->lost.spans, 0);
	cr_expect_eq(r->notes.n, 0);
	report_free(r);
	mapped_text_done(&t);
}
