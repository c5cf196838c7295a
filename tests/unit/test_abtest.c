/* SPDX-License-Identifier: GPL-2.0-only */
/* Paired comparison: known samples, and how often the intervals hold the truth. */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>

#include "analysis/abtest.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static void same(double got, double want, double tolerance, const char *what)
{
	cr_assert(fabs(got - want) <= tolerance, "%s: %.10g, should be %.10g", what, got, want);
}

/* Hamilton depression scale after minus before, nine patients: Hollander and Wolfe, table 3.1. */
static const double depression[] = { 0.878 - 1.83, 0.647 - 0.50, 0.598 - 1.62,
				     2.05 - 2.48,  1.06 - 1.68,  1.29 - 1.88,
				     1.06 - 1.55,  3.14 - 3.06,  1.29 - 1.30 };

Test(abtest, a_textbook_sample_has_the_textbook_estimate)
{
	struct abtest t;

	cr_assert_eq(abtest_paired(depression, N(depression), &t), 0);
	cr_assert_eq(t.n, 9);
	/* R: wilcox.test(x, conf.int = TRUE): -0.46, [-0.786, -0.010], 96.1 %. */
	same(t.median.value, -0.46, 1e-9, "estimate");
	same(t.median.low, -0.786, 1e-9, "low");
	same(t.median.high, -0.010, 1e-9, "high");
	same(t.median_confidence, 0.9609375, 1e-12, "confidence");
	/* By hand: mean -3.887 / 9, deviation 0.42686, t(8) = 2.30600. */
	same(t.mean.value, -3.887 / 9, 1e-9, "mean");
	same(t.mean.low, -3.887 / 9 - 2.306004 * 0.4268555 / 3, 1e-5, "mean, low");
	same(t.mean.high, -3.887 / 9 + 2.306004 * 0.4268555 / 3, 1e-5, "mean, high");
	cr_assert_eq(abtest_best(&t)->value, t.median.value);
}

Test(abtest, signed_rank_quantiles_are_those_of_the_tables)
{
	static const struct {
		size_t n, k;
	} rows[] = { { 6, 0 },  { 7, 2 },   { 8, 3 },   { 9, 5 },
		     { 10, 8 }, { 12, 13 }, { 20, 52 }, { 25, 89 } };
	size_t k;
	double p;

	for (size_t i = 0; i < N(rows); i++) {
		cr_assert(signed_rank_quantile(rows[i].n, 0.025, &k, &p));
		cr_assert_eq(k, rows[i].k, "n %zu: %zu, should be %zu", rows[i].n, k, rows[i].k);
		cr_assert(p <= 0.025 && p > 0);
	}
	cr_assert_not(signed_rank_quantile(5, 0.025, &k, &p), "five cannot tell");
	cr_assert(signed_rank_quantile(6, 0.025, &k, &p));
	same(p, 1.0 / 64, 1e-15, "all of six on one side");
}

Test(abtest, many_pairs_go_over_to_the_normal_distribution_without_a_step)
{
	size_t exact, normal;
	double p;

	cr_assert(signed_rank_quantile(200, 0.025, &exact, &p));
	cr_assert(signed_rank_quantile(201, 0.025, &normal, &p));
	/* One rank more raises the mean of the sum by 100. */
	cr_assert(normal > exact && normal - exact < 120, "%zu, %zu", exact, normal);
}

Test(abtest, without_spread_the_interval_is_a_point)
{
	const double x[] = { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1 };
	struct abtest t;

	cr_assert_eq(abtest_paired(x, N(x), &t), 0);
	same(t.mean.low, 0.1, 1e-12, "mean");
	same(t.median.low, 0.1, 1e-12, "median, low");
	same(t.median.high, 0.1, 1e-12, "median, high");
	same(abtest_pct(0.1), 10.517091807564762, 1e-9, "per cent");
}

Test(abtest, below_six_pairs_the_mean_is_told)
{
	const double x[] = { 0.1, 0.2, 0.3, 0.15, 0.25 };
	struct abtest t;

	cr_assert_eq(abtest_paired(x, N(x), &t), 0);
	cr_assert(isnan(t.median.low) && isnan(t.median_confidence));
	same(t.median.value, 0.2, 1e-12, "estimate");
	cr_assert_eq(abtest_best(&t)->value, t.mean.value);
	same(t.mean.value, 0.2, 1e-12, "mean");
	/* deviation sqrt(0.025 / 4), t(4) = 2.77645 */
	same(t.mean.high - 0.2, 2.776445 * sqrt(0.025 / 4 / 5), 1e-6, "half width");
}

