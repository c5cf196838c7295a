/* SPDX-License-Identifier: GPL-2.0-only */
/* Recorded traces are kept up to a bound, and broken ones not at all. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "records.h"
#include "trace/exemplars.h"

#define HEAD  offsetof(struct pb_timeline, slices)
#define WHOLE sizeof(struct pb_timeline)
/* So many whole ones fit. */
#define FIT (EXEMPLARS_BYTES_MAX / WHOLE)

static struct pb_timeline *timeline_of(uint32_t n, uint8_t why, uint32_t path)
{
	struct pb_timeline *t = calloc(1, sizeof(*t));

	t->h.kind = PB_TIMELINE;
	t->h.size = (uint32_t)(HEAD + n * sizeof(struct pb_slice));
	t->n = n;
	t->why = why;
	t->path = path;
	return t;
}

/* Adds one whose bytes end where it says. */
static void add(struct exemplars *e, uint32_t n, uint8_t why, uint32_t path)
{
	struct pb_timeline *t = timeline_of(n, why, path);
	void *exact = malloc(t->h.size);

	memcpy(exact, t, t->h.size);
	exemplars_add(e, exact, t->h.size);
	free(exact);
	free(t);
}

Test(exemplars, a_trace_is_copied_as_far_as_it_goes)
{
	struct exemplars e = {};

	add(&e, 3, PB_WHY_SLOW, 42);
	cr_assert_eq(e.v.n, 1);
	cr_assert_eq(e.v.v[0].size, HEAD + 3 * sizeof(struct pb_slice));
	cr_assert_eq(e.v.v[0].timeline->path, 42);
	cr_assert_eq(e.bytes, e.v.v[0].size);
	cr_assert_eq(e.received, 1);
	cr_assert_eq(e.dropped + e.broken, 0);
	exemplars_done(&e);
	cr_assert_eq(e.v.n, 0);
	exemplars_done(&e);
}

Test(exemplars, broken_records_are_counted_and_not_kept)
{
	static const struct {
		uint32_t n, args_len;
		size_t size;
	} cases[] = {
		{ 1, 0, 0 },
		{ 1, 0, sizeof(struct pb_header) },
		{ 1, 0, HEAD - 1 },
		{ 1, 0, HEAD },
		{ 1, 0, HEAD + sizeof(struct pb_slice) - 1 },
		{ 0, 0, WHOLE },
		{ 2, 0, HEAD + sizeof(struct pb_slice) },
		{ PB_SLICES_MAX + 1, 0, WHOLE },
		{ UINT32_MAX, 0, WHOLE },
		{ 1, PB_ARG_BYTES + 1, WHOLE },
		{ 1, 0, WHOLE + 8 },
	};
	struct exemplars e = {};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pb_timeline *t = timeline_of(cases[i].n, 0, 0);
		char *exact = calloc(1, cases[i].size + 1);

		t->args_len = (uint16_t)cases[i].args_len;
		memcpy(exact, t, cases[i].size < WHOLE ? cases[i].size : WHOLE);
		exact = realloc(exact, cases[i].size + !cases[i].size);
		exemplars_add(&e, exact, cases[i].size);
		cr_assert_eq(e.broken, i + 1, "case %zu", i);
		free(exact);
		free(t);
	}
	cr_assert_eq(e.v.n, 0);
	cr_assert_eq(e.bytes, 0);
	exemplars_done(&e);
}

Test(exemplars, the_ring_hands_them_on)
{
	struct pb_timeline *t = timeline_of(PB_SLICES_MAX, PB_WHY_SLOW, 1);
	struct collect c = {};

	record_send(&c, t, sizeof(*t));
	cr_assert_eq(c.exemplars.v.n, 1);
	record_send(&c, t, HEAD);
	cr_assert_eq(c.exemplars.broken, 1);
	free(t);
	collect_done(&c);
}

Test(exemplars, of_the_older_ones_those_that_were_only_sampled_go_first)
{
	struct exemplars e = {};
	size_t worthy = 0;

	for (uint32_t i = 0; i < FIT; i++)
		add(&e, PB_SLICES_MAX, i % 4 ? PB_WHY_SAMPLED | PB_WHY_LINKED : PB_WHY_FAILED, i);
	cr_assert_eq(e.v.n, FIT);
	cr_assert_eq(e.dropped, 0);
	add(&e, PB_SLICES_MAX, PB_WHY_SAMPLED, FIT);
	cr_assert_leq(e.bytes, EXEMPLARS_BYTES_MAX);
	cr_assert_eq(e.dropped, FIT / 2 - (FIT / 2 + 3) / 4);
	vec_foreach (x, &e.v) {
		worthy += x->timeline->why == PB_WHY_FAILED;
		cr_assert(x->timeline->why == PB_WHY_FAILED || x->timeline->path >= FIT / 2);
	}
	cr_assert_eq(worthy, (FIT + 3) / 4, "all of them are there");
	cr_assert_eq(e.v.v[e.v.n - 1].timeline->path, FIT);
	exemplars_done(&e);
}

Test(exemplars, if_all_are_worthy_the_older_half_goes)
{
	struct exemplars e = {};

	for (uint32_t i = 0; i <= FIT; i++)
		add(&e, PB_SLICES_MAX, PB_WHY_SLOW, i);
	cr_assert_eq(e.dropped, FIT / 2);
	cr_assert_eq(e.v.v[0].timeline->path, FIT / 2);
	cr_assert_eq(e.v.v[e.v.n - 1].timeline->path, FIT);
	cr_assert_eq(e.received, FIT + 1);
	exemplars_done(&e);
}

Test(exemplars, the_bound_holds_however_many_come)
{
	struct exemplars e = {};
	size_t sum = 0;

	for (uint32_t i = 0; i < 5 * FIT; i++) {
		add(&e, i % 3 ? PB_SLICES_MAX : 1 + i % 100, (uint8_t)(1 << i % 4), i);
		cr_assert_leq(e.bytes, EXEMPLARS_BYTES_MAX);
	}
	for (size_t i = 0; i < e.v.n; i++) {
		sum += e.v.v[i].size;
		if (i)
			cr_assert_gt(e.v.v[i].timeline->path, e.v.v[i - 1].timeline->path);
	}
	cr_assert_eq(sum, e.bytes);
	cr_assert_eq(e.v.n + e.dropped, e.received);
	exemplars_done(&e);
}
