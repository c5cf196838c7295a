/* SPDX-License-Identifier: GPL-2.0-only */
/* Intervals of shares that were found by sampling. */
#include "analysis/interval.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>

struct known {
	uint64_t k, n;
	double low, high;
};

/* Wilson's interval as R's binom.confint(k, n, methods = "wilson") gives it. */
ParameterizedTestParameters(interval, one_share_has_wilsons_limits)
{
	static struct known cases[] = {
		{ 10, 100, 0.0552291, 0.1743657 }, { 50, 100, 0.4038315, 0.5961685 },
		{ 0, 20, 0.0, 0.1611252 },         { 20, 20, 0.8388748, 1.0 },
		{ 1, 10, 0.0178762, 0.4041500 },
	};

	return cr_make_param_array(struct known, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct known *c, interval, one_share_has_wilsons_limits)
{
	struct interval i = {};

	interval_add(&i, c->k, c->n, 1);
	cr_assert_float_eq(i.estimate, (double)c->k / (double)c->n, 1e-9);
	cr_assert_float_eq(interval_low(&i), c->low, 1e-6, "%g", interval_low(&i));
	cr_assert_float_eq(interval_high(&i), c->high, 1e-6, "%g", interval_high(&i));
}

Test(interval, a_sum_is_surer_than_its_parts)
{
	struct interval one = {}, sum = {};

	interval_add(&one, 10, 100, 1000);
	for (int i = 0; i < 4; i++)
		interval_add(&sum, 10, 100, 1000);
	cr_assert_float_eq(sum.estimate, 400, 1e-6);
	/* Distances add up as squares do: four times the estimate, twice the distance. */
	cr_assert_float_eq(sum.estimate - interval_low(&sum),
			   2 * (one.estimate - interval_low(&one)), 1e-6);
	cr_assert_float_eq(interval_high(&sum) - sum.estimate,
			   2 * (interval_high(&one) - one.estimate), 1e-6);
}

Test(interval, nothing_is_surely_nothing)
{
	struct interval i = {};

	interval_add(&i, 0, 0, 1000);
	cr_assert_eq(interval_low(&i), 0);
	cr_assert_eq(interval_high(&i), 0);
}

/* How often the truth is inside: 95 % are promised. */
Test(interval, the_truth_is_mostly_inside)
{
	unsigned int seed = 1;
	int inside = 0;

	for (int run = 0; run < 2000; run++) {
		struct interval i = {};
		const double shares[3] = { 0.02, 0.2, 0.6 };
		double truth = 0;

		for (int p = 0; p < 3; p++) {
			uint64_t k = 0;

			for (int n = 0; n < 200; n++)
				k += (double)rand_r(&seed) / RAND_MAX < shares[p];
			interval_add(&i, k, 200, 100 * (p + 1));
			truth += shares[p] * 100 * (p + 1);
		}
		inside += interval_low(&i) <= truth && truth <= interval_high(&i);
	}
	cr_assert_geq(inside, 1860, "%d of 2000", inside);
	cr_assert_leq(inside, 1960, "%d of 2000: too wide", inside);
}