Test(abtest, one_wild_pair_of_many_does_not_move_the_ranks)
{
	double x[12];
	struct abtest calm, wild;

	for (int i = 0; i < 12; i++)
		x[i] = 0.10 + 0.001 * i;
	cr_assert_eq(abtest_paired(x, 12, &calm), 0);
	x[7] = 3;
	cr_assert_eq(abtest_paired(x, 12, &wild), 0);
	cr_assert(wild.mean.low < 0, "the mean cannot tell any more");
	same(wild.median.value, calm.median.value, 0.002, "estimate");
	cr_assert(wild.median.low > 0.09 && wild.median.high < 0.13);
}

Test(abtest, what_cannot_be_judged_is_refused)
{
	const double x[] = { 0.1, 0.2, NAN, 0.3 }, y[] = { 0.1, INFINITY, 0.3 };
	struct abtest t = { .n = 77 };

	cr_assert_eq(abtest_paired(x, 2, &t), -ENODATA);
	cr_assert_eq(abtest_paired(x, 4, &t), -EDOM);
	cr_assert_eq(abtest_paired(y, 3, &t), -EDOM);
	cr_assert_eq(t.n, 77, "nothing was written");
}

Test(abtest, verdicts_are_about_the_whole_interval)
{
	const struct abtest_interval more = { 0.02, 0.01, 0.03 }, less = { -0.02, -0.03, -0.01 },
				     none = { 0.005, -0.01, 0.02 };

	cr_assert_eq(abtest_verdict(&more), ABTEST_MORE);
	cr_assert_eq(abtest_verdict(&less), ABTEST_LESS);
	cr_assert_eq(abtest_verdict(&none), ABTEST_UNTOLD);
	cr_assert_eq(abtest_budget(&more, 0.5), ABTEST_OVER);
	cr_assert_eq(abtest_budget(&more, 2), ABTEST_UNSURE);
	cr_assert_eq(abtest_budget(&more, 3.1), ABTEST_WITHIN);
	cr_assert_eq(abtest_budget(&less, 0), ABTEST_WITHIN);
}

/* Noise from a seed: splitmix64 (S. Vigna, public domain). */
static uint64_t state;

static double uniform(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

/* One block in five is disturbed, and ten times as noisy. */
static double disturbed(void)
{
	double x = normal();

	return uniform() < 0.2 ? 10 * x : x;
}

struct coverage {
	double mean, median;             /* shares of runs whose interval holds the truth */
	double mean_width, median_width; /* on average */
};

#define RUNS 4000

static struct coverage simulate(double (*noise)(void), size_t n)
{
	const double truth = 0.01;
	struct coverage c = {};
	double x[64];
	struct abtest t;

	state = 42;
	for (int run = 0; run < RUNS; run++) {
		/* Both blocks of a pair have noise of the same kind. */
		for (size_t i = 0; i < n; i++)
			x[i] = truth + 0.01 * (noise() - noise());
		cr_assert_eq(abtest_paired(x, n, &t), 0);
		c.mean += t.mean.low <= truth && truth <= t.mean.high;
		c.median += t.median.low <= truth && truth <= t.median.high;
		c.mean_width += t.mean.high - t.mean.low;
		c.median_width += t.median.high - t.median.low;
	}
	return (struct coverage){ c.mean / RUNS, c.median / RUNS, c.mean_width / RUNS,
				  c.median_width / RUNS };
}

/* Four standard errors of a share of 4000 runs at 95 % are 1.4 %. */
Test(abtest, intervals_hold_the_truth_in_95_of_100_runs)
{
	struct coverage c = simulate(normal, 12);

	cr_assert(fabs(c.mean - 0.95) < 0.014, "mean: %.3f", c.mean);
	/* Of twelve: 95.8 %. */
	cr_assert(fabs(c.median - 0.9575) < 0.014, "median: %.3f", c.median);
	cr_assert(c.median_width < 1.12 * c.mean_width, "hardly wider where noise is normal");
}

Test(abtest, disturbed_blocks_widen_the_mean_more_than_the_ranks)
{
	struct coverage c = simulate(disturbed, 16);

	cr_assert(c.median > 0.936, "median: %.3f", c.median);
	cr_assert(c.mean > 0.936, "mean: %.3f", c.mean);
	cr_assert(c.median_width < 0.8 * c.mean_width, "%.4f, %.4f", c.median_width, c.mean_width);
}
