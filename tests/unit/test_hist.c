/* SPDX-License-Identifier: GPL-2.0-only */
/* Latency histograms: the geometry that the kernel side shares, and quantiles. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "data/hist.h"

/* Values around every power of two, and some in between. */
static uint64_t probe_value(uint32_t i)
{
	uint64_t base = 1ull << (i / 7 % HIST_MAX_BITS);

	switch (i % 7) {
	case 0:
		return base - 1;
	case 1:
		return base;
	case 2:
		return base + 1;
	default:
		return base + base * (i % 7) / 7;
	}
}

#define PROBES (7 * HIST_MAX_BITS)

Test(hist, a_value_lies_within_its_bucket)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		uint64_t v = probe_value(i);
		uint32_t bucket = hist_index(v);

		cr_assert_lt(bucket, HIST_BUCKETS);
		if (v >> HIST_MAX_BITS)
			continue;
		cr_assert_geq(v, hist_low(bucket), "%lu in %u", v, bucket);
		cr_assert_lt(v, hist_low(bucket + 1), "%lu in %u", v, bucket);
	}
}

Test(hist, what_stands_for_a_value_is_off_by_a_sixteenth_at_most)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		uint64_t v = probe_value(i), stand = hist_value(hist_index(v));
		uint64_t diff = stand > v ? stand - v : v - stand;

		if (!(v >> HIST_MAX_BITS))
			cr_assert_leq(16 * diff, v, "%lu is shown as %lu", v, stand);
	}
}

Test(hist, buckets_follow_each_other_without_gaps)
{
	for (uint32_t i = 1; i <= HIST_BUCKETS; i++) {
		cr_assert_lt(hist_low(i - 1), hist_low(i));
		if (i < HIST_BUCKETS)
			cr_assert_eq(hist_index(hist_low(i)), i);
		cr_assert_eq(hist_index(hist_low(i) - 1), i - 1);
	}
}

Test(hist, small_values_have_a_bucket_each)
{
	for (uint64_t v = 0; v < 1u << HIST_SUB_BITS; v++)
		cr_assert_eq(hist_value(hist_index(v)), v);
}

Test(hist, very_long_times_share_the_last_bucket)
{
	cr_assert_eq(hist_index(1ull << HIST_MAX_BITS), HIST_BUCKETS - 1);
	cr_assert_eq(hist_index(UINT64_MAX), HIST_BUCKETS - 1);
}

Test(hist, an_empty_histogram_has_quantile_zero)
{
	struct hist h = {};

	cr_assert_eq(hist_count(&h), 0);
	cr_assert_eq(hist_quantile(&h, 0.5, 3, 9), 0);
}

Test(hist, quantiles_are_by_nearest_rank)
{
	struct hist h = {};

	h.buckets[hist_index(1)] = 50;
	h.buckets[hist_index(4)] = 49;
	h.buckets[hist_index(7)] = 1;
	cr_assert_eq(hist_quantile(&h, 0, 1, 7), 1);
	cr_assert_eq(hist_quantile(&h, 0.5, 1, 7), 1);
	cr_assert_eq(hist_quantile(&h, 0.51, 1, 7), 4);
	cr_assert_eq(hist_quantile(&h, 0.99, 1, 7), 4);
	cr_assert_eq(hist_quantile(&h, 0.995, 1, 7), 7);
	cr_assert_eq(hist_quantile(&h, 1, 1, 7), 7);
}

Test(hist, quantiles_stay_between_the_exact_extremes)
{
	struct hist h = {};

	h.buckets[hist_index(1000)] = 2;
	/* The bucket is 960 to 1023, its middle 992. */
	cr_assert_eq(hist_quantile(&h, 0.5, 970, 1010), 992);
	cr_assert_eq(hist_quantile(&h, 0.5, 1000, 1010), 1000);
	cr_assert_eq(hist_quantile(&h, 0.5, 970, 980), 980);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

Test(hist, quantiles_of_many_values_are_off_by_a_sixteenth_at_most)
{
	static const double q[] = { 0.5, 0.9, 0.99, 0.999 };
	static uint64_t values[10000];
	static struct hist h;
	uint64_t state = 1;

	for (size_t i = 0; i < 10000; i++) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		values[i] = (state >> 33) % 1000 * ((state >> 20) % 100000);
		h.buckets[hist_index(values[i])]++;
	}
	qsort(values, 10000, sizeof(*values), by_value);
	for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
		double exact = (double)values[(size_t)(q[i] * 10000 + 0.5) - 1];
		double got = (double)hist_quantile(&h, q[i], values[0], values[9999]);

		cr_assert_leq(got, exact * 17 / 16);
		cr_assert_geq(got, exact * 15 / 16);
	}
}

Test(hist, adding_adds_bucket_by_bucket)
{
	struct hist a = {}, b = {};

	a.buckets[3] = 1;
	b.buckets[3] = 2;
	b.buckets[HIST_BUCKETS - 1] = 5;
	hist_add(&a, &b);
	cr_assert_eq(a.buckets[3], 3);
	cr_assert_eq(hist_count(&a), 8);
	cr_assert_eq(hist_count(&b), 7);
}
