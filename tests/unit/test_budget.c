/* SPDX-License-Identifier: GPL-2.0-only */
/* How a budget is shared out. */
#include <criterion/criterion.h>

#include "trace/budget.h"

#define N(v) (sizeof(v) / sizeof(*(v)))

static double granted(const struct budget_share *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i].duty * v[i].full_ns;
	return sum;
}

Test(budget, everybody_gets_all_when_there_is_enough)
{
	struct budget_share v[] = { { 10, 2, 0 }, { 0, 1, 0 }, { 5, 1, 0 } };

	budget_share(v, N(v), 15);
	for (size_t i = 0; i < N(v); i++)
		cr_expect_eq(v[i].duty, 1, "%zu", i);
}

Test(budget, who_needs_little_leaves_the_rest_to_the_others)
{
	struct budget_share v[] = { { 1000, 2, 0 }, { 10, 1, 0 }, { 500, 1, 0 } };

	budget_share(v, N(v), 100);
	cr_expect_eq(v[1].duty, 1);
	cr_expect_float_eq(v[0].duty, 0.06, 1e-9);
	cr_expect_float_eq(v[2].duty, 0.06, 1e-9);
	cr_expect_float_eq(granted(v, N(v)), 100, 1e-6);
}

Test(budget, nothing_is_shared_out_when_there_is_nothing)
{
	struct budget_share v[] = { { 10, 2, 0 }, { 0, 1, 0 } };

	budget_share(v, N(v), -5);
	cr_expect_eq(v[0].duty, 0);
	cr_expect_eq(v[1].duty, 1, "it costs nothing");
}

/* Whatever the costs: never more than is allowed, and all of it where more is wanted. */
Test(budget, shares_never_exceed_what_is_allowed)
{
	unsigned int seed = 1;

	for (int round = 0; round < 10000; round++) {
		struct budget_share v[4];
		double allowed = rand_r(&seed) % 1000, want = 0;

		for (size_t i = 0; i < N(v); i++) {
			v[i] =
			    (struct budget_share){ rand_r(&seed) % 700, 1 + rand_r(&seed) % 3, 0 };
			want += v[i].full_ns;
		}
		budget_share(v, N(v), allowed);
		cr_assert_leq(granted(v, N(v)), allowed + 1e-6);
		cr_assert_float_eq(granted(v, N(v)), want < allowed ? want : allowed, 1e-6);
	}
}

static enum budget_how wanted(const struct budget_node *v, size_t n, uint32_t node)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].node == node)
			return v[i].want;
	}
	cr_assert_fail("node %u is gone", node);
	return BUDGET_NEVER;
}

Test(budget, cheap_nodes_stay_and_dear_ones_are_for_moments)
{
	struct budget_node v[] = { { .node = 0, .full_ns = 4000, .value = 1, .now = BUDGET_ALWAYS },
				   { .node = 1, .full_ns = 3, .value = 1, .now = BUDGET_ALWAYS },
				   { .node = 2, .full_ns = 20, .value = 1, .now = BUDGET_ALWAYS } };
	double duty = budget_choose(v, N(v), 100, 0.001);

	cr_expect_eq(wanted(v, N(v), 1), BUDGET_ALWAYS);
	cr_expect_eq(wanted(v, N(v), 2), BUDGET_ALWAYS);
	cr_expect_eq(wanted(v, N(v), 0), BUDGET_WINDOW);
	cr_expect_float_eq(duty, 77.0 / 4000, 1e-9);
}

Test(budget, what_leaves_no_time_worth_it_is_not_probed)
{
	struct budget_node v[] = {
		{ .node = 0, .full_ns = 900, .value = 1, .now = BUDGET_ALWAYS },
		{ .node = 1, .full_ns = 1e6, .value = 1, .now = BUDGET_ALWAYS }
	};
	double duty = budget_choose(v, N(v), 100, 0.01);

	cr_expect_eq(wanted(v, N(v), 0), BUDGET_WINDOW);
	cr_expect_eq(wanted(v, N(v), 1), BUDGET_NEVER);
	cr_expect_float_eq(duty, 100.0 / 900, 1e-9);
}

Test(budget, nobody_goes_to_and_fro_at_the_limit)
{
	struct budget_node v[] = { { .node = 0, .full_ns = 90, .value = 1, .now = BUDGET_WINDOW } };

	budget_choose(v, 1, 100, 0.01);
	cr_expect_eq(v[0].want, BUDGET_WINDOW, "it would fit, but only just");
	v[0].now = BUDGET_ALWAYS;
	budget_choose(v, 1, 100, 0.01);
	cr_expect_eq(v[0].want, BUDGET_ALWAYS);
	v[0].now = BUDGET_WINDOW;
	v[0].full_ns = 60;
	budget_choose(v, 1, 100, 0.01);
	cr_expect_eq(v[0].want, BUDGET_ALWAYS, "there is room");
}

Test(budget, what_is_worth_most_for_its_cost_is_kept)
{
	struct budget_node v[] = { { .node = 0, .full_ns = 900, .value = 50 },
				   { .node = 1, .full_ns = 900, .value = 5 },
				   { .node = 2, .full_ns = 9000, .value = 100 } };
	double duty = budget_choose(v, N(v), 10, 0.01);

	cr_expect_eq(wanted(v, N(v), 0), BUDGET_WINDOW);
	cr_expect_eq(wanted(v, N(v), 1), BUDGET_NEVER);
	cr_expect_eq(wanted(v, N(v), 2), BUDGET_NEVER);
	cr_expect_float_eq(duty, 10.0 / 900, 1e-9);
}

Test(budget, inner_ones_are_not_probed_always_unless_all_outer_ones_are)
{
	struct budget_node v[] = {
		{ .node = 0, .full_ns = 5, .value = 1, .inner = true, .now = BUDGET_ALWAYS },
		{ .node = 1, .full_ns = 900, .value = 1, .now = BUDGET_ALWAYS },
		{ .node = 2, .full_ns = 5, .value = 1, .now = BUDGET_ALWAYS }
	};
	double duty = budget_choose(v, N(v), 100, 0.01);

	cr_expect_eq(wanted(v, N(v), 0), BUDGET_WINDOW);
	cr_expect_eq(wanted(v, N(v), 1), BUDGET_WINDOW);
	cr_expect_eq(wanted(v, N(v), 2), BUDGET_ALWAYS);
	cr_expect_float_eq(duty, 95.0 / 905, 1e-9);
}
